"""
One attempt to connect: a fresh credential, a stream, an upgrade.
"""

from __future__ import annotations

import codecs
import platform
import uuid
import weakref
from collections.abc import Callable

from .._endpoint import Endpoint
from .._logging import text_of
from .._redaction import remember, remember_headers, without_secrets
from .._version import __version__
from ..errors import AuthenticationError, RealtimeError
from ..options import AzureRealTimeOptions, WebSocketOptions, checked_secret
from .attempt import BlockingCall, ConnectAttempt, ConnectInterrupted
from .dial import open_stream
from .handshake import WebSocketImpl, dial_with, upgrade
from .proxy import find_proxy, import_what_it_takes
from .websocket import WebSocketStream


class Connector:
    """
    What it takes to connect, again and again. Called on the reader thread.

    Args:
        options: As whom.
        endpoint: Where to.
        websocket_options: The options of the connection.
        websocket_impl: The user's own WebSocket; None for ours.
    """

    def __init__(
        self,
        options: AzureRealTimeOptions,
        endpoint: Endpoint,
        websocket_options: WebSocketOptions,
        websocket_impl: WebSocketImpl | None,
    ) -> None:
        self._options = options
        self._endpoint = endpoint
        self._websocket_options = websocket_options
        self._impl = websocket_impl
        self._call: BlockingCall[object] | None = None
        # Imported now and not on our threads: a child that is forked during an import
        # inherits the lock of the import system. getaddrinfo() needs this codec, and
        # `websocket` has imported what SOCKS proxies need.
        codecs.lookup("idna")
        import_what_it_takes()

    def __call__(self, attempt: ConnectAttempt) -> WebSocketStream:
        """
        Connect, or raise what says why not.

        Raises:
            ConnectError: See `azure_realtime.errors`.
            ConnectInterrupted: ``close()`` was called meanwhile.
        """
        endpoint, websocket_options = self._endpoint, self._websocket_options
        name, secret = self._credential(attempt)
        remember(self._options.api_key, self._options.token)
        headers = {
            "User-Agent": f"azure-realtime/{__version__} "
            f"Python/{platform.python_version()}",
            "x-ms-client-request-id": str(uuid.uuid4()),
            **({name: secret} if name and secret else {}),
        }
        given = {name.lower() for name in websocket_options.headers}
        kept = [pair for pair in headers.items() if pair[0].lower() not in given]
        lines = [
            f"{name}: {value}"
            for name, value in (*kept, *websocket_options.headers.items())
        ]
        remember_headers(dict(websocket_options.headers))
        if self._impl is not None:
            return dial_with(
                self._impl,
                endpoint.url,
                lines,
                attempt,
                websocket_options.max_message_bytes,
                websocket_options.ssl_context,
                find_proxy(endpoint, websocket_options.proxy),
            )
        sock = open_stream(
            endpoint, websocket_options.proxy, websocket_options.ssl_context, attempt
        )
        try:
            return upgrade(
                sock, endpoint.url, lines, attempt, websocket_options.max_message_bytes
            )
        except BaseException:
            sock.close()
            raise

    def _credential(self, attempt: ConnectAttempt) -> tuple[str | None, str | None]:
        """
        Return the one header that proves who we are; the key never goes elsewhere.
        """
        options = self._options
        if any(
            name.lower() == "authorization" for name in self._websocket_options.headers
        ):
            return None, None
        provider = options.provider
        if provider is not None:
            own = options.token_provider is not None
            name = "token_provider" if own else "credential.get_token"
            token = self._ask(provider, name, attempt)
            return "Authorization", f"Bearer {token}"
        if options.credential is not None:  # one with a key, which may be rotated
            credential = options.credential
            key = self._ask(lambda: credential.key, "credential.key", attempt)
            return "api-key", key
        if options.token is not None:
            return "Authorization", f"Bearer {options.token}"
        if self._endpoint.host == "api.openai.com":
            return "Authorization", f"Bearer {options.api_key}"
        return "api-key", options.api_key

    def _ask(
        self, provide: Callable[[], object], name: str, attempt: ConnectAttempt
    ) -> str:
        """
        Return the secret that the user's *provide* gives, or raise what says why not.
        """
        call = self._call
        if call is None or call.outcome is not None:  # else it hangs: one is enough
            call = self._call = BlockingCall(provide)
        try:
            secret = attempt.wait_for(call, f"waiting for {name}")
            checked = checked_secret(f"{name}'s result", secret)
        except (RealtimeError, ConnectInterrupted):
            raise
        except BaseException as error:  # also sys.exit(): it is not our thread's to end
            raise AuthenticationError(
                f"{name} failed ({type(error).__name__}: {text_of(error)}).",
                hint="Sign in again, or check the identity's rights.",
            ) from without_secrets(error)
        if checked is None:
            raise AuthenticationError(f"{name} returned None instead of a secret.")
        remember(checked)
        return checked


def weakly(connector: Connector) -> Callable[[ConnectAttempt], WebSocketStream]:
    """
    Return a *connector* that does not keep itself: what it holds, a token provider or a
    WebSocket of the user's, may refer to the client.
    """
    reference = weakref.ref(connector)

    def connect(attempt: ConnectAttempt) -> WebSocketStream:
        alive = reference()
        if alive is None:  # nobody wants a connection any more
            raise ConnectInterrupted
        return alive(attempt)

    return connect
