"""
Audio on its way in: turns found by their sound, formats, the buffer and its clock.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from azure_realtime.simulator import Reply, Request, Simulator
from azure_realtime.simulator._speech.audio import bytes_per_ms, encode_audio

Client = Any
Join = Callable[..., Any]
Serve = Callable[..., Simulator]
Json = dict[str, Any]

_NO_RESPONSE = {"type": "server_vad", "create_response": False}
_SECOND = bytes(48_000)


def turn(client: Client) -> tuple[int, int, str]:
    """
    Return start, end and item of the next turn.
    """
    started = client.until("input_audio_buffer.speech_started")
    stopped = client.until("input_audio_buffer.speech_stopped")
    assert started["item_id"] == stopped["item_id"]
    return started["audio_start_ms"], stopped["audio_end_ms"], stopped["item_id"]


def test_a_turn_starts_before_the_sound_and_ends_after_the_silence(
    client: Client, speech: bytes
) -> None:
    """A turn starts before the first sound and ends after the silence."""
    client.detect(
        {**_NO_RESPONSE, "prefix_padding_ms": 100, "silence_duration_ms": 400}
    )
    client.append(_SECOND + speech)
    start, end, item_id = turn(client)
    client.send("conversation.item.retrieve", item_id=item_id)
    item = client.until("conversation.item.retrieved")["item"]
    audio = base64.b64decode(item["content"][0]["audio"])

    assert 1000 < start < 1500
    assert start + 900 < end < 1000 + len(speech) // 48
    # The item holds exactly the audio between the two times.
    assert (end - start) * 48 == len(audio)
    assert (_SECOND + speech)[start * 48 : end * 48] == audio


def test_the_clock_is_never_set_back(client: Client, speech: bytes) -> None:
    """The audio clock is never set back: not by a commit, a clear or an update."""
    client.detect(_NO_RESPONSE)
    client.append(speech)
    first, _, _ = turn(client)
    client.append(_SECOND)
    client.send("input_audio_buffer.clear")
    client.detect({**_NO_RESPONSE, "threshold": 0.4})
    client.append(speech)
    second, _, _ = turn(client)

    later = second - first - (len(speech) + len(_SECOND)) // 48
    assert -60 <= later <= 60


@pytest.mark.parametrize(
    ("protocol", "preview", "kind"),
    [("ga", "g711_ulaw", "audio/pcmu"), ("preview", "g711_alaw", "audio/pcma")],
)
def test_telephone_audio_is_understood_and_spoken(
    client: Client, speech: bytes, preview: str, kind: str
) -> None:
    """Telephone audio is understood and spoken in both directions."""
    fmt = {"type": kind}
    client.update(
        {"audio": {"input": {"format": fmt}, "output": {"format": fmt}}},
        {"input_audio_format": preview, "output_audio_format": preview},
    )
    client.append(encode_audio(speech, kind), 800)
    _, end, item_id = turn(client)
    client.until("response.done")
    answer = b"".join(
        base64.b64decode(event["delta"])
        for event in client.named("response.output_audio.delta")
    )
    client.send("conversation.item.retrieve", item_id=item_id)
    item = client.until("conversation.item.retrieved")["item"]

    assert end < len(speech) / 48
    assert len(answer) > 8000
    # A-law and mu-law silence are far from PCM's: the reply must not be PCM.
    assert len(answer) / bytes_per_ms(kind) > 1000
    assert len(base64.b64decode(item["content"][0]["audio"])) > 8 * 900


@pytest.mark.parametrize("detection", [None, {"type": "none"}])
def test_without_detection_no_turn_is_detected(
    client: Client, speech: bytes, detection: Any
) -> None:
    """Without turn detection no turn is detected."""
    if detection is not None and client.protocol == "ga":
        detection = None
    client.detect(detection)
    client.append(speech)
    client.send("input_audio_buffer.commit")
    client.until("conversation.item.added")

    assert not client.named("input_audio_buffer.speech_started")


def test_silence_is_no_turn(client: Client) -> None:
    """Silence starts no turn, but it can be committed by hand."""
    client.append(_SECOND * 3)
    client.send("input_audio_buffer.commit")
    client.until("conversation.item.added")

    assert not client.named("input_audio_buffer.speech_started")


def test_cleared_audio_cannot_be_committed(client: Client, speech: bytes) -> None:
    """What has been cleared can no longer be committed."""
    client.append(speech[: len(speech) // 2])
    client.send("input_audio_buffer.clear")
    client.until("input_audio_buffer.cleared")
    client.send("input_audio_buffer.commit")

    error = client.until("error")["error"]
    assert "input_audio_buffer_commit_empty" == error["code"]
    assert "0.00ms" in error["message"]


def test_a_commit_in_the_middle_of_speech_ends_the_turn(
    client: Client, speech: bytes
) -> None:
    """A commit by hand while the user speaks ends that very turn's item."""
    client.append(speech[: len(speech) // 2])
    started = client.until("input_audio_buffer.speech_started")
    client.send("input_audio_buffer.commit")
    committed = client.until("input_audio_buffer.committed")

    assert started["item_id"] == committed["item_id"]


@pytest.mark.parametrize(
    ("eagerness", "silence_ms"), [("high", 250), ("auto", 500), ("low", 1000)]
)
def test_less_eager_semantic_detection_waits_longer(
    client: Client, speech: bytes, eagerness: str, silence_ms: int
) -> None:
    """The less eager semantic detection is, the longer it waits for more."""
    ends = []
    for detection in (
        {"type": "semantic_vad", "eagerness": eagerness},
        {"type": "server_vad", "silence_duration_ms": silence_ms},
    ):
        client.detect({**detection, "create_response": False})
        client.send("input_audio_buffer.clear")
        client.append(speech + _SECOND)
        start, end, _ = turn(client)
        ends.append(end - start)

    assert ends[0] == ends[1]


def test_interruption_can_be_off(
    serve: Serve, join: Join, protocol: str, speech: bytes
) -> None:
    """With interrupt_response off, the turn waits for the answer's end."""
    service = serve(replies=["One two three four five six seven eight.", "Two."])
    client = join(service, protocol)
    client.detect({"type": "server_vad", "interrupt_response": False})
    client.say("Count")
    client.send("response.create")
    client.until("response.output_audio.delta")
    client.append(speech)
    first = client.until("response.done")["response"]
    second = client.until("response.done")["response"]

    assert ["completed", "completed"] == [first["status"], second["status"]]
    assert "Two." == second["output"][0]["content"][0]["transcript"]


def test_a_script_gets_the_duration_of_speech(
    serve: Serve, join: Join, protocol: str, speech: bytes
) -> None:
    """A script gets the duration of the user's speech, and may set its transcript."""
    seen: list[Request] = []

    def script(request: Request) -> Reply:
        seen.append(request)
        return Reply("Indeed.", heard="Nice weather")

    client = join(serve(pace=0, replies=script), protocol)
    client.append(speech)
    client.until("response.done")
    client.ask("And now?")

    assert 900 < seen[0].audio_ms < 3000
    assert "" == seen[0].text
    assert "And now?" == seen[1].text
    part = seen[1].items[0]["content"][0]
    assert ("input_audio", "Nice weather") == (part["type"], part["transcript"])


def test_two_turns_keep_their_order(client: Client, speech: bytes) -> None:
    """Each turn's item follows the last answer."""
    client.append(speech)
    client.until("response.done")
    client.append(speech)
    client.until("response.done")
    added = client.named("conversation.item.added")

    ids = [event["item"]["id"] for event in added]
    assert [None, *ids[:-1]] == [event["previous_item_id"] for event in added]
    committed = client.named("input_audio_buffer.committed")
    assert [None, ids[1]] == [event["previous_item_id"] for event in committed]
