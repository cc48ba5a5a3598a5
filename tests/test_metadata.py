"""The endpoints are those in PeeringDB's two recorded metadata documents."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.metadata import PEERINGDB, ProviderMetadata

WIRE = Path(__file__).parent / "wire"


@pytest.mark.parametrize("document", ["discovery-oauth-oauth2@auth", "discovery-oidc-oauth2@auth"])
def test_the_constant_agrees_with_the_recorded_document(document):
    recorded = json.loads((WIRE / f"{document}.json").read_text())
    ours = {name: url for name, url in asdict(PEERINGDB).items() if name in recorded}
    assert len(ours) >= 4
    assert ours == {name: recorded[name] for name in ours}


def test_both_documents_together_name_all_but_the_profile():
    documents = [
        json.loads((WIRE / f"discovery-{kind}-oauth2@auth.json").read_text())
        for kind in ("oauth", "oidc")
    ]
    assert asdict(PEERINGDB).keys() - documents[0].keys() - documents[1].keys() == {
        "profile_endpoint"
    }


def test_the_profile_has_no_slash_at_its_end():
    assert PEERINGDB.profile_endpoint == "https://auth.peeringdb.com/profile/v1"


def test_every_endpoint_is_at_the_base_url_that_was_given():
    elsewhere = ProviderMetadata.at("http://127.0.0.1:8000")
    assert asdict(elsewhere) == {
        name: url.replace("https://auth.peeringdb.com", "http://127.0.0.1:8000")
        for name, url in asdict(PEERINGDB).items()
    }


# Endpoints from metadata documents

BASE = "https://auth.peeringdb.com"


def documents(host="auth"):
    return [
        json.loads((WIRE / f"discovery-{kind}-oauth2@{host}.json").read_text())
        for kind in ("oidc", "oauth")
    ]


def check_of(*found, base_url=BASE):
    with pytest.raises(InvalidResponse) as caught:
        ProviderMetadata.from_documents(base_url, *found)
    assert caught.value.__cause__ is None
    return caught.value.check


def test_the_recorded_documents_together_are_the_constant():
    assert ProviderMetadata.from_documents(BASE, *documents()) == PEERINGDB


def test_missing_documents_leave_the_measured_endpoints():
    for some in ([], documents()[:1], documents()[1:]):
        assert ProviderMetadata.from_documents(BASE, *some) == PEERINGDB


def test_each_document_adds_what_the_other_lacks():
    found = ProviderMetadata.from_documents(
        "https://op.example.net",
        {
            "issuer": "https://op.example.net/oauth2",
            "token_endpoint": "https://op.example.net/t",
            "jwks_uri": "https://op.example.net/k",
        },
        {
            "issuer": "https://op.example.net/oauth2",
            "token_endpoint": "https://op.example.net/t",
            "introspection_endpoint": "https://op.example.net/i",
        },
    )
    assert (found.token_endpoint, found.jwks_uri) == (
        "https://op.example.net/t",
        "https://op.example.net/k",
    )
    assert found.introspection_endpoint == "https://op.example.net/i"
    assert found.profile_endpoint == "https://op.example.net/profile/v1"


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "issuer",
    [
        None,
        "",
        "https://www.peeringdb.com/oauth2",
        f"{BASE}/oauth2/",
        f"{BASE}",
        "http://auth.peeringdb.com/oauth2",
        5,
        [f"{BASE}/oauth2"],
    ],
)
def test_refuses_the_document_of_another_issuer(which, issuer):
    found = documents()
    found[which]["issuer"] = issuer
    assert check_of(*found) == "issuer"


def test_refuses_a_document_without_an_issuer():
    assert check_of({}) == "issuer"


def test_refuses_the_documents_that_peeringdb_serves_at_www():
    assert check_of(*documents("www")) == "issuer"


@pytest.mark.parametrize(
    "name",
    [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "jwks_uri",
    ],
)
@pytest.mark.parametrize(
    "endpoint",
    [
        "https://attacker.example.net/x",
        f"{BASE}.example.net/x",
        f"{BASE}@attacker.example.net/",
        "http://auth.peeringdb.com/x",
        BASE,
        "/x",
        "",
        None,
        5,
    ],
)
def test_refuses_an_endpoint_at_another_address(name, endpoint):
    assert check_of({"issuer": f"{BASE}/oauth2", name: endpoint}) == name


@pytest.mark.parametrize("rest", ["?a=b", "#a", "?", "#", "\\x", "a b", "a\n", "\x00", "%", "ü"])
def test_refuses_an_endpoint_with_more_than_a_path(rest):
    """The parameters of a login would be in its fragment, or lost."""
    for name in ("authorization_endpoint", "profile_endpoint"):
        assert check_of({"issuer": f"{BASE}/oauth2", name: f"{BASE}/x{rest}"}) == name


def test_accepts_every_character_that_a_path_can_have():
    endpoint = f"{BASE}/a-b._~/!$&'()*+,;=:@/%2F%c3"
    found = ProviderMetadata.from_documents(
        BASE, {"issuer": f"{BASE}/oauth2", "token_endpoint": endpoint}
    )
    assert found.token_endpoint == endpoint


def test_refuses_documents_that_contradict_each_other():
    found = documents()
    found[1]["token_endpoint"] = f"{BASE}/other/"
    assert check_of(*found) == "token_endpoint"
