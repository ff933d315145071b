"""
What people paste as a host, and what is dialled then.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime._endpoint import Endpoint, resolve_endpoint

GA = "wss://my.openai.azure.com/openai/v1/realtime?model=gpt-realtime"
PREVIEW = (
    "wss://my.openai.azure.com/openai/realtime?deployment=gpt-realtime"
    "&api-version=2024-10-01-preview"
)
DATED = "2024-10-01-preview"


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        ("my.openai.azure.com", GA),
        ("my.openai.azure.com/", GA),
        ("//my.openai.azure.com", GA),
        ("  'https://my.openai.azure.com/'\n", GA),
        ("HTTPS://My.OpenAI.Azure.com", GA),
        ("https://my.openai.azure.com:443", GA),
        ("wss://my.openai.azure.com", GA),
        ("https://my.openai.azure.com/openai", GA),
        ("https://my.openai.azure.com/openai/v1/", GA),
        ("https://my.openai.azure.com/openai/v1/realtime", GA),
        ("https://my.openai.azure.com//openai//v1", GA),
        ("wss://my.openai.azure.com/openai/v1/realtime?model=gpt-realtime", GA),
        ("wss://my.openai.azure.com/openai/v1/realtime?api-version=v1", GA),
        ("https://my.openai.azure.com/openai/deployments/gpt-realtime/chat", GA),
        ("https://my.openai.azure.com/api/projects/mine", GA),
        (
            "https://my.services.ai.azure.com/api/projects/mine",
            "wss://my.services.ai.azure.com/openai/v1/realtime?model=gpt-realtime",
        ),
        (
            "https://gateway.example/llm",
            "wss://gateway.example/llm/openai/v1/realtime?model=gpt-realtime",
        ),
        (
            "https://gateway.example/llm/openai/v1/",
            "wss://gateway.example/llm/openai/v1/realtime?model=gpt-realtime",
        ),
        (
            "https://gateway.example/my%20team/50%25",
            (
                "wss://gateway.example/my%20team/50%25/openai/v1/realtime"
                "?model=gpt-realtime"
            ),
        ),
        (
            "https://gateway.example/openai?tenant=a%26b",
            "wss://gateway.example/openai/v1/realtime?tenant=a%26b&model=gpt-realtime",
        ),
        (
            "gateway.example?next=https://elsewhere.example/",
            (
                "wss://gateway.example/openai/v1/realtime"
                "?next=https%3A%2F%2Felsewhere.example%2F&model=gpt-realtime"
            ),
        ),
        (
            "https://api.openai.com/v1",
            "wss://api.openai.com/v1/realtime?model=gpt-realtime",
        ),
        (
            "ws://127.0.0.1:8123",
            "ws://127.0.0.1:8123/openai/v1/realtime?model=gpt-realtime",
        ),
        (
            "http://localhost:8123/v1",
            "ws://localhost:8123/v1/realtime?model=gpt-realtime",
        ),
        (
            "localhost:8123",
            "ws://localhost:8123/openai/v1/realtime?model=gpt-realtime",
        ),
        (
            "http://[::1]:80/",
            "ws://[::1]/openai/v1/realtime?model=gpt-realtime",
        ),
        (
            "my.openai.azure.com/openai/v1/realtime?call_id=rtc_1",
            ("wss://my.openai.azure.com/openai/v1/realtime?call_id=rtc_1"),
        ),
    ],
)
def test_usual_addresses_lead_to_the_ga_address(pasted: str, expected: str) -> None:
    """
    Every usual way to write the resource's address leads to the GA address.
    """
    assert resolve_endpoint(pasted, "gpt-realtime").url == expected


@pytest.mark.parametrize(
    ("pasted", "version", "expected"),
    [
        ("my.openai.azure.com", DATED, PREVIEW),
        ("https://my.openai.azure.com/openai", f" {DATED} ", PREVIEW),
        ("wss://my.openai.azure.com/openai/realtime", DATED, PREVIEW),
        (f"my.openai.azure.com/openai/realtime?api-version={DATED}", None, PREVIEW),
        (
            (
                f"my.openai.azure.com/openai/realtime?api-version={DATED}"
                "&deployment=gpt-realtime"
            ),
            DATED,
            PREVIEW,
        ),
        ("my.openai.azure.com/openai/deployments/gpt-realtime", DATED, PREVIEW),
        ("my.openai.azure.com", "v1", GA),
        ("my.openai.azure.com", "V1", GA),
        ("my.openai.azure.com", "", GA),
    ],
)
def test_the_api_version_chooses_the_protocol(
    pasted: str, version: str | None, expected: str
) -> None:
    """
    A dated version, given or pasted, dials the preview address; v1 or none dials GA.
    """
    endpoint = resolve_endpoint(pasted, "gpt-realtime", version)
    assert endpoint.url == expected
    assert endpoint.api_version == (DATED if expected == PREVIEW else None)


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        ("http://localhost:8123/v1", "ws://localhost:8123/v1/realtime?model=m"),
        ("gateway.example/llm/v1/", "wss://gateway.example/llm/v1/realtime?model=m"),
        (
            f"gateway.example/v1/realtime?api-version={DATED}",
            "wss://gateway.example/v1/realtime?model=m",
        ),
        ("https://api.openai.com", "wss://api.openai.com/v1/realtime?model=m"),
    ],
)
def test_a_header_selects_preview_at_the_path_of_openai(
    pasted: str, expected: str
) -> None:
    """
    There the address of both protocols is the same.
    """
    preview = resolve_endpoint(pasted, "m", DATED)
    assert (preview.url, preview.api_version) == (expected, DATED)
    assert preview.is_preview_by_header
    if "api-version" not in pasted:
        ga = resolve_endpoint(pasted, "m")
        assert (ga.url, ga.is_preview_by_header) == (expected, False)
    assert not resolve_endpoint("my.openai.azure.com", "m", DATED).is_preview_by_header


def test_a_deployment_pasted_within_the_address_is_enough() -> None:
    """
    Whoever pastes a full realtime URL need not name the deployment again.
    """
    assert resolve_endpoint(GA, "").url == GA
    assert resolve_endpoint(PREVIEW, "").url == PREVIEW


def test_names_are_percent_encoded() -> None:
    """
    A deployment's name with spaces or umlauts arrives whole.
    """
    expected = "/openai/v1/realtime?model=m%C3%BC%20%26%2F"
    assert resolve_endpoint("my.openai.azure.com", "mü &/").target == expected


def test_a_transcription_session_names_its_intent() -> None:
    """
    A transcription session dials with its intent and without a model.
    """
    endpoint = resolve_endpoint("my.openai.azure.com", "whisper", transcription=True)
    assert endpoint.target == "/openai/v1/realtime?intent=transcription"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"host_name": ""}, "host_name is empty"),
        ({"host_name": " '' "}, "host_name is empty"),
        ({"host_name": "my-resource"}, "did you mean 'my-resource.openai.azure.com'"),
        ({"host_name": "ftp://my.example"}, "the scheme 'ftp'"),
        ({"host_name": "https://"}, "is not a host"),
        ({"host_name": "https:///openai"}, "is not a host"),
        ({"host_name": "my_resource!.example"}, "is not a host"),
        ({"host_name": "a..b.example"}, "is not a host"),
        ({"host_name": "müller.example"}, "is not a host"),
        ({"host_name": "https://[::1"}, "host_name is not an address"),
        ({"host_name": "https://my.example:99999"}, "host_name has a bad port"),
        ({"host_name": "my.example:http"}, "host_name has a bad port"),
        ({"host_name": "https://my.example:secret/"}, "host_name has a bad port"),
        (
            {"host_name": "https://me:secret\u2100@my.example"},
            "host_name is not an address",
        ),
        ({"host_name": "https://me:secret@my.example"}, "a user or password"),
        ({"host_name": "me:secret@my.example"}, "a user or password"),
        ({"host_name": "my.example?api-key=secret"}, "carries a credential (api-key"),
        ({"host_name": "my.example?API-KEY=secret"}, "carries a credential"),
        ({"host_name": "my.example?Authorization=secret"}, "carries a credential"),
        *(
            ({"host_name": f"my.example?{name}=secret"}, "carries a credential")
            for name in (
                "ocp-apim-subscription-key",
                "Access-Token",
                "subscription_key",
                "x-api-key",
                "Client_Secret",
                "X-Amz-Signature",
                "PassWord",
                "sig",
                "code",
            )
        ),
        ({"api_version": "secret" * 4}, "is neither"),
        (
            {
                "host_name": f"my.example?api-version={DATED}",
                "api_version": "secret" * 4,
            },
            "give one of the two",
        ),
        (
            {"host_name": f"my.example?api-version={'secret' * 4}"},
            "is neither",
        ),
        (
            {"host_name": "https://eastus.api.cognitive.microsoft.com"},
            "is a regional address",
        ),
        ({"host_name": "http://my.openai.azure.com"}, "unencrypted"),
        ({"host_name": "ws://my.openai.azure.us"}, "unencrypted"),
        ({"host_name": "ws://api.openai.com/v1"}, "unencrypted"),
        ({"host_name": "http://my-apim.azure-api.net"}, "unencrypted"),
        ({"host_name": "my.openai.azure.com/openai/realtime"}, "delete it for GA"),
        (
            {"host_name": "my.example/openai/v1", "api_version": DATED},
            "delete '2024-10-01-preview'",
        ),
        (
            {"host_name": f"my.example?api-version={DATED}", "api_version": "v1"},
            "delete it from host_name",
        ),
        (
            {"host_name": f"my.example?api-version={DATED}", "api_version": "2025-1"},
            "give one of the two",
        ),
        (
            {"host_name": "my.example?api-version=v1", "api_version": DATED},
            "give one of the two",
        ),
        ({"api_version": "latest"}, "api_version 'latest' is neither"),
        ({"api_version": "2024-10-1"}, "is neither"),
        ({"deployment": ""}, "deployment is empty"),
        ({"deployment": "  "}, "deployment is empty"),
        (
            {"host_name": "my.example?model=other", "deployment": " zebra "},
            "host_name names 'other'",
        ),
    ],
)
def test_an_address_that_cannot_work_is_refused(
    changes: dict[str, str], sentence: str
) -> None:
    """
    What cannot work is refused before dialling, with a sentence on what to change.
    """
    given_ = {"host_name": "my.openai.azure.com", "deployment": "gpt"} | changes
    with pytest.raises(ValueError, match=r"(host_name|deployment|api_version)") as info:
        resolve_endpoint(**given_)  # type: ignore[arg-type]
    assert sentence in str(info.value)
    assert "secret" not in str(info.value)


@pytest.mark.parametrize(
    "changes", [{"host_name": None}, {"deployment": 7}, {"api_version": 1}]
)
def test_an_address_that_is_not_text_is_a_type_error(
    changes: dict[str, object],
) -> None:
    """
    Something other than text is named by its type, not by a traceback from within.
    """
    given_ = {"host_name": "my.example", "deployment": "gpt"} | changes
    with pytest.raises(TypeError, match=next(iter(changes))):
        resolve_endpoint(**given_)  # type: ignore[arg-type]


_PATHS = st.lists(
    st.sampled_from(
        ["openai", "v1", "realtime", "api", "projects", "a b", "50%25", "%2f", ""]
    ),
    max_size=5,
).map("/".join)


@pytest.mark.slow
@given(path=_PATHS, version=st.sampled_from([None, DATED]))
def test_the_address_is_a_fixed_point(path: str, version: str | None) -> None:
    """
    Whoever pastes the address that was dialled dials the same address again.
    """
    try:
        first = resolve_endpoint(f"https://my.example/{path}", "gpt", version)
    except ValueError:
        return
    assert resolve_endpoint(first.url, "gpt", version) == first


@given(text=st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    """
    No text whatever makes anything but an address or a ValueError that names it.
    """
    for host in (text, f"https://{text}", f"https://my.example/{text}"):
        try:
            endpoint = resolve_endpoint(host, "gpt")
        except ValueError as error:
            assert str(error).startswith(("host_name", "deployment", "api_version"))  # noqa: PT017
        else:
            assert isinstance(endpoint, Endpoint)
            assert endpoint.target.isascii()
            assert " " not in endpoint.url


@pytest.mark.parametrize("scheme", ["https:/", "https/", "wss://https://"])
def test_a_malformed_scheme_is_shown_without_what_follows(scheme: str) -> None:
    """
    A user and password may follow.
    """
    with pytest.raises(ValueError, match="malformed scheme") as refused:
        resolve_endpoint(f"{scheme}me:pAss@x.example.com", "d")
    assert "me:" not in str(refused.value)
    assert "pAss" not in str(refused.value)
