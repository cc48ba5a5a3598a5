"""A wrong configuration is refused with all problems at once; none shows the secret."""

import logging
import os
import re
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth import setting_sources
from peeringdb_oauth.config import SCOPES, ClientConfig, is_loopback, parse_scope
from peeringdb_oauth.errors import ConfigurationError

SECRET = "Xq7-s3cr3t-of-portal"
GOOD = {
    "client_id": "portal",
    "client_secret": SECRET,
    "redirect_uri": "https://portal.example.net/callback",
}
NOT_A_URL = "must be a URL with a host, such as "
EXAMPLES = {"redirect_uri": "https://portal.example.net/", "base_url": "https://auth.peeringdb.com"}
MISSING_PROFILE = "scope: 'profile' is missing; without it PeeringDB does not say who logged in"


def unknown_scope(word):
    return f"scope: PeeringDB has no scope {word}; its scopes are openid profile email networks amr"


INI = """
[peeringdb_oauth]
oauth_client_key = portal
oauth_client_sec = %s
redirect_to = https://portal.example.net/callback
"""


def problems(**changes):
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig(**GOOD | changes)
    assert SECRET not in str(caught.value)
    return caught.value.problems


def load_problems(path=None):
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig.load(path)
    return caught.value.problems


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch, tmp_path):
    """Hide the settings of this machine, in its file and its environment."""
    for name in os.environ:
        if name.startswith("PEERINGDB_OAUTH_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(setting_sources, "DEFAULT_INI", str(tmp_path / "default.ini"))


@pytest.fixture
def ini(tmp_path):
    """``ini(text)`` writes an ini file and returns its path."""

    def write(text):
        path = tmp_path / "some.ini"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


# What is accepted


def test_the_defaults():
    config = ClientConfig(client_id="portal", redirect_uri="https://portal.example.net/callback")
    assert (config.client_secret, config.base_url) == (None, "https://auth.peeringdb.com")
    assert config.scope == ("profile", "email", "networks", "amr")
    assert (config.timeout, config.allow_http, config.ca_file, config.requests_per_minute) == (
        10.0,
        False,
        None,
        100,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": None},
        {"client_secret": "a b%c$d~!;#=:"},
        {"client_secret": "x"},
        {"client_id": "md5$portal"},
        {"client_secret": "argon2 is not a hash by its name alone"},
        {"redirect_uri": "https://portal.example.net/callback?tenant=1"},
        {"redirect_uri": "https://192.0.2.1:8443/"},
        {"redirect_uri": "https://[2001:db8::1]/callback"},
        {"redirect_uri": "https://localhost:5000/"},
        {"redirect_uri": "http://localhost:5000/callback", "allow_http": True},
        {"redirect_uri": "http://127.0.0.1/callback", "allow_http": True},
        {"redirect_uri": "http://[::1]:5000/callback", "allow_http": True},
        {"base_url": "https://127.0.0.1:8000"},
        {"base_url": "https://beta.peeringdb.com:8443"},
        {"base_url": "https://auth.beta.peeringdb.com"},
        {"scope": SCOPES},
        {"scope": ("profile",)},
        {"timeout": 300},
        {"timeout": 0.1},
        {"ca_file": "/nonexistent.pem"},
        {"requests_per_minute": None},
        {"requests_per_minute": 2},
    ],
)
def test_accepts(change):
    config = ClientConfig(**GOOD | change)
    assert {name: getattr(config, name) for name in change} == change


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://localhost:5000/callback",
        "https://127.0.0.1:5000/callback",
        "https://[::1]/callback",
        "https://testserver/callback",
        "https://portal.test/callback",
        "https://portal.localhost/callback",
    ],
)
def test_a_sandbox_is_accepted_for_a_redirect_uri_for_tests(redirect_uri):
    sandbox = {"base_url": "http://127.0.0.1:8000", "allow_http": True}
    config = ClientConfig(**GOOD | sandbox | {"redirect_uri": redirect_uri})
    assert (config.base_url, config.redirect_uri) == ("http://127.0.0.1:8000", redirect_uri)


@pytest.mark.parametrize("base_url", ["https://auth.peeringdb.com/", "HTTPS://Auth.PeeringDB.com"])
def test_a_base_url_is_normalized_to_the_form_of_the_issuer(base_url):
    assert ClientConfig(**GOOD, base_url=base_url).base_url == "https://auth.peeringdb.com"


