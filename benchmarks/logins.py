"""Blocking logins over TLS: the second half of a login, from the code to the user.

The figures are CPU time of this process, in which only the client runs.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import django_logins
import raw_requests
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from measure import Row, at_most, interleave
from provider import CLIENT_ID, CLIENT_SECRET, NONCE, REDIRECT_URI, Provider
from requests_oauthlib import OAuth2Session

from peeringdb_oauth import AuthorizationRequest, Client, ClientConfig

OURS, OPENID = "peeringdb_oauth", "peeringdb_oauth, openid"
RAW, SESSION = "raw TLS socket, kept", "requests.Session, kept"
ORIGINAL, REQUESTS_OAUTHLIB, AUTHLIB = "the original", "requests-oauthlib", "Authlib"
SOCIAL_CORE, ALLAUTH = "social-core", "django-allauth"
CALLBACK = f"{REDIRECT_URI}?code=a-code&state=a-state"
SCOPE = ("profile", "email", "networks", "amr")
KEPT = dict.fromkeys((OURS, OPENID, RAW, SESSION), 20)
CALLS = KEPT | dict.fromkeys((ORIGINAL, REQUESTS_OAUTHLIB, AUTHLIB, SOCIAL_CORE, ALLAUTH), 1)
LogIn = Callable[[], object]


def measure(provider: Provider, rounds: int) -> Iterator[Row]:
    """The rows of this file."""
    with Client(config(provider)) as client:
        candidates = _candidates(provider, client, rounds)
        samples = interleave(candidates, rounds=rounds, calls=CALLS)
    for title, ours in (("log in, CPU", OURS), ("log in with an ID token, CPU", OPENID)):
        for other, goal in (
            (ORIGINAL, 1 / 25),
            (REQUESTS_OAUTHLIB, 1 / 12),
            (AUTHLIB, 1 / 12),
            (SOCIAL_CORE, 1 / 12),
            (ALLAUTH, 1 / 12),
            (SESSION, 0.75),
            (RAW, None),
        ):
            yield at_most(goal, title, samples, ours, other)


def count_connections(provider: Provider) -> dict[str, float]:
    """How many new connections each login makes, after a first one."""
    logins = 5
    counts = {}
    with Client(config(provider)) as client:
        for name, log_in in _candidates(provider, client, 1).items():
            log_in()
            before = provider.connections
            for _ in range(logins):
                log_in()
            counts[name] = (provider.connections - before) / logins
    return counts


def config(provider: Provider) -> ClientConfig:
    """The settings of our client, without a budget.

    All candidates take the certificate authorities from the environment.
    """
    return ClientConfig(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        redirect_uri=REDIRECT_URI,
        base_url=provider.base_url,
        requests_per_minute=None,
    )


def started_logins(
    provider: Provider, number: int, *, code: str = "a-code"
) -> list[tuple[AuthorizationRequest, dict[str, str]]]:
    """Started logins, each with its callback.

    ``code``: chooses the answer, see `provider`. They share a nonce, because there is
    one ID token. Each has a state of its own, because a state counts once.
    """
    logins = []
    for at in range(number):
        text = f"{code:-<11}{at:032}"
        kept = {
            "url": f"{provider.base_url}/oauth2/authorize/",
            "state": text,
            "nonce": NONCE,
            "code_verifier": text,
            "redirect_uri": REDIRECT_URI,
        }
        scope = ("openid", *SCOPE) if code == "openid" else SCOPE
        request = AuthorizationRequest.from_dict(kept | {"scope": scope, "created_at": time.time()})
        logins.append((request, {"state": text, "code": code}))
    return logins


def token_form(code: str = "a-code") -> dict[str, str]:
    """The form that the original sends to the token endpoint."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": REDIRECT_URI,
    }


def _candidates(provider: Provider, client: Client, rounds: int) -> Mapping[str, LogIn]:
    plain = started_logins(provider, rounds * CALLS[OURS] + 10)
    openid = started_logins(provider, rounds * CALLS[OPENID] + 10, code="openid")
    return {
        OURS: lambda: client.log_in(*plain.pop()),
        OPENID: lambda: client.log_in(*openid.pop()),
        SESSION: two_calls(provider, requests.Session()),
        ORIGINAL: two_calls(provider, requests),
        REQUESTS_OAUTHLIB: _requests_oauthlib(provider),
        AUTHLIB: _authlib(provider),
        SOCIAL_CORE: django_logins.social_core(provider),
        ALLAUTH: django_logins.allauth(),
        RAW: raw_requests.blocking(provider, token_form()),
    }


def two_calls(provider: Provider, http: Any, code: str = "a-code") -> LogIn:
    """The login of the original: a POST for the token, a GET for the profile.

    ``http``: the module ``requests``, or a session that is kept.
    """
    form = token_form(code)

    def log_in() -> object:
        token = http.post(f"{provider.base_url}/oauth2/token/", data=form, timeout=10).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        return http.get(f"{provider.base_url}/profile/v1", headers=headers, timeout=10).json()

    return log_in


def _requests_oauthlib(provider: Provider) -> LogIn:
    """Its example for a web application, with one session for each login.

    The example has a second session for the profile.
    """

    def log_in() -> object:
        session = OAuth2Session(CLIENT_ID, redirect_uri=REDIRECT_URI, state="a-state")
        session.fetch_token(
            f"{provider.base_url}/oauth2/token/",
            authorization_response=CALLBACK,
            client_secret=CLIENT_SECRET,
            include_client_id=True,
        )
        return session.get(f"{provider.base_url}/profile/v1").json()

    return log_in


def _authlib(provider: Provider) -> LogIn:
    """Its "OAuth 2 Session", with one session for each login."""

    def log_in() -> object:
        session = AuthlibSession(
            CLIENT_ID,
            CLIENT_SECRET,
            redirect_uri=REDIRECT_URI,
            state="a-state",
            token_endpoint_auth_method="client_secret_post",
        )
        session.fetch_token(f"{provider.base_url}/oauth2/token/", authorization_response=CALLBACK)
        return session.get(f"{provider.base_url}/profile/v1").json()

    return log_in
