"""
The steps of a connection, one `Check` each, as ``doctor`` reports them.

The client's own code makes the connection; `Probe` notes what each step has given.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

import attrs

from .._concurrency.deadline import Deadline
from .._concurrency.poller import READ
from .._concurrency.waker import Waker
from .._redaction import redacted, used_secrets, without
from .._transport.attempt import ConnectAttempt
from ..options import AzureRealTimeOptions
from .text import plain

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"

_FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
_LONGEST_WAIT = 0.2  # seconds
_DAYS_LEFT = 7  # of a certificate: fewer are a warning
SLOW = {"name": 1.0, "tcp": 0.5, "tunnel": 2.0, "tls": 1.5, "handshake": 2.0}
"""Seconds after which a step is a warning. TCP takes one round trip, TLS two."""

SLOW_NETWORK = (
    "The network is slow: speech will pause and lag. Try a cable, another network, or "
    "a resource in a nearer region."
)


def _shown(text: str) -> str:
    return _named(redacted(plain(text)))


def _advice(text: str) -> str:
    # a text of ours: it may show how to write the URL of a proxy with a password
    return _named(without(plain(text), used_secrets()))


def _named(text: str) -> str:
    # the errors name the option of the client; here it comes from a variable
    return re.sub(r"\bhost_name\b(?!=)", "AZURE_OPENAI_ENDPOINT", text)


def _shown_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _shown(value) if isinstance(value, str) else value
        for name, value in facts.items()
    }


@attrs.frozen(kw_only=True)
class Check:
    """
    One step: what was tried, and what to do. No text of it has a secret.

    Attributes:
        step: Its name.
        status: `OK`, `WARNING`, `FAILED` or `SKIPPED`.
        text: What was tried, and what it has given.
        remedy: What to do; "" if nothing is to be done.
        seconds: How long it took; None if it was not measured.
        facts: More for programs: numbers and short texts.
    """

    step: str
    status: str = OK
    text: str = attrs.field(converter=_shown)
    remedy: str = attrs.field(default="", converter=_advice)
    seconds: float | None = None
    facts: Mapping[str, Any] = attrs.field(factory=dict, converter=_shown_facts)


class Probe(ConnectAttempt):
    """
    A connect attempt that passes a `Check` for each finished step. One thread.

    Args:
        options: The credential, which is described and not shown.
        seconds: The limit for the attempt.
        waker: Never woken.
        show: Called with each check.

    Attributes:
        step: The step in progress.
        began: When it began, on the monotonic clock.
        received: Whether the other side has sent something in this step.
        through: The proxy in use, as ``host:port``; "" for none.
        has_proxy_user: Whether the proxy gets a user name and password.
    """

    def __init__(
        self,
        options: AzureRealTimeOptions,
        seconds: float,
        waker: Waker,
        show: Callable[[Check], None],
    ) -> None:
        # Short waits: this is the main thread, and a signal that arrives just before
        # a wait is noticed only after it.
        super().__init__(
            Deadline(seconds), waker, lambda: False, lambda: Deadline(_LONGEST_WAIT)
        )
        self._options = options
        self._show = show
        self._credential: Check | None = None
        self.has_proxy_user = False
        self._is_socks = False
        self.step = "credential"
        self.began = time.monotonic()
        self.received = False
        self.through = ""

    def wait(self, interest: Mapping[int, int], deadline: Deadline) -> set[int]:
        """
        Wait as the base class does; note whether there is input.
        """
        ready = super().wait(interest, deadline)
        self.received = self.received or any(interest[d] & READ for d in ready)
        return ready

    def report(self, step: str, result: Any) -> None:
        """
        Show the check of a finished step.
        """
        seconds = time.monotonic() - self.began
        if step == "credential":
            # shown before the handshake, which sends it
            self._credential = credential(result, self._options)
            self._begin("proxy")
            return
        check = _CHECKS[step](self, result)
        if seconds > SLOW.get(step, seconds) and check.status == OK:
            check = attrs.evolve(check, status=WARNING, remedy=SLOW_NETWORK)
        self._show(attrs.evolve(check, seconds=None if step == "proxy" else seconds))
        self._advance(step)

    def _advance(self, step: str) -> None:
        secure = self._options.endpoint.secure
        usual = {"proxy": "name", "name": "tcp", "tcp": "tls", "tunnel": "tls"}
        following = usual.get(step, "handshake")
        # a SOCKS proxy is looked up and connected by another library, in one step
        if (step == "tcp" and self.through) or (step == "proxy" and self._is_socks):
            following = "tunnel"
        if following == "tls" and not secure:
            self._show(Check(step="tls", status=SKIPPED, text="none: a ws:// address"))
            following = "handshake"
        if following == "handshake" and self._credential is not None:
            self._show(self._credential)
        self._begin(following)

    def _begin(self, step: str) -> None:
        self.step, self.began, self.received = step, time.monotonic(), False

    def proxy(self, via: Any) -> Check:
        """
        Return the check of the search for a proxy.
        """
        if via is None:
            return Check(step="proxy", text="none: a direct connection")
        self.through, self._is_socks = f"{via.host}:{via.port}", via.is_socks
        self.has_proxy_user = via.username is not None
        user = "with a user name" if self.has_proxy_user else "without a user name"
        return Check(step="proxy", text=f"{via.scheme}://{self.through}, {user}")

    def name(self, addresses: Any) -> Check:
        """
        Return the check of the addresses of a name.
        """
        found = dict.fromkeys((address[0], address[4][0]) for address in addresses)
        counts = Counter(_FAMILIES.get(family, "other") for family, _ in found)
        numbers = " and ".join(f"{count} {name}" for name, count in counts.items())
        noun = "address" if len(found) == 1 else "addresses"
        host = self.through.rpartition(":")[0] or self._options.endpoint.host
        which = "the proxy " if self.through else ""
        where = [address for _, address in found]
        text = f"{which}{host} has {numbers or 'no'} {noun}"
        if where == [host]:
            text = f"not looked up: {which}{host} is an address"
        return Check(step="name", text=text, facts={"addresses": where})

    def tcp(self, sock: Any) -> Check:
        """
        Return the check of a connected socket.
        """
        host, port = sock.getpeername()[:2]
        family = _FAMILIES.get(sock.family, "another family")
        host = f"[{host}]" if ":" in host else host
        return Check(step="tcp", text=f"connected to {host}:{port} ({family})")

    def tunnel(self, _: Any) -> Check:
        """
        Return the check of a tunnel through a proxy.
        """
        endpoint = self._options.endpoint
        return Check(
            step="tunnel",
            text=f"{self.through} connected to {endpoint.host}:{endpoint.port}",
        )

    def tls(self, sock: ssl.SSLSocket) -> Check:
        """
        Return the check of the TLS version and of the dates of the certificate.
        """
        certificate: Any = sock.getpeercert() or {}
        version = sock.version() or "TLS"
        if not certificate:
            return Check(
                step="tls",
                status=WARNING,
                text=f"{version}; the certificate is not verified",
                remedy="Verify it: anybody on the way can read the credential.",
            )
        start, end = (
            ssl.cert_time_to_seconds(certificate[key])
            for key in ("notBefore", "notAfter")
        )
        days = int((end - time.time()) // 86400)
        first, last = (
            datetime.fromtimestamp(at, timezone.utc).date().isoformat()
            for at in (start, end)
        )
        few = days < _DAYS_LEFT
        noun = "day" if days == 1 else "days"
        return Check(
            step="tls",
            status=WARNING if few else OK,
            text=f"{version}, certificate valid from {first} to {last} "
            f"({days:,} {noun} left)",
            remedy="The owner of the service must renew the certificate soon."
            if few
            else "",
            facts={"version": version, "not_before": first, "not_after": last},
        )


_CHECKS: dict[str, Callable[[Probe, Any], Check]] = {
    "proxy": Probe.proxy,
    "name": Probe.name,
    "tcp": Probe.tcp,
    "tunnel": Probe.tunnel,
    "tls": Probe.tls,
}


def looks_like_token(options: AzureRealTimeOptions) -> bool:
    """
    Whether a bearer token was given as the key. Tokens are three parts in base64.
    """
    key = options.api_key or ""
    return key.startswith("eyJ") and key.count(".") == 2


def credential(header: str | None, options: AzureRealTimeOptions) -> Check:
    """
    Return the check of the kind of credential.

    Args:
        header: The header that it is sent in; None for one of the user.
        options: The credential.
    """
    if header is None:
        return Check(step="credential", text="a header of your own")
    if options.api_key is not None:
        kind = f"API key of {len(options.api_key)} characters"
    elif options.token is not None:
        kind = "bearer token"
    elif options.token_provider is not None:
        kind = "bearer token of token_provider"
    else:
        kind = f"{type(options.credential).__name__}"
    text = f"{kind}, sent in the header {header}"
    if looks_like_token(options):
        return Check(
            step="credential",
            status=WARNING,
            text=f"{text}; it looks like a bearer token",
            remedy=TOKEN_AS_KEY,
        )
    return Check(step="credential", text=text)


TOKEN_AS_KEY = (
    "Give a key of the resource (Azure portal: Keys and Endpoint), or pass the token "
    "as AzureRealTimeOptions(token=...)."
)
