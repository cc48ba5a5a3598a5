"""The options of a sandbox: what is accepted can work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth import ClientConfig
from peeringdb_oauth.sandbox import Options

_PART = st.sampled_from(
    [
        "http",
        "https",
        ":",
        "//",
        "/",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "app.example.net",
        "[",
        "@",
        "#",
        "\\",
        ":5000",
        ":x",
    ]
)


@pytest.mark.parametrize(
    ("tls", "strict", "scheme"),
    [(False, False, "http"), (True, False, "https"), (False, True, "https")],
)
def test_default_redirect_uris_are_https_where_http_would_not_do(tls, strict, scheme):
    options = Options(tls=tls, strict=strict)
    assert options.redirect_uris == tuple(
        f"{scheme}://{host}:5000/login/peeringdb/callback" for host in ("127.0.0.1", "localhost")
    )
    assert options.problems() == []


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/",
        "http://localhost:5000/callback",
        "http://[::1]:5000/",
        "https://app.example.net/",
    ],
)
def test_a_redirect_uri_is_https_or_stays_on_this_machine(uri):
    assert Options(redirect_uris=(uri,)).problems() == []


@pytest.mark.parametrize("strict", [True, False])
def test_http_is_refused_for_other_hosts(strict):
    (problem,) = Options(strict=strict, redirect_uris=("http://app.example.net/",)).problems()
    assert problem.startswith("redirect URI http://app.example.net/ must be https")


def test_strict_refuses_http_for_loopback_hosts_too():
    (problem,) = Options(
        strict=True, redirect_uris=("https://localhost/", "http://localhost/")
    ).problems()
    assert problem == (
        "redirect URI http://localhost/ must be https, because strict refuses http as PeeringDB"
        " does"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "callback",
        "ftp://app.example.net/",
        "https:///",
        "https://a b/",
        "https://a/\u00fc",
        "https://a/#",
        "https://u@a/",
        "https://a\\b/",
        "https://[",
        "https://a:x/",
    ],
)
def test_a_malformed_redirect_uri_is_refused(uri):
    (problem,) = Options(redirect_uris=(uri,)).problems()
    assert problem.startswith(f"redirect URI {uri!r} must be ")


@given(st.lists(_PART | st.text(max_size=2), max_size=8).map("".join).filter(bool))
def test_client_config_accepts_every_redirect_uri_that_options_accept(uri):
    if not Options(redirect_uris=(uri,)).problems():
        assert ClientConfig(client_id="id", redirect_uri=uri, allow_http=True).redirect_uri == uri