@pytest.mark.parametrize(
    "scope",
    [
        " profile  email ",
        ["profile", "email"],
        {"profile": 1, "email": 2},
        ("profile", "email", "profile"),
    ],
)
def test_a_scope_may_be_a_string_or_any_iterable(scope):
    assert ClientConfig(**GOOD, scope=scope).scope == ("profile", "email")


def test_equal_configurations_have_equal_hashes():
    assert len({ClientConfig(**GOOD), ClientConfig(**GOOD), ClientConfig(**GOOD, timeout=1)}) == 2


def test_a_configuration_is_immutable():
    with pytest.raises(AttributeError):
        ClientConfig(**GOOD).client_id = "other"


# What is refused


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_refuses_missing_credentials(name, value):
    (problem,) = problems(**{name: value})
    assert (
        problem == f"{name}: missing or empty; copy it from your application's page at"
        " www.peeringdb.com/oauth2/applications/"
    )


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
@pytest.mark.parametrize("value", [5, 1e5, True, b"portal"])
def test_refuses_credentials_that_are_not_text(name, value):
    assert problems(**{name: value}) == (f"{name}: must be text; write it in quotes",)


def test_refuses_a_client_id_that_is_none():
    assert problems(client_id=None)[0].startswith("client_id: missing or empty")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "client-id"),
        ("client_id", "..."),
        ("client_id", "…"),
        ("client_secret", "megasecret!"),
        ("client_secret", "..."),
        ("client_secret", "…"),
    ],
)
def test_refuses_the_sample_values_of_the_guides_and_of_the_original_ini(name, value):
    (problem,) = problems(**{name: value})
    assert (
        problem
        == f"{name}: still the sample value; copy the real one from your application's page at"
        " PeeringDB"
    )
    assert value not in problem


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
@pytest.mark.parametrize(
    "value",
    [
        "two\nlines",
        "tab\there",
        "é",
        "a\0b",
        "\ud800",
        "a\x7f",
        " outer",
        "outer ",
        "outer\n",
        "\ufefftext",
        "a\xa0b",
    ],
)
def test_refuses_credentials_with_characters_outside_printable_ascii(name, value):
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name}: contains a character outside printable ASCII")
    assert value.strip() not in problem


@pytest.mark.parametrize(
    "stored",
    [  # as Django's hashers, present and past, write them
        "pbkdf2_sha256$1000000$sAlT$YWJjZGVm=",
        "pbkdf2_sha1$1000000$sAlT$YWJjZGVm=",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA",
        "argon2$argon2i$v=1$m=512,t=2,p=2$c2FsdA$aGFzaA",
        "argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA",
        "$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA",
        "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuv",
        "bcrypt$$2b$12$abcdefghijklmnopqrstuv",
        "$2b$12$abcdefghijklmnopqrstuv",
        "scrypt$16384$sAlT$8$5$YWJjZGVm==",
        "md5$sAlT$0123456789abcdef",
        "sha1$sAlT$0123456789abcdef",
        "unsalted_md5$$0123456789abcdef",
        "unsalted_sha1$$0123456789abcdef",
    ],
)
def test_refuses_the_stored_hash_of_a_secret(stored):
    (problem,) = problems(client_secret=stored)
    assert problem.startswith(
        "client_secret: this is the hash that PeeringDB shows after saving, not the secret"
    )
    assert stored not in problem


