"""
The load server: a WebSocket server with a small part of the Realtime protocol.

Not a benchmark; the benchmarks start it as a process of its own. It listens on 127.0.0.1,
writes one line of JSON with its port (and with ``--tls`` the certificate authority), and one
more line for each finished load. It ends when its standard input ends.

After the upgrade it sends ``session.created``, and ``session.updated`` for each
``session.update``. A ``benchmark.start`` command begins a load:

- ``"work": "audio"`` or ``"transcript"``: *count* delta events, encoded in advance, as fast
  as the socket takes them;
- ``"work": "count"``: read *count* append messages, then send ``benchmark.finished``;
- ``"work": "paced"``: a real-time stream, see ``_paced_load.py``.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import socket
import ssl
import threading
from typing import Any

import _wire
from _paced_load import PacedLoad

WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "then",
    "some",
    "more",
    "of",
    "it",
]
DIFFERENT = 64  # different frames in a block that is sent repeatedly
_output = threading.Lock()


def report(result: dict[str, Any]) -> None:
    """
    Write one line for the parent process.
    """
    with _output:
        print(json.dumps(result), flush=True)


def make_block(work: str) -> list[bytes]:
    """
    Return different frames of one kind.
    """
    if work == "audio":
        return [
            _wire.frame(
                _wire.delta(_wire.AUDIO, n, base64.b64encode(os.urandom(4800)).decode())
            )
            for n in range(DIFFERENT)
        ]
    return [
        _wire.frame(_wire.delta(_wire.TRANSCRIPT, n, " " + WORDS[n % len(WORDS)]))
        for n in range(DIFFERENT)
    ]


class LoadServer:
    """
    Accepts connections; each has a thread until a paced load takes it over.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._blocks = {work: make_block(work) for work in ("audio", "transcript")}
        self._paced = PacedLoad(report)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]

    def serve(self) -> None:
        """
        Accept until the process ends.
        """
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            upgrade(connection)
            if self._talk(connection):
                return
        with contextlib.suppress(OSError):
            connection.close()

    def _talk(self, connection: socket.socket) -> bool:
        """
        Serve one connection. Return True if a paced load has taken it over.
        """
        session = {"type": "realtime", "object": "realtime.session", "id": "sess_0001"}
        send_event(connection, "session.created", session=session)
        reader = _wire.FrameReader()
        while True:
            data = connection.recv(65536)
            if not data:
                return False
            reader.feed(data)
            while (found := reader.next()) is not None:
                opcode, payload = found
                if opcode == _wire.PING:
                    connection.sendall(_wire.frame(payload, _wire.PONG))
                elif opcode == _wire.CLOSE:
                    connection.sendall(_wire.frame(payload, _wire.CLOSE))
                    return False
                elif opcode == _wire.TEXT:
                    command = json.loads(payload)
                    if command["type"] == "session.update":
                        session |= command["session"]
                        send_event(connection, "session.updated", session=session)
                    elif command["type"] == _wire.START:
                        if command["work"] == "paced":
                            self._paced.add(connection, reader, command)
                            return True
                        self._load(connection, reader, command)

    def _load(
        self,
        connection: socket.socket,
        reader: _wire.FrameReader,
        command: dict[str, Any],
    ) -> None:
        count = command["count"]
        if command["work"] == "count":
            report(count_appends(connection, reader, count))
            send_event(connection, _wire.FINISHED)
            return
        frames = self._blocks[command["work"]]
        block = b"".join(frames)
        for _ in range(count // len(frames)):
            connection.sendall(block)
        connection.sendall(b"".join(frames[: count % len(frames)]))


def count_appends(
    connection: socket.socket, reader: _wire.FrameReader, count: int
) -> dict[str, Any]:
    """
    Read *count* messages; decode the first and the last.
    """
    number = received = 0
    checked: list[int] = []
    while number < count:
        found = reader.next(payload=number in (0, count - 1))
        if found is None:
            data = connection.recv(262144)
            if not data:
                break
            received += len(data)
            reader.feed(data)
            continue
        opcode, payload = found
        if opcode == _wire.PING:
            connection.sendall(_wire.frame(payload, _wire.PONG))
        elif opcode == _wire.TEXT:
            number += 1
            if payload:
                checked.append(len(_wire.appended_audio(payload)))
    return {"messages": number, "bytes": received, "checked": checked}


def send_event(connection: socket.socket, name: str, **fields: Any) -> None:
    """
    Send one event.
    """
    event = {"type": name, "event_id": "event_setup", **fields}
    connection.sendall(_wire.frame(_wire.compact(event)))


def upgrade(connection: socket.socket) -> None:
    """
    Perform the server's side of the opening handshake.

    Raises:
        OSError: The client sent no valid request.
    """
    connection.settimeout(20)
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        data = connection.recv(4096)
        if not data or len(request) > 65536:
            raise OSError("no upgrade request")
        request += data
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"sec-websocket-key":
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
                + _wire.accept_key(value.strip())
                + b"\r\n\r\n"
            )
            connection.settimeout(None)
            return
    raise OSError("no Sec-WebSocket-Key")


def make_tls() -> tuple[ssl.SSLContext, str]:
    """
    Return a server's TLS context and the certificate of its authority (trustme).
    """
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context, authority.cert_pem.bytes().decode()


def end_with_parent() -> None:
    """
    End this process when its standard input ends.
    """
    while os.read(0, 1):  # not sys.stdin: its lock blocks the interpreter's shutdown
        pass
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().split("\n")[0])
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--cpu", type=int, help="the only core to run on")
    arguments = parser.parse_args()
    if arguments.cpu is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {arguments.cpu})
    threading.Thread(target=end_with_parent, daemon=True).start()
    tls, authority = make_tls() if arguments.tls else (None, None)
    server = LoadServer(tls)
    report({"port": server.port, "authority": authority})
    with contextlib.suppress(KeyboardInterrupt):
        server.serve()


if __name__ == "__main__":
    main()
