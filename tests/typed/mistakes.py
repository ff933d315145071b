"""
Mistakes: type checkers report each line that ends in the mark, and no other line.
"""

from __future__ import annotations

import azure_realtime.audio
import azure_realtime.voice
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, SessionConfig
from azure_realtime.events import ResponseCreated, ResponseDone, ServerEvent

client = AzureRealTimeAudio(AzureRealTimeOptions.from_env())

azure_realtime.AzureRealtimeAudio  # E
azure_realtime.audio.Microfone  # E
azure_realtime.voice.VoceCall  # E
client.on("response.done", lambda event: event.session)  # E
client.on("response.audio.delta", lambda event: event.text)  # E
client.on("init", lambda event: event.delta)  # E
client.once(ResponseDone, lambda event: event.session)  # E
client.once("closed", lambda event: event.code)  # E
client.on("a.new.event", lambda event: event.delta)  # E
client.on("response.done", None)  # E
client.on(5, print)  # E


def created(event: ResponseCreated) -> None: ...


client.on("response.done", created)  # E
client.on("response.created", created)


@client.on("response.done")  # E
def wrong_name(event: ResponseCreated) -> None: ...


@client.on("response.created")
def right_name(event: ResponseCreated) -> None: ...


client.wait_for("response.done").session  # E
client.wait_for("response.done", where=lambda event: event.session)  # E
client.wait_for("a.new.event").delta  # E
client.wait_for("response.done", timeout="5")  # E
with client.expect("session.updated") as expected:
    pass
expected.event.response  # E

for event in client.events("response.output_text.delta", "response.done"):
    if event.type == "response.done":
        event.delta  # E
    else:
        event.response  # E
    event.delta  # E
for one in client.events("response.done"):
    one.delta  # E
for any_event in client.events("init", "closed", "error", "reconnected", "expiring"):
    any_event.session  # E


def takes_done(event: ResponseDone) -> None: ...


def base(event: ServerEvent) -> None:
    takes_done(event)  # E


client.ask("x", temprature=1)  # E
client.ask("x", modalities="text")  # E
client.ask("x", voice=3)  # E
client.ask(5)  # E
client.ask(audio=5)  # E
client.ask("x", image=5)  # E
client.stream("x", instructions=["Be brief."])  # E
client.stream("x").turn.txt  # E
client.create_response(max_output_tokens=[1])  # E
client.create_response(when_busy="later")  # E
client.update_session(turn_detection="server_vad")  # E
client.update_session(tools="f")  # E
client.update_session(intructions="x")  # E
client.append_audio([1, 2, 3])  # E
client.append_audio(1.5)  # E
client.delete_item(5)  # E
SessionConfig(turn_detection="server_vad")  # E
SessionConfig(input_audio_transcription="whisper-1")  # E
SessionConfig(include="x")  # E
AzureRealTimeOptions("h", "d", "k", session_config=["x"])  # E
AzureRealTimeAudio(AzureRealTimeOptions.from_env(), dispatch=5)  # E
AzureRealTimeAudio.from_env(deployement="d")  # E
AzureRealTimeOptions.from_env(api_key=5)  # E
client.conversation.observe(event)  # E
client.conversation.forget(["id"])  # E


@client.tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


add(1)  # E
add(1, c=2)  # E
add(1, 2).upper()  # E
client.tool(5)  # E