@pytest.mark.parametrize("name", ["redirect_uri", "base_url"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (5, NOT_A_URL),
        (b"https://portal.example.net", NOT_A_URL),
        ("portal.example.net", NOT_A_URL),
        ("/callback", NOT_A_URL),
        ("https://", NOT_A_URL),
        ("https://:443", NOT_A_URL),
        ("...", NOT_A_URL),
        ("…", NOT_A_URL),
        ("https://...", NOT_A_URL),
        ("https://.../callback", NOT_A_URL),
        ("https:portal.example.net", NOT_A_URL),
        ("https://[::1", NOT_A_URL),
        ("https://[portal]", NOT_A_URL),
        ("https://portal.example.net:99999", NOT_A_URL),
        ("https://portal.example.net:https", NOT_A_URL),
        ("https://portal example.net", NOT_A_URL),
        (" https://portal.example.net", NOT_A_URL),
        ("https://portal.example.net\n", NOT_A_URL),
        ("https://portal.example.net\r\nX: y", NOT_A_URL),
        ("https://portal.example.net\0", NOT_A_URL),
        ("https://pörtal.example.net", NOT_A_URL),
        ("https://\ud800.example.net", NOT_A_URL),
        ("https://portal.example.net\\@192.0.2.1", NOT_A_URL),
        ("http://portal.example.net", "must be https"),
        ("ftp://portal.example.net", "must be https"),
        ("javascript://portal.example.net", "must be https"),
        (
            "http://localhost:5000",
            "must be https (or, for a sandbox, set allow_http: this is a loopback host)",
        ),
        ("https://portal@portal.example.net", "must not have a user name or password in it"),
        (
            f"https://portal:{SECRET}@portal.example.net",
            "must not have a user name or password in it",
        ),
        ("https://@portal.example.net", "must not have a user name or password in it"),
    ],
)
def test_refuses_a_url_that_is_malformed_or_unsafe(name, url, reason):
    example = EXAMPLES[name] if reason == NOT_A_URL else ""
    assert problems(**{name: url}) == (f"{name}: {reason}{example}",)


@pytest.mark.parametrize("nothing", ["", None])
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        (
            "redirect_uri",
            "; write the URL of your application's callback, as registered at PeeringDB",
        ),
        ("base_url", ""),
    ],
)
def test_refuses_a_url_that_is_missing(name, nothing, advice):
    assert problems(**{name: nothing}) == (f"{name}: missing or empty{advice}",)


@pytest.mark.parametrize("name", ["redirect_uri", "base_url"])
@pytest.mark.parametrize(
    "host",
    [
        "portal.example.net",
        "192.0.2.1",
        "localhost.example.net",
        "127.0.0.1.example.net",
        "0.0.0.0",  # noqa: S104
        "[::]",
    ],
)
def test_allow_http_covers_loopback_hosts_only(name, host):
    (problem,) = problems(allow_http=True, **{name: f"http://{host}"})
    assert (
        problem
        == f"{name}: must be https; allow_http is for loopback hosts only, and {host.strip('[]')}"
        " is not one"
    )


@pytest.mark.parametrize("name", ["redirect_uri", "base_url"])
def test_allow_http_covers_no_other_scheme(name):
    assert problems(allow_http=True, **{name: "ftp://localhost"})[0].startswith(
        f"{name}: must be https"
    )


@pytest.mark.parametrize(
    "url", ["https://portal.example.net/callback#", "https://portal.example.net/callback#part"]
)
def test_refuses_a_redirect_uri_with_a_fragment(url):
    assert problems(redirect_uri=url) == ("redirect_uri: must not have a fragment (#...)",)


@pytest.mark.parametrize("end", ["/oauth2", "//", "/?", "?", "?next=1", "/oauth2/"])
def test_refuses_a_base_url_with_a_path_or_a_query(end):
    assert problems(base_url=f"https://auth.peeringdb.com{end}") == (
        "base_url: must be scheme and host only, such as https://auth.peeringdb.com",
    )


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://www.peeringdb.com", "www.peeringdb.com"),
        ("https://www.peeringdb.com:443/", "www.peeringdb.com"),
        ("https://WWW.PeeringDB.com", "www.peeringdb.com"),
        ("https://peeringdb.com", "peeringdb.com"),
    ],
)
def test_refuses_a_base_url_where_peeringdb_is_another_issuer(base_url, host):
    assert problems(base_url=base_url) == (
        f"base_url: must be https://auth.peeringdb.com; {host} is another issuer",
    )


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "https://localhost:8000"])
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://portal.example.net/callback",
        "https://192.0.2.1/callback",
        "https://[2001:db8::1]/callback",
        "https://test.example.net/callback",
        "https://localhost.example.net/callback",
    ],
)
def test_refuses_a_forgotten_sandbox(base_url, redirect_uri):
    (problem,) = problems(base_url=base_url, redirect_uri=redirect_uri, allow_http=True)
    assert problem == (
        "base_url: leads to this machine, as for a sandbox, but redirect_uri to a public"
        " host; remove base_url and allow_http to log people in at PeeringDB, or set a"
        " redirect_uri on localhost for a test"
    )


