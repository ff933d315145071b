"""
A server that sends exactly the bytes of its script: what no WebSocket library does.

A `Peer` listens, and runs a script on a thread of its own for each connection. The
script gets a `PeerConnection`: the accepted socket, with methods for what servers do
well, badly or not at all. Leaving the ``with`` block ends all scripts, closes all sockets,
and raises what a script raised.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG, CONT = 1, 2, 8, 9, 10, 0

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(
    payload: bytes | str = b"",
    opcode: int = TEXT,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = None,
    length: int | None = None,
) -> bytes:
    """
    Make a frame by hand, well-formed or not: *length* is what the header says (None:
    the truth), *mask* four bytes (a server must not mask).
    """
    data = payload.encode() if isinstance(payload, str) else payload
    announced = len(data) if length is None else length
    masked = 0 if mask is None else 0x80
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if announced < 126:
        head += bytes([masked | announced])
    elif announced < 1 << 16:
        head += bytes([masked | 126]) + struct.pack("!H", announced)
    else:
        head += bytes([masked | 127]) + struct.pack("!Q", announced)
    if mask is not None:
        head += mask
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
    return head + data


def close_frame(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """
    Make a close frame; None is one without a code.
    """
    body = b"" if code is None else struct.pack("!H", code) + reason
    return frame(body, CLOSE)


def response(
    status: int | str, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    """
    Make an HTTP answer, with the length of its body unless *headers* says otherwise.
    """
    headers = {"Content-Length": str(len(body))} if headers is None else headers
    lines = [f"HTTP/1.1 {status}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*parts: bytes) -> bytes:
    """
    Make the body of a chunked HTTP answer.
    """
    whole = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part)
    return whole + b"0\r\n\r\n"


class PeerConnection:
    """
    One accepted connection, as a script uses it.
    """

    def __init__(self, sock: socket.socket, over: threading.Event) -> None:
        self.sock = sock
        self.over = over
        self.head = b""

    def read_head(self) -> bytes:
        """
        Read a request up to its empty line, and not a byte more.
        """
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            byte = self.sock.recv(1)
            if not byte:
                raise EOFError("the client hung up in its request")
            self.head += byte
        return self.head

    @property
    def headers(self) -> dict[str, str]:
        """
        The headers of the last request; lower-case names.
        """
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.split(":", 1) for line in lines if line)
        return {name.strip().lower(): value.strip() for name, value in pairs}

    def upgrade_answer(self, **changes: str | None) -> bytes:
        """
        Return the answer that accepts the WebSocket; None leaves a header out.
        """
        key = self.headers["sec-websocket-key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        headers: dict[str, str | None] = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": accept,
        }
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        given = {name: value for name, value in headers.items() if value is not None}
        return response("101 Switching Protocols", given)

    def upgrade(self, first: bytes = b"") -> None:
        """
        Read the request and accept it; *first* is sent in the same write.
        """
        self.read_head()
        self.send(self.upgrade_answer() + first)

    def send(self, data: bytes) -> None:
        """
        Send any bytes.
        """
        self.sock.sendall(data)

    def drip(self, data: bytes, seconds: float, size: int = 1) -> None:
        """
        Send a byte, or *size* of them, every so many seconds, until the client or the
        test has enough.
        """
        for start in range(0, len(data), size):
            if self.over.wait(seconds):
                return
            self.send(data[start : start + size])

    def read_frame(self) -> tuple[int, bytes]:
        """
        Read one frame of the client; return its opcode and its payload, unmasked.
        """
        first, second = self.read_exactly(2)
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self.read_exactly(2), "big")
        elif length == 127:
            length = int.from_bytes(self.read_exactly(8), "big")
        assert second & 0x80, "a client must mask"
        mask = self.read_exactly(4)
        data = self.read_exactly(length)
        return first & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(data))

    def read_to_end(self) -> bytes:
        """
        Read until the client hangs up.
        """
        data = b""
        with contextlib.suppress(OSError):
            while part := self.sock.recv(65536):
                data += part
        return data

    def mute(self) -> None:
        """
        Send nothing more, and keep the connection, until the test is over.
        """
        self.over.wait()

    def fin(self) -> None:
        """
        End the sending direction; go on reading.
        """
        self.sock.shutdown(socket.SHUT_WR)

    def rst(self) -> None:
        """
        Cut the connection as a crashed machine or a firewall does.
        """
        self.sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.sock.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """
        Speak TLS from here on.
        """
        self.sock = context.wrap_socket(self.sock, server_side=True)

    def tunnel(self, port: int) -> None:
        """
        Carry bytes to and from a local port, as a proxy does, until a side ends.
        """
        with (
            socket.create_connection(("127.0.0.1", port)) as other,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(self.sock, selectors.EVENT_READ, other)
            selector.register(other, selectors.EVENT_READ, self.sock)
            while not self.over.is_set():
                for key, _ in selector.select(0.05):
                    source: Any = key.fileobj
                    data = source.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)

    def read_exactly(self, size: int) -> bytes:
        """
        Read so many bytes.
        """
        data = b""
        while len(data) < size:
            part = self.sock.recv(size - len(data))
            if not part:
                raise EOFError("the client hung up")
            data += part
        return data


Script = Callable[[PeerConnection], Any]


class Peer:
    """
    A listening socket on the loopback and the script for who connects.

    Args:
        script: Runs on a thread for each connection; None never accepts.
        tls: Speak TLS from the start.
        backlog: Of the listening socket.
    """

    def __init__(
        self,
        script: Script | None,
        tls: ssl.SSLContext | None = None,
        backlog: int = 16,
    ) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._threads: list[threading.Thread] = []
        self.accepted_connections: list[PeerConnection] = []
        self._errors: list[BaseException] = []
        self.over = threading.Event()
        self.accepted = threading.Semaphore(0)
        self.connections = 0
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Peer:
        if self._script is not None:
            self._go(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for conn in list(self.accepted_connections):
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5.0)
        if kind is None and self._errors:
            raise self._errors[0]

    @property
    def url(self) -> str:
        """
        The address, as a user would write it.
        """
        return f"{'wss' if self._tls else 'ws'}://localhost:{self.port}"

    def _go(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, name="peer", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._go(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        conn = PeerConnection(sock, self.over)
        self.accepted_connections.append(conn)
        self.accepted.release()
        try:
            if self._tls is not None:
                conn.start_tls(self._tls)
            assert self._script is not None
            self._script(conn)
        except (OSError, EOFError):
            pass  # a client that leaves is no error of ours
        except BaseException as error:
            self._errors.append(error)
        finally:
            conn.sock.close()
            sock.close()


def proxy(
    port: int, credential: str | None = None, seen: list[str] | None = None
) -> Script:
    """
    Return the script of a proxy that opens tunnels to a local *port*.

    It requires the *credential* (``user:password``), if any; *seen* gets the heads of the
    requests.
    """

    def script(conn: PeerConnection) -> None:
        head = conn.read_head().decode("latin-1")
        if seen is not None:
            seen.append(head)
        if credential is not None:
            wanted = f"Basic {base64.b64encode(credential.encode()).decode()}"
            if conn.headers.get("proxy-authorization") != wanted:
                conn.send(response("407 Proxy Authentication Required"))
                return
        conn.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        conn.tunnel(port)

    return script


def serve_session(conn: PeerConnection) -> None:
    """
    Be a service that accepts and configures a session, and no more: a peer's script.
    """
    conn.upgrade(frame('{"type":"session.created","session":{"id":"sess_1"}}'))
    conn.read_frame()
    conn.send(frame('{"type":"session.updated","session":{"id":"sess_1"}}'))


def collect_until_close(conn: PeerConnection, received: list[bytes]) -> None:
    """
    Be such a service until the client sends its close frame, and answer that.
    """
    serve_session(conn)
    while True:
        opcode, data = conn.read_frame()
        received.append(data)
        if opcode == CLOSE:
            conn.send(frame(data, CLOSE))
            return


@contextlib.contextmanager
def full_port() -> Iterator[int]:
    """
    Give a port whose queue is full: a connection attempt gets no answer at all.
    """
    fillers: list[socket.socket] = []
    with (
        Peer(None, backlog=0) as peer,
        contextlib.ExitStack() as stack,
        selectors.DefaultSelector() as selector,
    ):
        while len(selector.select(0.05)) == len(fillers):  # all are connected
            fillers.append(stack.enter_context(socket.socket()))
            fillers[-1].setblocking(False)
            fillers[-1].connect_ex(("127.0.0.1", peer.port))
            selector.register(fillers[-1], selectors.EVENT_WRITE)
        yield peer.port
