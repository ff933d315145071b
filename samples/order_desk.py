"""
FILE: order_desk.py

DESCRIPTION:
    An order desk: one question, two tools that run at the same time, one spoken answer.
    Each tool takes a second, as a database would. The results are sent in the order of
    the calls, and the model is asked to go on once.

USAGE:
    python samples/order_desk.py

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

import time
from typing import Any

from _service import service

from azure_realtime import AzureRealTimeAudio, SessionConfig

ORDERS = {"A-17": "packed", "A-18": "on its way"}
STOCK = {"lamp": 4, "chair": 0}
CONFIG = SessionConfig(
    instructions="You work at an order desk. Look things up; answer in one sentence.",
)
QUESTION = "Where is my order A-18, and have you any more lamps?"


def script() -> list[Any]:
    """
    Return the replies of the local service: two calls, then a sentence.
    """
    from azure_realtime.simulator import Reply, ToolCall

    calls = [
        ToolCall("order_status", {"order": "A-18"}),
        ToolCall("stock", {"article": "lamp"}),
    ]
    return [
        Reply(calls=calls),
        "Your order is on its way, and we have four more lamps.",
    ]


def main() -> None:
    with (
        service(script, session_config=CONFIG) as options,
        AzureRealTimeAudio(options) as client,
    ):

        @client.tool
        def order_status(order: str) -> str:
            """
            Look up the state of an order.

            Args:
                order: The number of the order, such as A-17.
            """
            time.sleep(1.0)
            return ORDERS.get(order, "no such order")

        @client.tool
        def stock(article: str) -> dict[str, int]:
            """
            Count the pieces of an article in stock.

            Args:
                article: One word, singular.
            """
            time.sleep(1.0)
            return {article: STOCK.get(article, 0)}

        print(">", QUESTION)
        begin = time.monotonic()
        turn = client.ask(QUESTION, timeout=60)
        for call in turn.tool_calls:
            print(f"  {call.name}({call.arguments}) -> {call.output}")
        print(turn.transcript)
        seconds = time.monotonic() - begin
        print(f"{len(turn.tool_calls)} calls of 1 s each: {seconds:.1f} s for the turn")


if __name__ == "__main__":
    main()