def test_a_forgotten_sandbox_is_reported_with_all_other_problems():
    found = problems(
        client_id="...", client_secret="...", base_url="http://127.0.0.1:8000", allow_http=True
    )
    assert [problem.partition(":")[0] for problem in found] == [
        "client_id",
        "client_secret",
        "base_url",
    ]


def test_the_names_of_the_settings_of_a_forgotten_sandbox_are_in_the_problem(monkeypatch):
    set_environment(monkeypatch, **CREDENTIALS, BASE_URL="http://127.0.0.1:8000", ALLOW_HTTP="yes")
    (problem,) = load_problems()
    assert problem.startswith("PEERINGDB_OAUTH_BASE_URL: leads to this machine")


@pytest.mark.parametrize(
    ("scope", "reasons"),
    [
        (("profile", "api"), (unknown_scope("'api'"),)),
        ("profile,email", (unknown_scope("'profile,email'"), MISSING_PROFILE)),
        ("Profile", (unknown_scope("'Profile'"), MISSING_PROFILE)),
        (("email",), (MISSING_PROFILE,)),
        ((), (MISSING_PROFILE,)),
        ("", (MISSING_PROFILE,)),
        (None, (unknown_scope("'None'"), MISSING_PROFILE)),
        ((["profile"],), (unknown_scope("\"(['profile'],)\""), MISSING_PROFILE)),
        (("profile", 5), (unknown_scope("5"),)),
    ],
)
def test_refuses_an_unknown_scope_and_a_scope_without_profile(scope, reasons):
    assert problems(scope=scope) == reasons


@pytest.mark.parametrize(
    "timeout", [0, -1, 300.5, float("nan"), float("inf"), True, None, "10", 10**400]
)
def test_refuses_a_timeout_that_is_not_a_number_of_seconds(timeout):
    assert problems(timeout=timeout) == (
        "timeout: must be a number of seconds above 0 and at most 300",
    )


@pytest.mark.parametrize("number", [1, 0, -100, True, 100.0, "100", float("inf")])
def test_refuses_a_budget_that_is_too_small_for_one_login(number):
    assert problems(requests_per_minute=number) == (
        (
            "requests_per_minute: must be a whole number of at least 2 (one login takes 2, in each"
            " process), or none for no limit"
        ),
    )


def test_each_process_needs_requests_for_a_login():
    assert ClientConfig(**GOOD, requests_per_minute=8, processes=4).processes == 4
    assert problems(requests_per_minute=7, processes=4) == (
        (
            "requests_per_minute: must be a whole number of at least 8 (one login takes 2, in each"
            " process), or none for no limit"
        ),
    )


@pytest.mark.parametrize("number", [0, -1, 51, True, 2.0, "2", None])
def test_refuses_a_number_of_processes_that_is_none(number):
    assert problems(processes=number) == ("processes: must be a whole number from 1 to 50",)


@pytest.mark.parametrize(
    ("text", "processes"),
    [("4", 4), ("", 1), ("0", 1), ("many", 1), ("-3", 1), ("64", 50), ("9" * 4000, 1)],
)
def test_the_number_of_workers_is_the_number_of_processes(monkeypatch, text, processes):
    monkeypatch.setenv("WEB_CONCURRENCY", text)
    assert ClientConfig(**GOOD).processes == processes


@pytest.mark.parametrize("ca_file", ["", 5, b"/x.pem"])
def test_refuses_a_ca_file_that_is_not_a_path(ca_file):
    assert problems(ca_file=ca_file) == ("ca_file: must be the path of a PEM file, as a str",)


@pytest.mark.parametrize("egress", ["", "rack 2", "x" * 65, "\u00e4", "a\n", 7, None])
def test_refuses_an_egress_that_is_no_name(egress):
    assert problems(egress=egress) == (
        "egress: must be a name of at most 64 letters, digits, dots, hyphens and underscores",
    )


@pytest.mark.parametrize("egress", ["default", "192.0.2.7", "rack_2-b", "x" * 64])
def test_an_egress_has_a_name(egress):
    assert ClientConfig(**GOOD, egress=egress).egress == egress


