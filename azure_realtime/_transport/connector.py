"""
Makes one connection: a fresh credential, a connected stream, the WebSocket handshake.
"""

from __future__ import annotations

import codecs
import platform
import threading
import uuid
import weakref
from collections.abc import Callable

from .._endpoint import Endpoint
from .._logging import text_of
from .._redaction import remember, remember_headers, without_secrets
from .._version import __version__
from .._websocket_options import WebSocketImpl, checked_headers
from ..errors import AuthenticationError, ConnectError
from ..options import AzureRealTimeOptions, WebSocketOptions, checked_secret
from .attempt import BlockingCall, ConnectAttempt, ConnectInterrupted, failed
from .dial import open_stream
from .handshake import dial_with, upgrade
from .proxy import find_proxy, import_proxy_lookup
from .websocket import WebSocketStream


class Connector:
    """
    Opens a connection per call. Reader thread.

    Args:
        options: The credential.
        endpoint: The address.
        websocket_options: The options of the connection.
        websocket_impl: The user's own WebSocket; None for that of websocket-client.
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
        # a copy: the program may change its mapping later
        self._headers = checked_headers(websocket_options.headers)
        self._impl = websocket_impl
        self._call: BlockingCall[object] | None = None
        # Imported here and not on our threads: a child that is forked during an import
        # inherits the acquired lock of the import system. getaddrinfo() needs this
        # codec; `websocket` has imported python_socks if it is installed.
        codecs.lookup("idna")
        import_proxy_lookup()

    def __call__(self, attempt: ConnectAttempt) -> WebSocketStream:
        """
        Open a connection.

        Raises:
            ConnectError: It could not be opened; see `azure_realtime.errors`. Its cause
                is what an SSL context of the user, or anything else, has raised.
            ConnectInterrupted: The attempt was stopped.
        """
        try:
            return self._open(attempt)
        except (ConnectError, ConnectInterrupted):
            raise
        except BaseException as error:  # also sys.exit(), which must not end our thread
            if threading.current_thread() is threading.main_thread():
                raise  # Ctrl-C in `doctor`, which has no thread of ours
            failure = failed("The attempt to connect failed", error)
            raise failure from failure.__cause__

    def _open(self, attempt: ConnectAttempt) -> WebSocketStream:
        endpoint, websocket_options = self._endpoint, self._websocket_options
        name, secret = self._credential(attempt)
        attempt.report("credential", name)
        remember(self._options.api_key, self._options.token)
        headers = {
            "User-Agent": f"azure-realtime/{__version__} "
            f"Python/{platform.python_version()}",
            "x-ms-client-request-id": str(uuid.uuid4()),
            **({name: secret} if name and secret else {}),
            **({"OpenAI-Beta": "realtime=v1"} if endpoint.is_preview_by_header else {}),
        }
        given = {name.lower() for name in self._headers}
        kept = [pair for pair in headers.items() if pair[0].lower() not in given]
        lines = [f"{name}: {value}" for name, value in (*kept, *self._headers.items())]
        remember_headers(self._headers)
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
        Return name and value of the header with the credential, or None for both.
        """
        options = self._options
        if any(name.lower() == "authorization" for name in self._headers):
            return None, None
        provider = options.provider
        if provider is not None:
            own = options.token_provider is not None
            name = "token_provider" if own else "credential.get_token"
            token = self._ask(provider, name, attempt)
            return "Authorization", f"Bearer {token}"
        if options.credential is not None:  # an AzureKeyCredential; its key may change
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
        Return the secret that *provide*, a function of the user, returns.

        Raises:
            AuthenticationError: It failed, or returned no usable text.
        """
        call = self._call
        # A call that has not returned is waited for again: no second thread hangs.
        if call is None or call.outcome is not None:
            call = self._call = BlockingCall(provide)
        try:
            secret = attempt.wait_for(call, f"waiting for {name}")
            checked = checked_secret(f"{name}'s result", secret)
        except (ConnectError, ConnectInterrupted):
            raise
        except BaseException as error:  # also sys.exit(), which must not end our thread
            raise AuthenticationError(
                f"{name} failed ({type(error).__name__}: {text_of(error)}).",
                hint="Sign in again, or check the identity's rights.",
            ) from without_secrets(error)
        if checked is None:
            raise AuthenticationError(f"{name} returned None instead of a secret.")
        remember(checked)
        return checked


class WeakConnector:
    """
    Calls *connector* through a weak reference.

    A token provider or a WebSocket of the user may refer to the client, which would
    then never be collected.
    """

    def __init__(self, connector: Connector) -> None:
        self._reference = weakref.ref(connector)
        self._held: Connector | None = None

    def __call__(self, attempt: ConnectAttempt) -> WebSocketStream:
        """
        Open a connection, as `Connector` does.

        Raises:
            ConnectInterrupted: The connector was collected.
        """
        connector = self._reference()
        if connector is None:
            raise ConnectInterrupted
        return connector(attempt)

    def hold(self) -> None:
        """
        Keep the connector: its client is being collected, and queued messages are still
        to be sent.
        """
        self._held = self._reference()
