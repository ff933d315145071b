"""
Finds the proxy to use, and opens a tunnel through it.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import socket
from urllib.parse import unquote, urlsplit

from .._concurrency.poller import READ, WRITE
from .._endpoint import Endpoint
from .._logging import text_of
from .._redaction import redacted, remember, remember_headers
from .._version import INSTALL_HINT
from ..errors import ConnectError, ConnectTimeout
from .attempt import MAX_HEAD_BYTES, ConnectAttempt
from .http import INFORMATIONAL, Refusal

_PORTS = {"http": 80, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


class Proxy:
    """
    A proxy that opens tunnels: HTTP (``CONNECT``) or SOCKS.

    The proxy resolves the service's name, except with ``socks4``, which cannot.

    Args:
        url: Its address; without a scheme, that of an HTTP proxy.

    Raises:
        ConnectError: *url* is not an address, or has an unknown scheme.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or _PORTS.get(parts.scheme, 0)
            self.host, self.port = parts.hostname or "", port
            # An unquoted "/" or "@" in a password makes a part of it the host, and that
            # part would be sent to a name server.
            split = "@" in parts.path + parts.query + parts.fragment
            if split or parts.netloc.count("@") > 1:
                self.host = ""
        except ValueError:
            parts, self.host = urlsplit("http:"), ""
        if not self.host:
            raise ConnectError(
                "The proxy setting is not an address.",
                hint="Write it as http://host:port or http://user:password@host:port, "
                "with %40 for @, %2F for / and %3A for : in user and password.",
            )
        if parts.scheme not in _PORTS:
            raise ConnectError(
                f"The proxy scheme {parts.scheme}:// is not supported.",
                hint="Use http:// or socks5://, or websocket_impl for anything else.",
            )
        self.scheme = "socks5h" if parts.scheme == "socks5" else parts.scheme
        self.is_socks = self.scheme != "http"
        self.username = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None
        remember(self.password)
        remember_headers({"Proxy-Authorization": self.authorization or ""})

    @property
    def authorization(self) -> str | None:
        """
        The value of ``Proxy-Authorization``; None if the proxy has no user.
        """
        if self.username is None:
            return None
        # the environment may hold bytes that are not UTF-8: pass them on as they are
        pair = f"{self.username}:{self.password or ''}".encode("utf-8", "surrogatepass")
        return "Basic " + base64.b64encode(pair).decode("ascii")


def import_proxy_lookup() -> None:
    """
    Import the reader of the environment's proxies. The thread that makes the client.

    It takes a tenth of the time of importing this package, so it is imported here only.
    Our threads import nothing: a child that is forked during an import inherits the
    acquired lock of the import system.
    """
    import urllib.request  # noqa: F401


def find_proxy(endpoint: Endpoint, proxy: str | None) -> Proxy | None:
    """
    Return the proxy to use: *proxy*, the environment's if it is None, or None.

    The environment's proxy is not used for loopback addresses: it cannot reach them.

    Raises:
        ConnectError: The setting cannot be used.
    """
    if proxy is None:
        host = endpoint.host
        if host == "localhost" or host.startswith("127.") or host == "::1":
            return None
        import urllib.request  # already imported by `import_proxy_lookup`

        known = urllib.request.getproxies()
        proxy = known.get("https" if endpoint.secure else "http") or known.get("all")
        if proxy and _is_excluded(host, endpoint.port, known.get("no", "")):
            return None
    return Proxy(proxy) if proxy else None


def _is_excluded(host: str, port: int, no_proxy: str) -> bool:
    """
    Whether *no_proxy* excludes a host: by its name, with or without the port, or as an
    address in a network (``192.0.2.0/24``), which the standard library does not check.
    """
    import urllib.request  # already imported by `import_proxy_lookup`

    bypass = urllib.request.proxy_bypass
    if bypass(host) or bypass(f"{host}:{port}"):
        return True
    words = [word.strip() for word in no_proxy.split(",")]
    if any(word.startswith("*.") and host.endswith(word[1:].lower()) for word in words):
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        for word in words:
            with contextlib.suppress(ValueError):
                if address in ipaddress.ip_network(word.strip("[]"), strict=False):
                    return True
    return False