@pytest.mark.parametrize("allow_http", ["no", 1, None])
def test_refuses_an_allow_http_that_is_not_a_bool(allow_http):
    assert problems(allow_http=allow_http) == (
        "allow_http: must be yes or no; in Python, True or False",
    )


def test_every_problem_is_reported_at_once():
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig(
            client_id="",
            client_secret="megasecret!",
            redirect_uri="http://user@portal.example.net/#x",
            base_url="ftp://auth.peeringdb.com/oauth2",
            scope="everything",
            timeout=0,
            requests_per_minute=0,
            ca_file="",
            allow_http=2,
        )
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        *(
            "client_id",
            "client_secret",
            "redirect_uri",
            "redirect_uri",
            "redirect_uri",
            "base_url",
            "base_url",
        ),
        *("scope", "scope", "timeout", "requests_per_minute", "allow_http", "ca_file"),
    ]
    assert str(caught.value) == "; ".join(caught.value.problems)


@given(
    st.dictionaries(
        st.sampled_from(sorted(ClientConfig.__dataclass_fields__)),
        st.none() | st.text() | st.integers() | st.lists(st.text()),
    )
)
def test_any_arguments_make_a_configuration_or_are_refused(arguments):
    try:
        ClientConfig(**GOOD | arguments)
    except ConfigurationError as error:
        assert error.problems  # noqa: PT017 - either may happen


@given(st.text() | st.from_regex(r"https://[\x00-\x7f]*"))
def test_any_redirect_uri_that_is_accepted_is_printable_https_with_a_host(text):
    try:
        accepted = ClientConfig(**GOOD | {"redirect_uri": text}).redirect_uri
    except ConfigurationError:
        return
    assert accepted.lower().startswith("https://")
    assert accepted.isascii()
    assert accepted.isprintable()
    assert not set(accepted) & set(" #\\")


# Loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.255.254", "::1"])
def test_is_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            "localhost.example.net",
            "notlocalhost",
            "127.0.0.1.example.net",
            "192.0.2.1",
            "2001:db8::1",
            "127.1",
            "2130706433",
        ),
        *("0.0.0.0", "::"),  # noqa: S104
    ],
)
def test_is_not_loopback(host):
    assert not is_loopback(host)


@given(st.text())
def test_is_loopback_takes_any_text(host):
    assert is_loopback(host) in (True, False)


@given(st.lists(st.sampled_from(SCOPES)))
def test_a_scope_as_a_string_equals_the_same_scope_as_a_list(words):
    assert parse_scope(words) == parse_scope(" ".join(words)) == tuple(dict.fromkeys(words))


# The secret stays secret


def test_the_secret_is_in_no_repr():
    config = ClientConfig(**GOOD)
    for text in (repr(config), str(config), f"{config}", repr([config])):
        assert SECRET not in text


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"oauth_client_sec = {SECRET}",
        f"[peeringdb_oauth\noauth_client_sec = {SECRET}",
        f"[peeringdb_oauth]\n{SECRET}",
        f"[peeringdb_oauth]\n = {SECRET}",
        f"[peeringdb_oauth]\noauth_client_sec = {SECRET}\noauth_client_sec = {SECRET}",
        f"[peeringdb_oauth]\noauth_client_sec = {SECRET}\n[peeringdb_oauth]",
        f"[peeringdb_oauth]\noauth_client_sec = {SECRET}\n  second line",
        f"[peeringdb_oauth]\noauth_client_sec = begin\n{SECRET}= = end",
        f"[peeringdb_oauth]\noauth_client_sec = {SECRET}é",
        f"[{SECRET}]\nkey = value",
        f"[DEFAULT]\n{SECRET} = x\n[peeringdb_oauth]\n",
        f"[peeringdb_oauth]\noauth_client_sec = {SECRET}\n".encode("utf-16"),
        f"[peeringdb_oauth]\noauth_client_sec = {SECRET}\n\xff".encode("latin-1"),
        INI % SECRET + "timeout = soon",
    ],
)
def test_the_secret_of_a_malformed_ini_is_in_no_message_traceback_or_log(ini, text, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig.load(ini(text))
    shown = (
        "".join(traceback.format_exception(caught.value))
        + repr(caught.value.problems)
        + caplog.text
    )
    assert SECRET.lower() not in shown.lower()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_secret_in_the_variable_for_its_file_is_not_shown(monkeypatch):
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_SECRET_FILE", SECRET)
    found = load_problems()
    assert "PEERINGDB_OAUTH_CLIENT_SECRET_FILE: No such file or directory" in found
    assert SECRET not in str(found)


# Files and environment


def test_an_ini_of_the_original_library_is_read(ini):
    assert ClientConfig.load(ini(INI % SECRET)) == ClientConfig(**GOOD)


def test_every_setting_of_the_ini_is_read(ini):
    more = """base_url = https://beta.peeringdb.com
scope = profile email
timeout = 2.5
ca_file = /etc/ca.pem
allow_http = yes
requests_per_minute = 50
processes = 5
"""
    assert ClientConfig.load(ini(INI % SECRET + more)) == ClientConfig(
        **GOOD,
        base_url="https://beta.peeringdb.com",
        scope=("profile", "email"),
        timeout=2.5,
        ca_file="/etc/ca.pem",
        allow_http=True,
        requests_per_minute=50,
        processes=5,
    )


def set_environment(monkeypatch, **values):
    for name, value in values.items():
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)


