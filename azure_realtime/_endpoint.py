"""
Builds the URL of the service from the address that the user gave.

Rules, all applied before a connection is opened:

1. Without a scheme, the address gets ``wss``, or ``ws`` if it is a loopback address.
   ``https`` becomes ``wss``, and ``http`` becomes ``ws``.
2. The GA protocol is at ``.../openai/v1/realtime?model=`` and takes no ``api-version``
   (with one, the service answers 401). The preview protocol is at
   ``.../openai/realtime?api-version=&deployment=``. A path ``.../v1/realtime`` is that
   of OpenAI: there a header selects the preview protocol.
3. A path of the realtime API is kept or completed, and the path of another REST call is
   cut back to it. Any other path is the prefix of a gateway. The path of a Foundry
   project is dropped: the realtime API is at the root of the host.
4. The URL of a transcription session has ``intent=transcription`` and no model.
5. A credential in a URL is refused, because URLs are logged. The error does not repeat
   it.

Source of the facts: Microsoft's realtime reference and migration guide, 2026.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_SCHEMES = {"wss": "wss", "https": "wss", "ws": "ws", "http": "ws"}
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# Patterns are strings: `re` compiles them at first use, and caches them.
_HOST = rf"{_LABEL}(\.{_LABEL})*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_MALFORMED_SCHEME = r"(?i)(https?|wss?)(/|:/[^/]|://(https?|wss?)[:/])"
_DATED = r"\d{4}-\d{2}-\d{2}(-preview)?"
_API_PATH = r"(?i)(?P<prefix>.*?)(?P<api>/openai/v1|/openai|/v1)(?P<rest>/realtime)?$"
_DEPLOYMENT_PATH = r"(?i)(?P<prefix>.*?)/openai/deployments/(?P<name>[^/]+)(/.*)?$"
_OTHER_PATH = r"(?i)(?P<base>.*?/openai/v1)/(?!realtime$)(?P<rest>.+)$"
_OTHER_SOCKETS = r"(?i)realtime/|live\b"
_LOOPBACK = r"localhost|127\.[0-9.]+|::1"
_PORTALS = {"portal.azure.com", "oai.azure.com", "ai.azure.com", "ml.azure.com"}
_PROJECT_PATH = r"(?i)/api/projects(/.*)?$"
_SECRET_KEY = "auth|authorization|code|sig|.*(key|password|secret|signature|token)"
_NEVER_PLAIN = r"(^|\.)((azure|microsoft)\.(com|us|cn)|azure-api\.net|openai\.com)$"


class Endpoint(NamedTuple):
    """
    The address of a service, and its protocol.

    Attributes:
        secure: Whether TLS is used.
        host: Host name or IP address, without brackets.
        port: TCP port.
        target: Path and query, percent-encoded.
        api_version: None for GA, else the dated preview version.
    """

    secure: bool
    host: str
    port: int
    target: str
    api_version: str | None

    @property
    def is_azure(self) -> bool:
        """
        Whether the host is one of Azure, not a gateway or a local service.
        """
        return bool(re.search(r"\.azure\.(com|us|cn)$", self.host, re.I))

    @property
    def is_preview_by_header(self) -> bool:
        """
        Whether the header ``OpenAI-Beta: realtime=v1`` selects the preview protocol.
        """
        return self.api_version is not None and _is_openai_path(
            self.target.partition("?")[0]
        )

    @property
    def url(self) -> str:
        """
        The whole URL. It contains no credential.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.secure else 80
        port = "" if self.port == default else f":{self.port}"
        return f"{'wss' if self.secure else 'ws'}://{host}{port}{self.target}"


def resolve_endpoint(
    host_name: str,
    deployment: str,
    api_version: str | None = None,
    *,
    transcription: bool = False,
) -> Endpoint:
    """
    Return the endpoint for the options of the user.

    Args:
        host_name: A host name, an address, or a URL.
        deployment: Name of the deployment; empty if *host_name* contains it.
        api_version: None or ``"v1"`` for GA, else the dated preview version.
        transcription: Whether the session is one of transcription.

    Raises:
        TypeError: An argument is not text.
        ValueError: An argument is wrong; the text says what to change.
    """
    for name, value in (("host_name", host_name), ("deployment", deployment)):
        if not isinstance(value, str):
            raise TypeError(f"{name} must be text, not {type(value).__name__}")
    secure, host, port, path, query = _split(host_name)
    version = _version(api_version, query)
    path, pasted = _path(path, version)
    if host == "api.openai.com":
        path = re.sub(r"/openai(/v1)?/", "/v1/", path)  # OpenAI's own service
    in_url = [
        query.pop(key) for key in list(query) if key.lower() in ("deployment", "model")
    ] + [pasted]
    deployments = {name for name in [deployment.strip(), *in_url] if name}
    if len(deployments) > 1:
        raise ValueError(
            f"deployment={deployment!r}, but host_name names "
            f"{max(deployments - {deployment.strip()})!r}: give one of the two"
        )
    if not deployments and not transcription and "call_id" not in query:
        raise ValueError(
            "deployment is empty: give the name of your realtime deployment "
            "(not the model's name, unless you deployed it under that name)"
        )
    if transcription:
        query["intent"] = "transcription"
    is_openai = _is_openai_path(path)
    if deployments and not {"intent", "call_id"} & set(query):
        name = "model" if version is None or is_openai else "deployment"
        query[name] = deployments.pop()
    if version is not None and not is_openai:
        query["api-version"] = version
    target = quote(path, safe="/:@!$&'()*+,;=~") + (
        "?" + urlencode(query, quote_via=quote, safe="") if query else ""
    )
    return Endpoint(secure, host, port, target, version)


