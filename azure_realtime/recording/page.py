"""
Makes the page of a timeline: picture, transcript and players in one file of HTML.

Every text of the service and of the application is escaped. The page has no script, and
its policy allows none, nor any request.
"""

from __future__ import annotations

from html import escape

from ..audio.encoding import encode
from ..audio.formats import as_pcm
from ..audio.wav import wav_bytes
from ..models.turn import ToolCall, Turn
from .drawing import draw
from .exchanges import Exchange
from .moments import Moments
from .question_audio import question_audio
from .shapes import shown
from .stages import LABELS, STAGES, TurnTimes
from .svg import svg

_MAX_AUDIO = 64 << 20  # bytes of audio in one page

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
)
_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f3f4f6; color: #1f2937;
  font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 22px; margin: 0; overflow-wrap: anywhere; }
.facts { color: #6b7280; margin: 2px 0 18px; }
.facts b { color: #1f2937; font-weight: 600; }
.picture { background: #fff; border: 1px solid #e5e7eb; border-radius: 10px;
  padding: 6px; overflow-x: auto; }
.picture svg { display: block; width: 100%; min-width: 900px; height: auto; }
article { background: #fff; border: 1px solid #e5e7eb; border-radius: 10px;
  margin-top: 14px; padding: 14px 18px; }
article header { color: #6b7280; font-size: 13px; display: flex; flex-wrap: wrap;
  gap: 4px 16px; margin-bottom: 6px; }
article header b { color: #1f2937; }
.line { display: grid; grid-template-columns: 62px 1fr; gap: 0 12px; padding: 5px 0; }
.who { font-weight: 600; font-size: 13px; padding-top: 1px; }
.user .who { color: #2563eb; } .model .who { color: #0f766e; }
.tool .who { color: #b45309; } .alarm { color: #dc2626; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; }
.none { color: #6b7280; font-style: italic; }
code { font: 13px ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
audio { display: block; height: 34px; width: 320px; max-width: 100%; margin-top: 5px; }
footer { color: #6b7280; font-size: 13px; margin-top: 20px; }
"""


def page(moments: Moments) -> str:
    """
    Return the page.
    """
    title = escape(shown(moments.title, 120))
    budget = _Budget()
    turns = "\n".join(
        _turn(moments, times, exchange, budget)
        for times, exchange in zip(moments.turns, moments.exchanges, strict=True)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="facts">{_facts(moments)}</p>
<div class="picture">
{svg(draw(moments))}
</div>
{turns}
<footer>{_notes(moments, budget)}</footer>
</main>
</body>
</html>
"""


class _Budget:
    """
    Limits the audio in the page.
    """

    def __init__(self) -> None:
        self.left = _MAX_AUDIO
        self.is_exceeded = False

    def player(self, pcm: bytes, rate: int) -> str:
        """
        Return a player, or nothing if there is no audio, or no room for it.
        """
        if not pcm:
            return ""
        if len(pcm) > self.left:
            self.is_exceeded = True
            return ""
        self.left -= len(pcm)
        data = encode(wav_bytes(pcm, rate))
        source = f"data:audio/wav;base64,{data}"
        return f'<audio controls preload="metadata" src="{source}"></audio>'


def _facts(moments: Moments) -> str:
    tokens = sum(exchange.turn.usage.total_tokens for exchange in moments.exchanges)
    facts = [
        f"<b>{moments.end - moments.start:.1f} s</b>",
        f"<b>{len(moments.turns)}</b> turn{'' if len(moments.turns) == 1 else 's'}",
        f"<b>{tokens:,}</b> tokens",
    ]
    for stage in ("first_audio", "first_played"):
        values = moments.latencies(stage)
        is_repeated = stage == "first_played" and _is_estimated(moments)
        if len(values) > 1 and not is_repeated:
            p50 = moments.percentiles(0.5)[stage]
            p95 = moments.percentiles(0.95)[stage]
            facts.append(
                f"{LABELS[stage]}: p50 <b>{p50:.2f} s</b>, p95 <b>{p95:.2f} s</b>"
            )
    return " &middot; ".join(facts)


def _turn(
    moments: Moments, times: TurnTimes, exchange: Exchange, budget: _Budget
) -> str:
    turn = exchange.turn
    question = turn.heard or exchange.question
    user = _line(
        "user", "user", question, budget.player(*question_audio(moments, times))
    )
    tools = "".join(_tool(call) for call in turn.tool_calls)
    remark = _remark(turn, times)
    answer = budget.player(*as_pcm(turn.audio, turn.audio_format))
    model = _line("model", "model", turn.text, remark + answer)
    latencies = "".join(
        f"<span>{LABELS[stage]} <b>{value:.2f} s</b></span>"
        for stage in (*STAGES, "first_text")
        if (value := times.latency(stage)) is not None
        and not (stage == "first_text" and times.first_audio is not None)
        and not (stage == "first_played" and times.is_estimated)
    )
    name = f"<b>turn {times.number}</b><span>at {times.began:.1f} s</span>"
    return f"""<article>
<header>{name}{latencies}</header>
{user}{tools}{model}
</article>"""


def _line(kind: str, who: str, transcript: str, more: str = "") -> str:
    text = (
        f'<span class="said">{escape(transcript.strip())}</span>'
        if transcript and transcript.strip()
        else '<span class="none">no transcript</span>'
    )
    return (
        f'<div class="line {kind}"><div class="who">{who}</div>'
        f"<div>{text}{more}</div></div>\n"
    )


def _tool(call: ToolCall) -> str:
    name, arguments = escape(call.name), escape(call.arguments)
    output = "" if call.output is None else f" &rarr; {escape(call.output)}"
    return (
        f'<div class="line tool"><div class="who">tool</div>'
        f"<div><code>{name}({arguments}){output}</code></div></div>\n"
    )


def _remark(turn: Turn, times: TurnTimes) -> str:
    status = turn.response.status
    if times.interrupted is not None:
        return ' <span class="alarm">(interrupted)</span>'
    if status in ("", "completed"):
        return ""
    return f' <span class="alarm">({escape(shown(status))})</span>'


def _is_estimated(moments: Moments) -> bool:
    return any(turn.is_estimated and turn.first_played for turn in moments.turns)


def _notes(moments: Moments, budget: _Budget) -> str:
    notes = ["Times are in seconds after the start of the recording."]
    if _is_estimated(moments):
        notes.append(
            "Playback is estimated: the recording does not have it, so answers count "
            "as played one after the other, from their first audio on."
        )
    if budget.is_exceeded:
        notes.append(f"Audio beyond {_MAX_AUDIO >> 20} MiB was left out.")
    return " ".join(notes)