def open_tunnel(
    sock: socket.socket, endpoint: Endpoint, proxy: Proxy, attempt: ConnectAttempt
) -> None:
    """
    Open a tunnel to *endpoint* through an HTTP proxy. Reader thread.

    Args:
        sock: Connected to the proxy.
        endpoint: The service.
        proxy: The proxy.
        attempt: Its deadline and interruption apply to every wait.

    Raises:
        ConnectError: The proxy refused.
    """
    attempt.stage = f"waiting for the proxy {proxy.host}:{proxy.port}"
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    target = f"{host}:{endpoint.port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    request = "\r\n".join([*lines, "", ""]).encode("latin-1")
    head = b""
    try:
        while request:
            attempt.until(sock, WRITE)
            request = request[sock.send(request) :]
        # byte by byte: the bytes after the head belong to the tunnel
        while len(head) < MAX_HEAD_BYTES:
            try:
                byte = sock.recv(1)
            except BlockingIOError:
                attempt.until(sock, READ)
                continue
            head += byte
            if not byte or head.endswith((b"\r\n\r\n", b"\n\n")):
                if not byte or not INFORMATIONAL.match(head):
                    break
                head = b""
    except ConnectTimeout:
        raise
    except OSError as error:
        raise ConnectError(
            f"The proxy {proxy.host}:{proxy.port} closed the connection "
            f"({error.strerror}).",
            hint="Check the proxy setting.",
        ) from error
    answer = Refusal.parse(head)
    status = answer.status if answer else None
    if status is None or status // 100 != 2:  # any of them opens it (RFC 9110, 9.3.6)
        line = head.split(b"\r\n", 1)[0].decode("latin-1")
        raise ConnectError(
            f"The proxy {proxy.host}:{proxy.port} refused to open a tunnel to "
            f"{target} ({redacted(line)[:200] or 'no answer'}).",
            status_code=status,
            retry_after=answer.retry_after if answer else None,
            hint="The proxy requires a user and password: "
            "http://user:password@host:port."
            if status in (401, 407)
            else "Ask the proxy's owner to allow the host, or set no_proxy.",
        )


def open_socks(
    endpoint: Endpoint, proxy: Proxy, attempt: ConnectAttempt
) -> socket.socket:
    """
    Return a socket that is connected to *endpoint* through a SOCKS proxy.

    It needs python-socks (extra ``proxy``). That library blocks, so its call runs on a
    thread of its own. Reader thread.

    Raises:
        ConnectError: The proxy refused, or the extra is not installed.
    """
    try:
        from python_socks import ProxyError, ProxyType
        from python_socks.sync import Proxy as Socks
    except ImportError as error:
        raise ConnectError(
            "SOCKS proxies need python-socks.",
            hint=INSTALL_HINT.format("proxy"),
        ) from error
    kind = ProxyType.SOCKS5 if proxy.scheme == "socks5h" else ProxyType.SOCKS4
    remote = proxy.scheme != "socks4"
    remaining = attempt.deadline.remaining()
    # later than our deadline, whose error names the stage
    limit = None if remaining is None else remaining + 1.0

    def connect() -> socket.socket:
        socks = Socks(
            kind, proxy.host, proxy.port, proxy.username, proxy.password, rdns=remote
        )
        return socks.connect(endpoint.host, endpoint.port, timeout=limit)  # type: ignore[no-any-return,unused-ignore]

    where = f"{proxy.host}:{proxy.port}"
    try:
        sock = attempt.call(connect, f"waiting for the proxy {where}")
    except ConnectTimeout:
        raise
    except (ProxyError, OSError) as error:
        raise ConnectError(
            f"The proxy {where} did not connect to {endpoint.host}:{endpoint.port} "
            f"({redacted(text_of(error))}).",
            hint="Check the proxy's address, user and password.",
        ) from None
    except ValueError:  # not chained: its text may contain the password
        raise ConnectError(
            f"The SOCKS proxy {where} cannot be used to connect to {endpoint.host}.",
            hint="Check the proxy's address. Host names, user and password have at "
            "most 255 characters; user and password are ASCII.",
        ) from None
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