def _split(text: str) -> tuple[bool, str, int, str, dict[str, str]]:
    text = text.strip().strip("'\"").strip()
    if not text:
        raise ValueError(
            "host_name is empty: give your resource's address, "
            "such as 'my-resource.openai.azure.com'"
        )
    if malformed := re.match(_MALFORMED_SCHEME, text):
        # not more of it: a user and password may follow
        raise ValueError(
            f"host_name has a malformed scheme ({malformed[0]!r}): write it as "
            "https://<resource>.openai.azure.com"
        )
    bare = re.match(_SCHEME, text) is None
    try:
        parts = urlsplit("wss://" + text.lstrip("/") if bare else text)
    except ValueError:  # not chained: its text may contain a password
        raise ValueError(
            "host_name is not an address: write it as "
            "https://<resource>.openai.azure.com"
        ) from None
    if parts.scheme.lower() not in _SCHEMES:
        raise ValueError(
            f"host_name has the scheme {parts.scheme!r}: use https://, wss://, "
            "or ws:// for a local service"
        )
    if "@" in parts.netloc:
        raise ValueError("host_name contains a user or password: remove it")
    secure = _SCHEMES[parts.scheme.lower()] == "wss"
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("host_name has a bad port: it is a number from 1 to 65535")
    if bare and re.fullmatch(_LOOPBACK, host):
        secure = False  # a local service has no trusted certificate
    _check_host(host, bare=bare, secure=secure)
    query: dict[str, str] = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if re.fullmatch(_SECRET_KEY, re.sub("[-_]", "", key.lower())):
            raise ValueError(
                f"host_name carries a credential ({key}=...): URLs end up in logs; "
                "remove it and pass api_key=... (it is sent in a header)"
            )
        query[key] = value
    return secure, host, port or (443 if secure else 80), parts.path, query


def _check_host(host: str, *, bare: bool, secure: bool) -> None:
    if not host or not re.fullmatch(_HOST, host):
        raise ValueError(
            f"host_name {host!r} is not a host: give your resource's address, "
            "such as 'my-resource.openai.azure.com'"
        )
    if bare and "." not in host and ":" not in host and host != "localhost":
        raise ValueError(
            f"host_name {host!r} looks like a resource name: "
            f"did you mean '{host}.openai.azure.com'?"
        )
    if host in _PORTALS:
        raise ValueError(
            f"host_name {host!r} is a web page: give the address of your resource that "
            "the page shows, such as 'my-resource.openai.azure.com'"
        )
    if host.endswith(".api.cognitive.microsoft.com"):
        raise ValueError(
            f"host_name {host!r} is a regional address, which serves no realtime API: "
            "use the one with your resource's name, '<resource>.openai.azure.com'"
        )
    if not secure and re.search(_NEVER_PLAIN, host):
        raise ValueError(
            f"host_name would send your credential to {host} unencrypted: "
            "use https:// or wss://"
        )


def _version(api_version: str | None, query: dict[str, str]) -> str | None:
    pasted = query.pop("api-version", None)
    if api_version is not None and not isinstance(api_version, str):
        raise TypeError(
            f"api_version must be text or None, not {type(api_version).__name__}"
        )
    version = api_version.strip() if api_version else None
    if (version or pasted or "").lower() == "v1":
        if pasted and pasted.lower() != "v1":
            raise ValueError(
                "api_version='v1' is the GA protocol, which takes no api-version: "
                "delete it from host_name"
            )
        return None
    if version and pasted and version != pasted:
        raise ValueError(
            f"api_version={_shown(version)}, but host_name has api-version="
            f"{_shown(pasted)}: give one of the two, or none for the GA protocol"
        )
    version = version or pasted
    if version and not re.fullmatch(_DATED, version):
        raise ValueError(
            f"api_version {_shown(version)} is neither 'v1' (or None: the GA protocol) "
            "nor a date such as '2024-10-01-preview' (the retired preview protocol)"
        )
    return version


def _shown(version: str) -> str:
    """
    Return the ``repr`` of a version, but not of a long one: it may be a misplaced key.
    """
    return repr(version) if len(version) <= 20 else "(not shown)"


def _path(path: str, version: str | None) -> tuple[str, str | None]:
    """
    Return the path of the realtime API, and the deployment in *path*, if any.
    """
    path = re.sub(r"/{2,}", "/", unquote(path)).rstrip("/")
    ga = version is None
    if match := re.match(_DEPLOYMENT_PATH, path):
        return _default(match["prefix"], ga), match["name"]
    if match := re.match(_OTHER_PATH, path):
        if re.match(_OTHER_SOCKETS, match["rest"]):
            raise ValueError(
                f"host_name names another API ({match['rest']}): cut it after "
                "/openai/v1/realtime"
            )
        path = match["base"]
    if re.match(_PROJECT_PATH, path):
        return _default("", ga), None
    match = re.match(_API_PATH, path)
    if match is None:
        return _default(path, ga), None
    prefix, api, rest = match["prefix"], match["api"].lower(), match["rest"]
    if api.endswith("/v1"):
        if not ga and api != "/v1":
            raise ValueError(
                f"host_name ends in {api!r}, the GA protocol's path, which takes no "
                f"api-version: delete {version!r}"
            )
        return f"{prefix}{api}/realtime", None
    if rest and ga:
        raise ValueError(
            "host_name ends in '/openai/realtime', the retired preview protocol's "
            "path: delete it for GA, or pass api_version='2025-04-01-preview'"
        )
    return _default(prefix, ga), None


def _is_openai_path(path: str) -> bool:
    return path.endswith("/v1/realtime") and not path.endswith("/openai/v1/realtime")


def _default(prefix: str, ga: bool) -> str:
    return f"{prefix}/openai/v1/realtime" if ga else f"{prefix}/openai/realtime"