CREDENTIALS = {
    "CLIENT_ID": "portal",
    "CLIENT_SECRET": SECRET,
    "REDIRECT_URI": "https://portal.example.net/callback",
}


def test_the_environment_is_enough_without_a_file(monkeypatch):
    set_environment(monkeypatch, **CREDENTIALS)
    assert ClientConfig.load() == ClientConfig(**GOOD)


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("CLIENT_ID", "other", "client_id", "other"),
        ("CLIENT_SECRET", "0ther", "client_secret", "0ther"),
        (
            "REDIRECT_URI",
            "https://other.example.net/",
            "redirect_uri",
            "https://other.example.net/",
        ),
        ("BASE_URL", "https://beta.peeringdb.com", "base_url", "https://beta.peeringdb.com"),
        ("SCOPE", "openid profile", "scope", ("openid", "profile")),
        ("TIMEOUT", "3", "timeout", 3.0),
        ("CA_FILE", "/etc/other.pem", "ca_file", "/etc/other.pem"),
        ("CA_FILE", "", "ca_file", None),
        ("ALLOW_HTTP", "ON", "allow_http", True),
        ("ALLOW_HTTP", " no ", "allow_http", False),
        ("REQUESTS_PER_MINUTE", "7", "requests_per_minute", 7),
        ("REQUESTS_PER_MINUTE", "None", "requests_per_minute", None),
        ("PROCESSES", "2", "processes", 2),
    ],
)
def test_the_environment_overrides_the_file(ini, monkeypatch, variable, text, name, value):  # noqa: PLR0917 - a table and two fixtures
    in_file = (
        "base_url = https://beta.peeringdb.com:8443\nscope = profile\ntimeout = 1\nca_file ="
        " /x.pem\nallow_http = 1\nrequests_per_minute = 5"
    )
    if variable == "ALLOW_HTTP" and value:
        in_file = in_file.replace("allow_http = 1", "allow_http = 0")
    path = ini(INI % SECRET + in_file)
    before = ClientConfig.load(path)
    set_environment(monkeypatch, **{variable: text})
    after = ClientConfig.load(path)
    assert getattr(after, name) == value != getattr(before, name)
    assert [
        field
        for field in ClientConfig.__dataclass_fields__
        if getattr(before, field) != getattr(after, field)
    ] == [name]


def test_the_path_is_the_argument_else_the_variable_else_the_default(tmp_path, monkeypatch):
    for name in ("default", "variable", "argument"):
        (tmp_path / f"{name}.ini").write_text((INI % SECRET).replace("= portal", f"= {name}"))
    assert ClientConfig.load().client_id == "default"
    monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", str(tmp_path / "variable.ini"))
    assert ClientConfig.load().client_id == "variable"
    assert ClientConfig.load(str(tmp_path / "argument.ini")).client_id == "argument"


def test_the_default_file_is_that_of_the_original_library(monkeypatch):
    monkeypatch.undo()
    assert setting_sources.DEFAULT_INI == "/etc/peeringdb_oauth.ini"


