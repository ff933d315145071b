"""
`show_transcript`: the conversation in the output of a cell, as it comes.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import GA, Variant, drained

from azure_realtime import AzureRealTimeAudio
from azure_realtime.notebook import TranscriptView

HOSTILE = "<script>alert('a')</script>"


class Cell:
    """
    The pictures that a notebook's page received, by the id of the display.
    """

    def __init__(self) -> None:
        self.pictures: list[dict[str, str]] = []
        self.ids: list[tuple[str, bool]] = []

    def publish(self, data: Any, metadata: Any = None, **more: Any) -> None:
        """
        Receive a picture, as IPython's publisher.
        """
        self.pictures.append(data)
        self.ids.append((more["transient"]["display_id"], more["update"]))

    @property
    def html(self) -> str:
        """
        What the page shows now.
        """
        return self.pictures[-1]["text/html"]


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cell]:
    """
    A running IPython whose output is kept.
    """
    pytest.importorskip("IPython", reason="IPython comes with the extra 'docs'")
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    no_history = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=no_history)
    shown = Cell()
    monkeypatch.setattr(shell, "display_pub", shown)
    yield shown
    InteractiveShell.clear_instance()


def test_the_transcript_is_drawn_as_it_comes(variant: Variant, cell: Cell) -> None:
    """
    One output, which shows the question, the growing answer, and the status at the end.
    """
    service = {"replies": [f"It is {HOSTILE} warm and sunny today."]}
    with variant.connected(service=service) as (client, _):
        view = client.show_transcript()
        assert "no items yet" in cell.html
        client.ask("How is the weather?", timeout=20)
        client.set_model_speak_done()
        drained(client)

        assert "How is the weather?" in cell.html
        assert "&lt;script&gt;" in cell.html
        assert "idle" in cell.html
    assert "closed" in cell.html
    assert not any(HOSTILE in picture["text/html"] for picture in cell.pictures)
    grown = {picture["text/plain"] for picture in cell.pictures}
    assert any("assistant: It" in text and "today" not in text for text in grown)
    assert len({display_id for display_id, _ in cell.ids}) == 1
    assert [update for _, update in cell.ids] == [False] + [True] * (len(cell.ids) - 1)
    assert view._ipython_display_() is None  # nothing more, as the cell's last value


def test_prints_of_listeners_appear_below(cell: Cell) -> None:
    """
    ``print(..., file=view)`` in a listener is shown in the transcript's cell, as text.
    """
    with GA.connected(service={"pace": 0, "replies": ["Hello."]}) as (client, _):
        view = client.show_transcript()
        client.on("response.done", lambda event: print(HOSTILE, "done", file=view))
        client.ask("Hi", timeout=20)
        drained(client)

        assert f"Hello.\n{HOSTILE} done" in cell.pictures[-1]["text/plain"]
        assert HOSTILE not in cell.html
        assert "&lt;/script&gt; done" in cell.html
        before = len(cell.pictures)
        view.write("half a line")
        assert len(cell.pictures) == before
        view.flush()
        assert "half a line" in cell.html
        for number in range(3_000):
            view.write(f"{number} of many\r")
        view.flush()
        assert "2999 of many" in cell.html
        assert len(cell.html) < 200_000


def test_a_new_view_ends_the_earlier_one(cell: Cell) -> None:
    """
    A cell that is run again adds one view, not a second one that draws as well.
    """
    with GA.connected(service={"pace": 0, "replies": ["a", "b"]}) as (client, _):
        client.show_transcript()
        view = client.show_transcript()
        drained(client)
        first, second = dict.fromkeys(display_id for display_id, _ in cell.ids)
        cell.ids.clear()
        client.ask("Hi", timeout=20)
        drained(client)
        assert {second} == {display_id for display_id, _ in cell.ids}
        assert first != second

        view.stop()
        drained(client)
        cell.ids.clear()
        client.ask("Again", timeout=20)
        drained(client)
        assert cell.ids == []


def test_deltas_are_drawn_at_intervals_and_the_end_at_once(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A fast answer does not flood the page, and its last word is not missing.
    """
    monkeypatch.setattr("azure_realtime.notebook.transcript._INTERVAL", 1_000.0)
    words = " ".join(f"word{number}" for number in range(300)) + " end."
    with GA.connected(service={"pace": 0, "replies": [words]}) as (client, _):
        client.show_transcript()
        client.ask("Speak", modalities=["text"], timeout=20)
        drained(client)
        assert len(cell.pictures) < 40
        assert "word299 end." in cell.html


def test_two_threads_that_draw_leave_the_latest_picture(cell: Cell) -> None:
    """
    The older of two pictures may be published last; then a newer one follows.
    """
    with GA.connected() as (client, _):
        view = client.show_transcript()
        drained(client)
        publish = cell.publish

        def publish_late(data: Any, metadata: Any = None, **more: Any) -> None:
            cell.publish = publish  # type: ignore[method-assign]
            view.write("newer\n")
            publish(data, metadata, **more)

        cell.publish = publish_late  # type: ignore[method-assign]
        view.write("older\n")
        assert "newer" in cell.html


@pytest.mark.parametrize("assigned", [True, False], ids=["kept", "dropped"])
def test_the_view_does_not_keep_its_client(
    cell: Cell, assigned: bool, eventually: Callable[..., None]
) -> None:
    """
    A cell that makes the client again closes the earlier one, also with a view of it.
    """
    with GA.service(pace=0) as service:
        client: Any = GA.client(service.url)
        client.connect(20)
        view: TranscriptView | None = client.show_transcript()
        if not assigned:
            view = None
        reference = weakref.ref(client)
        client = None
        gc.collect()
        assert reference() is None
        assert service.wait_for_connection().wait_closed(10)
        if view is not None:
            view.stop()
            assert repr(view) == "<TranscriptView of 0 items>"


def test_the_transcript_needs_a_notebook() -> None:
    """
    A script gets a sentence that says what to do, and does not load IPython.
    """
    with GA.service(pace=0) as service, GA.client(service.url) as client:
        assert isinstance(client, AzureRealTimeAudio)
        with pytest.raises(RuntimeError, match=r"print\(client\.conversation\)"):
            client.show_transcript()
