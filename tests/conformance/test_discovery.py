"""Discovery: PeeringDB's two documents are merged and checked before a login."""

from dataclasses import asdict
from urllib.parse import urlsplit

import pytest

from peeringdb_oauth import verification
from peeringdb_oauth.errors import InvalidResponse, PeeringDBOAuthError, TransportError
from peeringdb_oauth.metadata import ProviderMetadata

OIDC, OAUTH = "openid-configuration", "oauth-authorization-server"
PATHS = [f"/oauth2/.well-known/{name}" for name in (OIDC, OAUTH)]
IN_BOTH = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
ENDPOINTS = [
    *((OIDC, name) for name in IN_BOTH),
    *((OAUTH, name) for name in (*IN_BOTH, "revocation_endpoint", "introspection_endpoint")),
]


def discover(client):
    return client.run(verification.discover(client.provider))


def refuses_to_log_in(provider, client):
    """Return the error of a login. Neither the secret nor the code was sent."""
    with pytest.raises(PeeringDBOAuthError) as refused:
        provider.log_in(client)
    assert not any(path.startswith("/oauth2/token") for path in provider.received)
    assert len(provider.codes) == 1
    return refused.value


def test_peeringdbs_documents_together_say_where_its_endpoints_are(provider, client):
    assert discover(client) == ProviderMetadata.at(provider.url)
    assert provider.received == PATHS


def test_logs_in_at_the_endpoints_that_the_documents_name(provider, client):
    provider.move(*IN_BOTH)
    discover(client)
    assert provider.log_in(client).claims.subject == "1"
    assert provider.received == [
        *PATHS,
        "/authorization_endpoint",
        "/jwks_uri",
        "/token_endpoint",
        "/profile/v1",
    ]


@pytest.mark.parametrize("name", ["revocation_endpoint", "introspection_endpoint"])
def test_completes_one_document_with_the_other(provider, client, name):
    assert name not in provider.documents[OIDC]
    provider.documents[OAUTH][name] = f"{provider.url}/moved/"
    assert asdict(discover(client)) == asdict(ProviderMetadata.at(provider.url)) | {
        name: f"{provider.url}/moved/"
    }


@pytest.mark.parametrize("missing", [OIDC, OAUTH])
def test_one_document_is_enough(provider, client, missing):
    del provider.documents[missing]
    assert provider.log_in(client).claims.subject == "1"


def test_asks_for_the_documents_once(provider, client):
    for _ in range(2):
        provider.log_in(client)
    assert [provider.count(path) for path in PATHS] == [1, 1]


# --- refusals, all before the code is used --------------------------------------------


@pytest.mark.parametrize("document", [OIDC, OAUTH])
@pytest.mark.parametrize(
    "issuer",
    ["https://attacker.example.net/oauth2", "{}/oauth2/", "{}", "{}/OAUTH2", "", None, ...],
)
def test_refuses_a_document_of_another_issuer(provider, client, document, issuer):
    issuer = issuer.format(provider.url) if isinstance(issuer, str) else issuer
    provider.documents[document] = {"issuer": issuer} if issuer is not ... else {}
    refused = refuses_to_log_in(provider, client)
    assert (type(refused), refused.check) == (InvalidResponse, "issuer")


@pytest.mark.parametrize("name", IN_BOTH)
def test_refuses_documents_that_disagree(provider, client, name):
    provider.documents[OAUTH][name] += "other/"
    refused = refuses_to_log_in(provider, client)
    assert (type(refused), refused.check) == (InvalidResponse, name)


@pytest.mark.parametrize(("document", "name"), ENDPOINTS)
@pytest.mark.parametrize(
    "host", ["https://attacker.example.net", "{}.example.net", "{}@attacker.example.net"]
)
def test_refuses_endpoints_on_another_host(provider, client, document, name, host):
    path = urlsplit(provider.documents[document][name]).path
    provider.documents[document][name] = host.format(provider.url) + path
    refused = refuses_to_log_in(provider, client)
    assert (type(refused), refused.check) == (InvalidResponse, name)


def test_refuses_a_provider_without_documents(provider, client):
    provider.documents.clear()
    refused = refuses_to_log_in(provider, client)
    assert (type(refused), refused.check) == (InvalidResponse, "issuer")


@pytest.fixture(params=PATHS)
def path(request):
    return request.param


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (503, TransportError),
        (None, TransportError),
        (302, InvalidResponse),
        ((200, "text/html", "<h1>Welcome</h1>"), InvalidResponse),
        ((200, "application/json", []), InvalidResponse),
    ],
    ids=["503", "no answer", "302", "HTML", "a list"],
)
def test_refuses_to_log_in_while_a_document_is_broken(provider, client, path, answer, kind):
    provider.answers[path] = answer
    assert type(refuses_to_log_in(provider, client)) is kind


def test_a_login_that_a_broken_document_stopped_can_be_repeated(provider, client, clock, path):
    request = client.authorization_request()
    callback = provider.authorize(request)
    provider.answers[path] = 503
    with pytest.raises(TransportError):
        client.log_in(request, callback)
    provider.answers.clear()
    clock.now += 10
    assert client.log_in(request, callback).claims.subject == "1"