def test_only_the_default_file_may_be_missing(tmp_path, monkeypatch):
    missing = str(tmp_path / "missing.ini")
    set_environment(monkeypatch, **CREDENTIALS)
    assert ClientConfig.load() == ClientConfig(**GOOD)
    assert load_problems(missing) == (f"{missing}: no such file",)
    monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", missing)
    assert load_problems() == (f"{missing}: no such file",)


def test_a_file_that_cannot_be_read_is_reported_even_if_the_environment_has_all(
    tmp_path, monkeypatch
):
    set_environment(monkeypatch, **CREDENTIALS)
    assert load_problems(tmp_path) == (f"{tmp_path}: Is a directory",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"\xff\xfe", "not text in UTF-8"),
        (b"no section = here", "line 1 is neither a [section] nor a setting"),
        (b"[peeringdb_oauth]\nwords", "line 2 is neither a [section] nor a setting"),
        (b"[a]\n[a]", "line 2 repeats a setting or a section"),
        (
            b"[peeringdb_oauth]\nscope = profile\nscope = profile",
            "line 3 repeats a setting or a section",
        ),
    ],
)
@pytest.mark.parametrize(
    "elsewhere", [CREDENTIALS, {}], ids=["all in the environment", "nothing in the environment"]
)
def test_a_malformed_ini_is_reported_with_its_line_number_only(
    ini, monkeypatch, text, reason, elsewhere
):
    set_environment(monkeypatch, **elsewhere)
    path = ini(text)
    assert load_problems(path) == (f"{path}: {reason}",)


def test_a_byte_order_mark_is_ignored(ini):
    assert (
        ClientConfig.load(ini(b"\xef\xbb\xbf" + (INI % SECRET).strip().encode())).client_secret
        == SECRET
    )


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
@pytest.mark.parametrize("quote", "'\"")
def test_a_value_in_quotes_is_refused(name, quote):
    assert problems(**{name: f"{quote}abc{quote}"}) == (
        f"{name}: has quotes around it; write it without them",
    )


@pytest.mark.parametrize(
    ("key", "meant"), [("oauth_client_kye", "oauth_client_key"), ("session", "sessions")]
)
def test_the_error_suggests_the_name_of_a_mistyped_setting(ini, key, meant):
    path = ini(INI % SECRET + f"{key} = abc")
    assert load_problems(path) == (f"{path}: has an unknown setting; did you mean {meant}?",)


@pytest.mark.parametrize(
    "text", ["", "[peeringdb]\noauth_client_key = x", "[DEFAULT]\noauth_client_key = x"]
)
def test_a_file_without_our_section_is_reported(ini, monkeypatch, text):
    set_environment(monkeypatch, **CREDENTIALS)
    path = ini(text)
    assert load_problems(path) == (f"{path}: has no section [peeringdb_oauth]",)


def test_the_error_tells_how_a_setting_is_called_in_the_file(ini):
    path = ini("[peeringdb_oauth]\nclient_id = x\nclient_secret = y\nredirect_uri = z")
    assert load_problems(path)[:3] == (
        f"{path}: client_id is called oauth_client_key here",
        f"{path}: client_secret is called oauth_client_sec here",
        f"{path}: redirect_uri is called redirect_to here",
    )


def test_an_unknown_setting_is_reported_with_the_known_ones(ini):
    path = ini(INI % SECRET + "colour = blue")
    (problem,) = load_problems(path)
    assert (
        problem == f"{path}: has an unknown setting; the settings are oauth_client_key,"
        " oauth_client_sec, redirect_to, base_url, scope, timeout, ca_file, allow_http,"
        " requests_per_minute, processes, egress, sessions, session_policy"
    )


def test_without_any_settings_the_missing_ones_are_reported():
    assert [problem.partition(";")[0] for problem in load_problems()] == [
        (
            f"client_id (oauth_client_key in {setting_sources.DEFAULT_INI} or"
            " PEERINGDB_OAUTH_CLIENT_ID): missing or empty"
        ),
        (
            f"redirect_uri (redirect_to in {setting_sources.DEFAULT_INI} or"
            " PEERINGDB_OAUTH_REDIRECT_URI): missing or empty"
        ),
    ]


