"""
The client's threads import no module and create no class.

A child that is forked while another thread imports inherits a locked import system, and
a class costs half a millisecond to create.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from helpers.clients import GA, KEY, Variant
from helpers.processes import start_script
from helpers.timing import SCALE

from azure_realtime.simulator import Reply, Request, ToolCall

# The service runs in the test's process: it must not import anything for the client.
_CLIENT = """
import builtins, gc, ssl, sys, threading

gc.disable()  # a class is part of a cycle: none that is created can disappear


class Watch:
    # The import system asks the first finder for each module that is not loaded.
    def __init__(self):
        self.found = []
        self.main = threading.main_thread()
        self.build_class = builtins.__build_class__
        builtins.__build_class__ = self.build
        sys.meta_path.insert(0, self)

    def note(self, what):
        thread = threading.current_thread()
        if thread is not self.main:
            self.found.append(f"{thread.name}: {what}")

    def find_spec(self, name, path=None, target=None):
        self.note(f"import {name}")
        return None

    def build(self, function, name, *bases, **options):
        self.note(f"class {name}")
        return self.build_class(function, name, *bases, **options)


def classes():
    known, todo = set(), [object]
    while todo:
        for cls in type.__subclasses__(todo.pop()):
            if cls not in known:
                known.add(cls)
                todo.append(cls)
    return known


import azure_realtime._tools.schema.describe  # a tool loads it, on its caller's thread
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, WebSocketOptions

url, authority, key = sys.argv[1:4]
watch = Watch()
context = ssl.create_default_context(cafile=authority) if authority else None
client = AzureRealTimeAudio(
    AzureRealTimeOptions(url, "gpt-realtime", token_provider=lambda: key),
    WebSocketOptions(
        max_reconnect_attempts=5, reconnect_interval=0.01, ssl_context=context
    ),
)
class Source:
    rate = 24_000

    def __iter__(self):
        yield bytes(9600)


known = classes()


@client.tool
def double(number: int) -> int:
    "Double a number."
    return 2 * number


received = []
back = threading.Event()
client.on("*", lambda event: received.append(event.type))
client.on("reconnected", lambda event: back.set())
client.connect(20)
assert client.ask("What is 2 times 21?", timeout=20).transcript == "42"
client.append_audio(bytes(9600))
print("drop", flush=True)
assert back.wait(20)
turn = client.ask("Are you there?", modalities=["text"], timeout=20)
assert turn.text == "Yes.", turn


def ask(event):
    client.ask(audio=Source(), timeout=20)
    asked.set()


asked = threading.Event()
client.once("session.updated", ask)
client.update_session(instructions="Be brief.")
assert asked.wait(20)
client.close()
assert "response.output_text.delta" in received and received[-1] == "closed", received
if sys.argv[4:] == ["break"]:
    def broken():
        import wave
        class Local: pass
        type("Made", (), {})
    thread = threading.Thread(target=broken, name="ours")
    thread.start()
    thread.join()
made = sorted(f"{cls.__module__}.{cls.__qualname__}" for cls in classes() - known)
print(watch.found, made)
"""


def _answer(request: Request) -> Reply:
    last = request.items[-1]
    if last["type"] == "function_call_output":
        return Reply(last["output"])
    if "21" in request.text:  # not in the item, whose id is random
        return Reply(calls=[ToolCall("double", {"number": 21}, call_id="call_1")])
    return Reply("Yes.")


def _run(variant: Variant, ca_file: str, *arguments: str) -> tuple[str, str]:
    """
    Run the client; return what its threads imported and created, and its messages.
    """
    with (
        variant.service(replies=_answer) as service,
        start_script(
            _CLIENT, service.url, ca_file, KEY, *arguments, head=""
        ) as process,
    ):
        try:
            connection = service.wait_for_connection(20.0 * SCALE)
            assert process.stdout is not None
            if process.stdout.readline() == "drop\n":
                connection.drop()
            return process.communicate(timeout=40.0 * SCALE)
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_the_threads_of_a_client_import_nothing_and_create_no_class(
    scheme: str,
    authority: trustme.CA,
    server_tls: ssl.SSLContext,
    tmp_path: Path,
) -> None:
    """
    From the first connection through an answer with a tool, a reconnect and the close.
    """
    ca_file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    variant, path = (
        (GA, "") if scheme == "ws" else (Variant("ga", server_tls), str(ca_file))
    )

    assert _run(variant, path) == ("[] []\n", "")


@pytest.mark.slow
@pytest.mark.processes
def test_the_watch_finds_an_import_and_classes_on_a_thread() -> None:
    """
    The test above can fail: a thread that imports and creates classes is found.
    """
    out, err = _run(GA, "", "break")
    assert err == ""

    assert "ours: import wave" in out
    assert "ours: class Local" in out
    assert "__main__.Made" in out
