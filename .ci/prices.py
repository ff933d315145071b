"""
Makes azure_realtime/models/prices.json from a table of published prices.

    python .ci/prices.py TABLE

It takes the rows of models that are billed by tokens, and of them what `Prices` has.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parents[1] / "azure_realtime" / "models" / "prices.json"
PRICES = (
    "text_in",
    "text_in_cached",
    "text_out",
    "audio_in",
    "audio_in_cached",
    "audio_out",
    "image_in",
    "image_in_cached",
)
KEPT = ("provider", "model", "zone", *PRICES, "date", "sources")


def table(source: dict[str, Any]) -> str:
    """
    Return the text of the file. A figure that the table does not have is left out.
    """
    unit = "USD per 1M tokens"
    rows = [
        {key: row[key] for key in KEPT if key in row}
        for row in source["rows"]
        if row["unit"] == unit and row["provider"] in ("azure", "openai")
    ]
    about = {"unit": unit, "retrieved": source["_meta"]["retrieved"]}
    return json.dumps({"about": about, "rows": rows}, indent=1) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(table(json.loads(Path(sys.argv[1]).read_text("utf-8"))), "utf-8")
