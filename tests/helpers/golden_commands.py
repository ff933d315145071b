"""
The commands behind the golden files, in the words a user would choose.

``golden/{ga,preview}/NAME.json`` is what must be on the wire; it was written from the
published tables, not printed by this library. A name without a file on one side
cannot be expressed there.
"""

from typing import Any

from azure_realtime.events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from azure_realtime.models.content import InputAudio, InputText
from azure_realtime.models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    ItemReference,
    McpApprovalResponseItem,
    MessageItem,
)
from azure_realtime.models.responses import ResponseConfig
from azure_realtime.models.session import SessionConfig
from azure_realtime.models.session_parts import (
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatioTruncation,
    Tracing,
    Transcription,
)
from azure_realtime.models.tools import (
    FunctionTool,
    McpTool,
    ToolChoiceFunction,
    ToolChoiceMcp,
)
from azure_realtime.models.turn_detection import SemanticVad, ServerVad


def _item(item: Any, **fields: Any) -> ConversationItemCreate:
    return ConversationItemCreate(item=item, **fields)


def _session(**fields: Any) -> SessionUpdate:
    return SessionUpdate(session=SessionConfig(**fields))


COMMANDS: dict[str, ClientEvent] = {
    "input_audio_buffer.append": InputAudioBufferAppend(
        event_id="evt_1", audio=b"\x00\x00\x01\x00"
    ),
    "input_audio_buffer.commit": InputAudioBufferCommit(),
    "input_audio_buffer.clear": InputAudioBufferClear(),
    "output_audio_buffer.clear": OutputAudioBufferClear(),
    "conversation.item.delete": ConversationItemDelete(item_id="item_1"),
    "conversation.item.retrieve": ConversationItemRetrieve(item_id="item_1"),
    "conversation.item.truncate": ConversationItemTruncate(
        item_id="item_1", content_index=0, audio_end_ms=1500
    ),
    "response.cancel": ResponseCancel(response_id="resp_1"),
    "conversation.item.create": _item(
        MessageItem(
            "user",
            [InputText("Grüße"), InputAudio(b"\x00\x00\x01\x00", transcript="hello")],
            id="item_1",
        ),
        previous_item_id="root",
    ),
    "conversation.item.create--assistant": _item(MessageItem("assistant", "Hi.")),
    "conversation.item.create--function_call": _item(
        FunctionCallItem("weather", '{"city":"Oslo"}', "call_1")
    ),
    "conversation.item.create--function_call_output": _item(
        FunctionCallOutputItem("call_1", '{"celsius":4}')
    ),
    "conversation.item.create--image": _item(
        {
            "type": "message",
            "role": "user",
            "content": [
                {
                    "type": "input_image",
                    "image_url": "data:image/png;base64,AAAA",
                    "detail": "low",
                },
                {"type": "input_text", "text": "What is it?"},
            ],
        }
    ),
    "conversation.item.create--mcp_approval_response": _item(
        McpApprovalResponseItem("item_8", approve=True, id="item_9", reason="trusted")
    ),
    "response.create--plain": ResponseCreate(),
    "response.create": ResponseCreate(
        event_id="evt_2",
        response=ResponseConfig(
            modalities=["text", "audio"],
            instructions="Be brief.",
            voice="verse",
            output_audio_format="g711_ulaw",
            tools=[
                FunctionTool(
                    "weather",
                    "Tells the weather.",
                    {"type": "object", "properties": {"city": {"type": "string"}}},
                )
            ],
            tool_choice=ToolChoiceFunction("weather"),
            max_output_tokens=200,
            conversation="none",
            metadata={"topic": "weather"},
            input=[ItemReference("item_1"), MessageItem("assistant", "Yes?")],
        ),
    ),
    "session.update": _session(
        instructions="Be kind.",
        modalities=["audio"],
        input_audio_format="pcm16",
        input_audio_transcription=Transcription("whisper-1", "de"),
        input_audio_noise_reduction=NoiseReduction("near_field"),
        turn_detection=ServerVad(
            threshold=0.4,
            prefix_padding_ms=200,
            silence_duration_ms=600,
            create_response=True,
            interrupt_response=False,
        ),
        output_audio_format="g711_alaw",
        voice="coral",
        speed=1.1,
        tools=[FunctionTool("now")],
        tool_choice="auto",
        max_response_output_tokens="inf",
        tracing="auto",
        include=["item.input_audio_transcription.logprobs"],
    ),
    "session.update--nulls": _session(
        instructions="",
        tools=[],
        tracing=None,
        input_audio_transcription=None,
        input_audio_noise_reduction=None,
        turn_detection=None,
    ),
    "session.update--transcription": _session(
        type="transcription",
        include="item.input_audio_transcription.logprobs",
        input_audio_format="audio/pcm",
        input_audio_transcription={"model": "my-transcriber", "prompt": "names"},
        turn_detection=SemanticVad("low"),
    ),
    "session.update--ga_only": _session(
        parallel_tool_calls=False,
        reasoning=Reasoning("low"),
        truncation=RetentionRatioTruncation(0.8, {"post_instructions": 8000}),
        prompt=Prompt("pmpt_1", "3", {"city": "Oslo"}),
        tracing=Tracing("calls", "g1"),
        tools=[
            McpTool(
                "docs",
                "https://example.com/mcp",
                allowed_tools=["search"],
                require_approval="never",
            )
        ],
        tool_choice=ToolChoiceMcp("docs", "search"),
        input_audio_transcription=Transcription(
            "gpt-transcribe", languages=["de", "en"], keywords=["Oslo"], delay="low"
        ),
        turn_detection=ServerVad(idle_timeout_ms=6000),
        voice={"id": "voice_1"},
    ),
    "session.update--preview_only": _session(
        temperature=0.7,
        client_secret={"expires_after": {"anchor": "created_at", "seconds": 60}},
    ),
}