def test_problems_of_file_environment_and_values_are_reported_together(ini, monkeypatch):
    path = ini(
        "[peeringdb_oauth]\nclient = x\nallow_http = perhaps\nrequests_per_minute = many\ntimeout ="
        " soon"
    )
    set_environment(monkeypatch, CLIENT_SECRET_FILE=str(path.parent), SCOPE="", BASE_URL="http://")
    assert [
        re.split(r":|;| \(", problem.removeprefix(f"{path}: "))[0]
        for problem in load_problems(path)
    ] == [
        *("has an unknown setting", "PEERINGDB_OAUTH_CLIENT_SECRET_FILE"),
        *("client_id", "redirect_uri", "PEERINGDB_OAUTH_BASE_URL", "PEERINGDB_OAUTH_SCOPE"),
        *(f"timeout in {path}", f"requests_per_minute in {path}", f"allow_http in {path}"),
    ]


@pytest.mark.parametrize(
    "secret", ["100%", "%(home)s", "${x}", "a;b#c", "a = b : c", '"half quoted', "\\n", "[x]"]
)
def test_a_secret_with_special_characters_is_read_unchanged_from_an_ini(ini, secret):
    assert ClientConfig.load(ini(INI % secret)).client_secret == secret


def test_a_secret_is_read_from_a_file_without_the_line_break_at_its_end(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    set_environment(
        monkeypatch,
        CLIENT_ID="portal",
        REDIRECT_URI=GOOD["redirect_uri"],
        CLIENT_SECRET_FILE=str(tmp_path / "secret"),
    )
    assert ClientConfig.load() == ClientConfig(**GOOD)


def test_the_secret_file_overrides_the_ini(ini, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("0ther")
    set_environment(monkeypatch, CLIENT_SECRET_FILE=str(tmp_path / "secret"))
    assert ClientConfig.load(ini(INI % SECRET)).client_secret == "0ther"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "missing or empty"),
        (b"\n", "missing or empty"),
        (b"\xff", "not text in UTF-8"),
        ("\ufeffs3cret".encode(), "contains a character outside printable ASCII"),
        (b"two\nlines", "contains a character outside printable ASCII"),
    ],
)
def test_a_secret_file_without_a_secret_is_reported(tmp_path, monkeypatch, content, reason):
    (tmp_path / "secret").write_bytes(content)
    set_environment(
        monkeypatch,
        CLIENT_ID="portal",
        REDIRECT_URI=GOOD["redirect_uri"],
        CLIENT_SECRET_FILE=str(tmp_path / "secret"),
    )
    (problem,) = load_problems()
    assert problem.startswith(f"PEERINGDB_OAUTH_CLIENT_SECRET_FILE: {reason}")


def test_two_sources_of_the_secret_are_refused(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text(SECRET)
    set_environment(monkeypatch, **CREDENTIALS, CLIENT_SECRET_FILE=str(tmp_path / "secret"))
    assert load_problems() == (
        (
            "PEERINGDB_OAUTH_CLIENT_SECRET_FILE and PEERINGDB_OAUTH_CLIENT_SECRET are both set:"
            " remove one"
        ),
    )


def test_the_word_none_has_a_meaning_only_for_the_budget(monkeypatch):
    set_environment(
        monkeypatch,
        **CREDENTIALS | {"CLIENT_ID": "none", "CLIENT_SECRET": "none", "CA_FILE": "none"},
    )
    assert ClientConfig.load() == ClientConfig(
        **GOOD | {"client_id": "none", "client_secret": "none"}, ca_file="none"
    )


@pytest.mark.parametrize("name", ["CLIENT_SECRET", "CLIENT_ID", "REDIRECT_URI"])
def test_an_empty_variable_counts_as_missing(monkeypatch, name):
    set_environment(monkeypatch, **CREDENTIALS | {name: ""})
    (problem,) = load_problems()
    assert problem.startswith(f"PEERINGDB_OAUTH_{name}: missing or empty")


@given(
    text=st.text(st.characters(codec="utf-8"))
    | st.lists(st.sampled_from(["[", "]", "peeringdb_oauth", "=", "\n", " ", "%", "scope"])).map(
        "".join
    )
)
def test_any_file_makes_a_configuration_or_is_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.ini"
    path.write_text(text, "utf-8")
    assert load_problems(path)
    path.write_text(INI % SECRET + text, "utf-8")
    try:
        ClientConfig.load(path)
    except ConfigurationError as error:
        assert SECRET not in str(error)  # noqa: PT017 - either may happen
