"""The settings of the gateway: one TOML file, checked as a whole."""

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from peeringdb_oauth.errors import ConfigurationError, collected
from peeringdb_oauth.gateway.addresses import Host, Listen
from peeringdb_oauth.gateway.identity import Headers
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.gateway.toml_lines import lines_of
from peeringdb_oauth.profile import Permission
from peeringdb_oauth.web import SessionPolicy

KEY = "0123456789abcdef0123456789abcdef"
SECRET = "correct-horse-battery-staple"
TOP = """
urls = ["https://lg.example.net", "https://grafana.example.net"]
secret_key_file = "secret-key"
sessions = "sqlite:///sessions.db"
"""
CLIENT = """
[peeringdb]
client_id = "gateway"
client_secret_file = "client-secret"
"""
RULE = """
[[rule]]
path = "/public/"
allow = "everybody"
"""
# As in the description of the gateway.
WHOLE = """\
listen = "127.0.0.1:4180"                       # or "unix:/run/peeringdb-oauth.sock"
metrics_listen = "127.0.0.1:4181"
urls = ["https://lg.example.net", "https://grafana.example.net"]
secret_key_file = "secret-key"
sessions = "sqlite:////var/lib/peeringdb-oauth/sessions.db"
trusted_proxies = ["127.0.0.1"]

[peeringdb]
client_id = "gateway"
client_secret_file = "client-secret"

[session_policy]
recheck_every = 900

[[rule]]
path = "/public/"
allow = "everybody"

[[rule]]
path = "/members/{asn}/"                        # the network is read from the path
perms = "update"

[[rule]]
host = "grafana.example.net"
asn_file = "members.txt"
mfa = true

[[rule]]
path = "/status"
asn = [64500, 64501]

[[role]]
name = "Editor"
asn = 64500
perms = "update"

[headers]
X-PeeringDB-ID = "{id}"
X-PeeringDB-Name = "{name}"
X-PeeringDB-Email = "{email}"
X-PeeringDB-ASNs = "{asns}"
X-PeeringDB-Update-ASNs = "{update_asns}"
X-PeeringDB-Roles = "{roles}"
"""


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch):
    for name in ("CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE", "SECRET_KEY", "SESSIONS"):
        monkeypatch.delenv(f"PEERINGDB_OAUTH_{name}", raising=False)
    monkeypatch.delenv("PEERINGDB_OAUTH_SECRET_KEY_FILE", raising=False)
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the settings name, which is not the current one."""
    for name, content in {
        "secret-key": f"{KEY}\n{KEY[::-1]}\n",
        "client-secret": f"{SECRET}\n",
        "members.txt": "64500\n",
        "logo.svg": "<svg/>",
        "site.css": "",
    }.items():
        (tmp_path / name).write_text(content)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return tmp_path


@pytest.fixture
def load(folder):
    def load(text):
        path = folder / "gateway.toml"
        path.write_text(text)
        return Settings.load(path)

    return load


@pytest.fixture
def problems(load, folder):
    """The problems of a text, without the folder in their paths."""

    def problems(text):
        with pytest.raises(ConfigurationError) as refused:
            load(text)
        for problem in refused.value.problems:
            assert "\n" not in problem
            assert KEY not in problem
            assert SECRET not in problem
        return [problem.replace(f"{folder}/", "") for problem in refused.value.problems]

    return problems


def test_the_whole_file_of_the_description(load, folder):
    settings = load(WHOLE)
    assert settings.listen == Listen(host="127.0.0.1", port=4180)
    assert settings.metrics_listen == Listen(host="127.0.0.1", port=4181)
    assert settings.hosts == (
        Host(origin="https://lg.example.net", name="lg.example.net"),
        Host(origin="https://grafana.example.net", name="grafana.example.net"),
    )
    assert settings.hosts[1].redirect_uri == "https://grafana.example.net/_peeringdb/callback"
    assert settings.config.redirect_uri == settings.hosts[0].redirect_uri
    assert (settings.config.client_id, settings.config.client_secret) == ("gateway", SECRET)
    assert settings.secret_keys == (KEY, KEY[::-1])
    assert settings.sessions == "sqlite:////var/lib/peeringdb-oauth/sessions.db"
    assert settings.trusted_proxies == (ip_network("127.0.0.1"),)
    assert settings.policy == SessionPolicy(recheck_every=900)
    first, second, third, fourth = settings.reloadable.rules
    assert (first.path, first.allow) == ("/public/", "everybody")
    assert (second.has_asn, second.conditions.perms) == (True, Permission.UPDATE)
    assert (third.host, third.conditions.asn_file.asns) == ("grafana.example.net", (64500,))
    assert third.conditions.mfa
    assert fourth.conditions.asns == (64500, 64501)
    [role] = settings.reloadable.roles
    assert (role.name, role.conditions.asns) == ("Editor", (64500,))
    assert settings.reloadable.headers == Headers()
    assert [file.path for file in settings.reloadable.asn_files] == [folder / "members.txt"]


def test_what_is_not_said_has_a_default(load, folder):
    settings = load(TOP + CLIENT + RULE)
    assert settings.listen == Listen(host="127.0.0.1", port=4180)
    assert settings.metrics_listen is None
    assert settings.trusted_proxies == (ip_network("127.0.0.0/8"), ip_network("::1"))
    assert settings.policy == SessionPolicy()
    assert (settings.workers, settings.config.processes, settings.allow_http) == (1, 1, False)
    assert (settings.assertions, settings.audit_log) == (None, None)
    assert settings.pages.title is settings.pages.logo is settings.pages.css is None
    assert settings.pages.language is None
    assert not settings.pages.sign_in_page
    assert settings.reloadable.headers == Headers()
    assert settings.reloadable.roles == ()
    assert settings.sessions == f"sqlite:///{folder}/sessions.db"


def test_everything_that_can_be_said(load, folder):
    settings = load(
        """
listen = "unix:/run/gateway.sock"
metrics_listen = "[::1]:4181"
urls = ["http://127.0.0.1:8080/", "http://localhost:80", "HTTPS://LG.example.net:443"]
allow_http = true
workers = 3
audit_log = "audit.jsonl"
trusted_proxies = ["192.0.2.0/24", "2001:db8::1"]
secret_key_file = "secret-key"
sessions = "redis://redis.example.net/1"
[peeringdb]
client_id = "gateway"
client_secret_file = "client-secret"
base_url = "http://127.0.0.1:8642"
timeout = 5
scope = ["profile", "email", "networks", "amr"]
requests_per_minute = 60
egress = "vienna"
ca_file = "site.css"
[session_policy]
idle_timeout = "none"
[pages]
title = "Looking glass"
logo = "logo.svg"
css = "site.css"
language = "de"
sign_in_page = true
[assertions]
header = "X-Signed"
[[rule]]
host = "lg.example.net"
path = "/api/{asn}"
methods = ["GET", "POST"]
perms = ["read", "update"]
manage_sessions = true
own_asn = 64496
allow_in_path = ["%2f", "%5C"]
[[rule]]
host = "127.0.0.1:8080"
asn = 64500
[[rule]]
host = "localhost"
allow = "verified"
methods = "GET"
[headers]
X-User = "peeringdb-{id}"
"""
    )
    assert settings.listen == Listen(unix=Path("/run/gateway.sock"))
    assert str(settings.listen) == "unix:/run/gateway.sock"
    assert settings.metrics_listen == Listen(host="::1", port=4181)
    assert str(settings.metrics_listen) == "[::1]:4181"
    assert [host.origin for host in settings.hosts] == [
        "http://127.0.0.1:8080",
        "http://localhost",
        "https://lg.example.net",
    ]
    assert [host.name for host in settings.hosts] == [
        "127.0.0.1:8080",
        "localhost",
        "lg.example.net",
    ]
    assert (settings.workers, settings.config.processes, settings.allow_http) == (3, 3, True)
    assert settings.audit_log == f"{folder}/audit.jsonl"
    assert (settings.config.timeout, settings.config.egress) == (5, "vienna")
    assert settings.config.ca_file == f"{folder}/site.css"
    assert settings.trusted_proxies == (ip_network("192.0.2.0/24"), ip_network("2001:db8::1"))
    assert settings.policy.idle_timeout is None
    assert settings.pages.logo == folder / "logo.svg"
    assert (settings.pages.title, settings.pages.language) == ("Looking glass", "de")
    assert settings.pages.sign_in_page
    assert settings.assertions.header == "X-Signed"
    first, second, third = settings.reloadable.rules
    assert first.methods == {"GET", "POST"}
    assert first.conditions.perms == Permission.READ | Permission.UPDATE
    assert first.conditions.manage_sessions
    assert (first.own_asn, first.allow_in_path) == (64496, {"%2F", "\\"})
    assert (second.host, second.conditions.asns) == ("127.0.0.1:8080", (64500,))
    assert (third.allow, third.methods) == ("verified", {"GET"})
    assert settings.reloadable.headers == Headers({"X-User": "peeringdb-{id}"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The file as a whole.
        ("listen = ", [":1: this is no TOML: Invalid value; text must be in quotes, and a"]),
        ('a = "\n', [":1: this is no TOML: Illegal character '\\n'; perhaps a quote is missing"]),
        ("listen = 127.0.0.1:4180", [":1: this is no TOML: Expected newline or end of document"]),
        (
            "a = 1\na = 2\n",
            [":2: this is no TOML: Cannot overwrite a value; each key may be there once"],
        ),
        # Names.
        (
            "trusted_proxy = []" + TOP + CLIENT + RULE,
            [":1: trusted_proxy: there is no such key here; did you mean trusted_proxies?"],
        ),
        (
            "Listen = 1" + TOP + CLIENT + RULE,
            [":1: Listen: there is no such key here; did you mean listen?"],
        ),
        (
            TOP + CLIENT + RULE + "[rules]",
            [":13: rules: there is no such key here; did you mean rule?"],
        ),
        (
            "xyz = 1" + TOP + CLIENT + RULE,
            [":1: xyz: there is no such key here; there are listen, metrics_listen, "],
        ),
        (
            TOP + "[pages]\nname = 'x'" + CLIENT + RULE,
            [":6: name: there is no such key here; there are title, logo, css, language"],
        ),
        (
            "peeringdb = 1" + TOP + RULE,
            [
                ":1: peeringdb: must be a table: its name in brackets, and below it its keys",
                ":1: client_id (below [peeringdb], or PEERINGDB_OAUTH_CLIENT_ID): missing or",
            ],
        ),
        # In the wrong place.
        (
            CLIENT + TOP + RULE,
            [
                ": urls: missing",
                ": secret_key_file: missing",
                ": sessions: missing",
                ":6: urls: must be at the top of the file, before the first line in brackets",
                ":7: secret_key_file: must be at the top of the file, before the first line",
                ":8: sessions: must be at the top of the file, before the first line in brackets",
            ],
        ),
        (
            "client_id = 'x'\nasn = 64500\nrecheck_every = 9\nlogo = 'x'" + TOP + CLIENT + RULE,
            [
                ":1: client_id: must be in a table: write it below a line [peeringdb]",
                ":2: asn: must be in a table: write it below a line [[rule]]",
                ":3: recheck_every: must be in a table: write it below a line [session_policy]",
                ":4: logo: must be in a table: write it below a line [pages]",
            ],
        ),
        # Missing.
        (
            CLIENT + RULE,
            [
                ': urls: missing; name where people are, such as ["https://lg.example.net"]',
                ": secret_key_file: missing; name a file with the secret key that",
                ': sessions: missing; name the store, such as "sqlite:////var/lib/peeringdb-oauth/sessions.db"',
            ],
        ),
        (TOP + CLIENT, [": there is no [[rule]], so everything would be refused"]),
        (
            TOP.replace("secret_key_file", "secret_key") + CLIENT + RULE,
            [":3: secret_key: must not be in this file; write it to a file that only the gateway"],
        ),
    ],
)
def test_a_wrong_file(problems, text, expected):
    found = problems(text)
    assert len(found) == len(expected)
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(f"gateway.toml{start}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("listen = 4180", "listen: must be an address and a port in quotes, such as"),
        ('listen = "4180"', "listen: must be an address and a port in quotes, such as"),
        ('listen = "127.0.0.1"', "listen: must be an address and a port in quotes, such as"),
        ('listen = "::1:4180"', "listen: must be an address and a port in quotes, such as"),
        ('listen = "127.0.0.1:0"', "listen: must be an address and a port in quotes, such as"),
        ('listen = "127.0.0.1:65536"', "listen: must be an address and a port in quotes, such as"),
        ('listen = "unix:run.sock"', "listen: must have a path from the root, such as"),
        ('metrics_listen = "127.0.0.1:4180"', "metrics_listen: must not be the same as listen"),
        ("workers = 0", "workers: must be a whole number from 1 to 50"),
        ("workers = true", "workers: must be a whole number from 1 to 50"),
        ('workers = "2"', "workers: must be a whole number from 1 to 50"),
        ('allow_http = "yes"', "allow_http: must be true or false, without quotes"),
        ("trusted_proxies = []", "trusted_proxies: must not be empty"),
        ('trusted_proxies = ["10.0.0.1/8"]', 'trusted_proxies: "10.0.0.1/8" is an address within'),
        ('trusted_proxies = "proxy"', 'trusted_proxies: "proxy" is no address and no network; wri'),
        ('trusted_proxies = ["0.0.0.0/0"]', 'trusted_proxies: "0.0.0.0/0" is everybody: each visi'),
        ('trusted_proxies = "::/0"', 'trusted_proxies: "::/0" is everybody: each visitor could'),
        ('secret_key = "x"', "secret_key: must not be in this file; write it to a file that only"),
        ("audit_log = true", "audit_log: must be the name of a file in quotes, or"),
        ('sessions_file = "secret-key"', "sessions_file: write either sessions or sessions_file,"),
        ("role = 1", "role: must be tables: each begins with a line [[role]]"),
    ],
)
def test_a_wrong_key_at_the_top(problems, line, expected):
    [problem] = problems(f"\n\n{line}\n{TOP}{CLIENT}{RULE}")
    assert problem.startswith(f"gateway.toml:3: {expected}")


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ("[]", ["must not be empty"]),
        ("[1]", ["must be text in quotes"]),
        ('"lg.example.net"', ["lg.example.net: must be a URL with a host, such as"]),
        ('"http://lg.example.net"', ["http://lg.example.net: must be https"]),
        ('"http://127.0.0.1"', ["http://127.0.0.1: must be https (or, for a sandbox, set"]),
        (
            '["https://lg.example.net/x", "https://a.example.net?b"]',
            [
                "https://lg.example.net/x: must be scheme and host only, such as https://lg.",
                "https://a.example.net?b: must be scheme and host only, such as https://lg.",
            ],
        ),
        ('"https://u@lg.example.net"', ["https://u@lg.example.net: must not have a user name or"]),
        (
            '["https://lg.example.net", "https://LG.example.net:443/"]',
            ["https://LG.example.net:443/: this host is named twice"],
        ),
    ],
)
def test_wrong_urls(problems, urls, expected):
    found = problems(
        TOP.replace('["https://lg.example.net", "https://grafana.example.net"]', urls)
        + CLIENT
        + RULE
    )
    assert len(found) == len(expected)
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(f"gateway.toml:2: urls: {start}")


@pytest.mark.parametrize("urls", ["[]", '"http://lg.example.net"', '"lg.example.net"'])
def test_wrong_urls_at_a_sandbox_are_the_only_problem(problems, urls):
    text = TOP.replace('["https://lg.example.net", "https://grafana.example.net"]', urls)
    sandbox = 'base_url = "http://127.0.0.1:8642"\n'
    [problem] = problems("allow_http = true" + text + CLIENT + sandbox + RULE)
    assert problem.startswith("gateway.toml:2: urls: ")


def test_http_is_for_loopback_only(problems):
    text = TOP.replace("https://lg.example.net", "http://lg.example.net")
    [problem] = problems("allow_http = true" + text + CLIENT + RULE)
    assert problem.startswith(
        "gateway.toml:2: urls: http://lg.example.net: must be https; allow_http is for loopback"
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('client_secret = "x"', "client_secret: must not be in this file; write it to a file that"),
        ('redirect_uri = "x"', "redirect_uri: remove it; it follows from urls"),
        ("timeout = 0", "timeout: must be a number of seconds above 0 and at most 300"),
        ('scope = "profile networks amr"', "scope: 'email' is missing, and rule 2 (path /v) asks"),
        ('scope = "email"', "scope: 'profile' is missing; without it PeeringDB does not say who"),
        ('base_url = "http://x.example.net"', "base_url: must be https"),
        ('clientid = "x"', "clientid: there is no such key here; did you mean client_id?"),
        ('ca_file = ""', "ca_file: must be text in quotes"),
        ('ca_file = "nowhere.pem"', "ca_file: nowhere.pem: No such file or directory"),
    ],
)
def test_a_wrong_key_of_the_client(problems, line, expected):
    rule = '[[rule]]\npath = "/v"\nallow = "verified"\n'
    found = problems(TOP + CLIENT + line + RULE + rule)
    where = 13 if "rule 2" in expected else 9
    assert [problem for problem in found if problem.startswith(f"gateway.toml:{where}: {expected}")]


def test_wrong_secrets_are_named_with_their_file_only(problems, folder):
    (folder / "secret-key").write_text("short\n")
    (folder / "client-secret").write_text(f'"{SECRET}"')
    assert problems(TOP + CLIENT + RULE) == [
        f"gateway.toml:{line}: {problem}"
        for line, problem in {
            3: "secret_key_file: the secret key of the sessions is missing or has fewer than 16"
            " characters; this makes one: python3 -c 'import secrets;"
            " print(secrets.token_urlsafe(32))'",
            8: "client_secret: has quotes around it; write it without them",
        }.items()
    ]


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "No such file or directory"), (b"\xff", "not text in UTF-8")]
)
def test_a_secret_file_that_cannot_be_read(problems, folder, content, problem):
    for name in ("secret-key", "client-secret"):
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
    assert problems(TOP + CLIENT + RULE) == [
        f"gateway.toml:3: secret_key_file: secret-key: {problem}",
        f"gateway.toml:8: client_secret_file: client-secret: {problem}",
    ]


def test_secrets_may_be_in_the_environment(load, monkeypatch, folder):
    monkeypatch.setenv("PEERINGDB_OAUTH_SECRET_KEY", KEY)
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", "from-the-environment")
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", "redis://:password@localhost/1")
    (folder / "client-secret").unlink()  # the environment comes first, as everywhere
    settings = load('urls = "https://lg.example.net"' + CLIENT + RULE)
    assert settings.secret_keys == (KEY,)
    assert settings.config.client_secret == SECRET
    assert settings.config.client_id == "from-the-environment"
    assert settings.sessions == "redis://:password@localhost/1"


def test_a_wrong_variable_of_the_environment_is_named(problems, monkeypatch):
    monkeypatch.setenv("PEERINGDB_OAUTH_TIMEOUT", "soon")
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", "ftp://x")
    store, timeout = problems(TOP.replace("sessions", "#") + CLIENT + RULE)
    assert store.startswith("gateway.toml: PEERINGDB_OAUTH_SESSIONS: must begin with one of")
    assert timeout.startswith("gateway.toml:6: PEERINGDB_OAUTH_TIMEOUT: must be a number of")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ('sessions = "postgresql+psycopg://u:pw@db/x"', "sessions: must not have a password in"),
        ('sessions = "redis://:pw@[::1/"', "sessions: must be a URL"),
        ('sessions = "sessions.db"', 'sessions: must be a URL; for an SQLite file write "sqlite:/'),
        ('sessions = "ftp://x"', "sessions: must begin with one of sqlite://, "),
        ("sessions = 1", "sessions: must be text in quotes"),
        ('sessions_file = "nowhere"', "sessions_file: nowhere: No such file or directory"),
        ('sessions_file = "secret-key"', "sessions_file: must be a URL; for an SQLite file"),
    ],
)
def test_a_wrong_store(problems, key, expected):
    [problem] = problems(TOP.replace('sessions = "sqlite:///sessions.db"', key) + CLIENT + RULE)
    assert problem.startswith(f"gateway.toml:4: {expected}")
    assert "pw" not in problem


def test_a_url_with_a_password_may_be_in_a_file_of_its_own(load, folder):
    (folder / "store-url").write_text("rediss://:hunter2@redis.example.net/0\n")
    settings = load(
        TOP.replace('sessions = "sqlite:///sessions.db"', 'sessions_file = "store-url"')
        + CLIENT
        + RULE
    )
    assert settings.sessions == "rediss://:hunter2@redis.example.net/0"
    assert "hunter2" not in repr(settings)
    assert KEY not in repr(settings)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("recheck = 9", "recheck: there is no such key here; did you mean recheck_every?"),
        ("recheck_every = 0", 'recheck_every: must be seconds, 1 or more, or "none"'),
        ('recheck_every = "9"', 'recheck_every: must be seconds, 1 or more, or "none"'),
        ('stale_for = "none"', "stale_for: must be seconds, 0 or more"),
    ],
)
def test_a_wrong_policy(problems, line, expected):
    [problem] = problems(f"{TOP}[session_policy]\n{line}\n{CLIENT}{RULE}")
    assert problem == f"gateway.toml:6: {expected}"


def test_one_bracket_is_not_enough_for_a_rule(problems):
    assert problems(TOP + CLIENT + '[rule]\nallow = "verified"') == [
        "gateway.toml:9: rule: must have two brackets: [[rule]]"
    ]


def test_rules_and_roles_are_checked_with_the_hosts_and_the_scope(problems):
    rule = '[[rule]]\nhost = "x.example.net"\nasn = 1\n'
    role = '[[role]]\nname = "A"\nasn = 1\n'
    host, scope = problems(f'{TOP}{CLIENT}scope = "profile email"\n{rule}{role}')
    assert (
        host == "gateway.toml:11: host: x.example.net is not in urls; did you mean lg.example.net?"
    )
    assert scope.startswith("gateway.toml:13: scope: 'networks' is missing, and the role A asks")


def test_a_file_that_several_rules_name_is_read_once(load, folder):
    rule = '[[rule]]\nasn_file = "members.txt"\npath = "/{}"\n'
    role = '[[role]]\nname = "Member"\nasn_file = "members.txt"\n'
    reloadable = load(TOP + CLIENT + rule.format("a") + rule.format("b") + role).reloadable
    [file] = reloadable.asn_files
    assert file.path == folder / "members.txt"
    conditions = [one.conditions for one in (*reloadable.rules, *reloadable.roles)]
    assert all(one.asn_file is file for one in conditions)


def test_only_the_path_of_an_sqlite_file_is_one_of_ours(load):
    url = "postgresql+psycopg:///sessions"
    assert load(TOP.replace("sqlite:///sessions.db", url) + CLIENT + RULE).sessions == url


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('X_User = "{id}"', "X_User: must be written with - instead of _; some servers drop a"),
        ('"X User" = "{id}"', "X User: must be the name of a header, such as X-PeeringDB-Name"),
        ('Cookie = "{id}"', "Cookie: already has a meaning; choose another name, such as"),
        ('X-Forwarded-For = "{id}"', "X-Forwarded-For: already has a meaning; choose another name"),
        (
            'x-peeringdb-cookie = "{id}"',
            "x-peeringdb-cookie: already has a meaning; choose another",
        ),
        ('X-Original-URL = "{id}"', "X-Original-URL: already has a meaning; choose another name"),
        ('X-A = ""', 'X-A: must be text in quotes, such as "{name}"'),
        ("X-A = 7", 'X-A: must be text in quotes, such as "{name}"'),
        ('X-A = "{nam}"', "X-A: there is no placeholder {nam}; did you mean {name}?"),
        ('X-A = "a\\nb"', "X-A: must be one line of at most 256 characters, without control"),
        (f'X-A = "{"x" * 257}"', "X-A: must be one line of at most 256 characters, without"),
        ('X-A = "{asns}"', "X-A: would be empty: 'networks' is missing in scope; add 'networks'"),
        ('X-A = "{id}"\nx-a = "{id}"', "x-a: is the same header as X-A"),
    ],
)
def test_a_wrong_header(problems, line, expected):
    [problem] = problems(f'{TOP}{CLIENT}scope = "profile email"\n[headers]\n{line}\n{RULE}')
    assert problem.partition(": ")[2].startswith(expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('logo = "nowhere.svg"', "logo: nowhere.svg: No such file or directory"),
        ('logo = "site.css"', "logo: must be an image; its name must end in .svg, .png"),
        ('css = "large.css"', "css: large.css: has more than 1,000,000 bytes"),
        ('language = "xx"', "language: must be one of en, de"),
        ("language = 1", "language: must be one of en, de"),
        ("sign_in_page = 1", "sign_in_page: must be true or false, without quotes"),
    ],
)
def test_wrong_pages(problems, folder, line, expected):
    (folder / "large.css").write_bytes(b" " * 1_000_001)
    [problem] = problems(f"{TOP}[pages]\n{line}\n{CLIENT}{RULE}")
    assert problem == f"gateway.toml:6: {expected}" or problem.startswith(
        f"gateway.toml:6: {expected},"
    )


def test_an_assertion_needs_a_header_of_its_own(problems, load):
    assert load(f"{TOP}[assertions]\n{CLIENT}{RULE}").assertions.header == "X-PeeringDB-Assertion"
    [problem] = problems(f'{TOP}[assertions]\nheader = "Cookie"\n{CLIENT}{RULE}')
    assert problem.startswith("gateway.toml:6: header: already has a meaning; choose another name")


def test_an_assertion_and_an_identity_header_have_different_names(problems):
    assert problems(
        f"{TOP}[assertions]\nheader = 'x-user'\n[headers]\nX-User = '{{id}}'{CLIENT}{RULE}"
    ) == ["gateway.toml:6: header: x-user is in [headers] too; choose another name"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://lg.example.net:0443", "lg.example.net"),
        ("https://lg.example.net:08443", "lg.example.net:8443"),
        ("https://lg.example.net:", "lg.example.net"),
        ("https://[2001:DB8::1]", "[2001:db8::1]"),
        ("https://[2001:db8::1]:443/", "[2001:db8::1]"),
    ],
)
def test_a_host_has_one_name(load, url, name):
    [host] = load(f"\ufeffurls = '{url}'\n{TOP.replace('urls', '#')}{CLIENT}{RULE}").hosts
    assert (host.origin, host.name) == (f"https://{name}", name)


def test_an_ipv6_address_is_a_host(load):
    [host] = load(
        f"allow_http = true\nurls = 'http://[::1]:8080'\n{TOP.replace('urls', '#')}{CLIENT}{RULE}"
    ).hosts
    assert (host.origin, host.name) == ("http://[::1]:8080", "[::1]:8080")


def test_all_problems_come_at_once_and_in_order(problems):
    found = problems(
        "listen = 1\nworkers = 0\n" + CLIENT + '[[rule]]\npath = "x"\n[[rule]]\nasn = 0'
    )
    lines = [int(found) for problem in found for found in re.findall(r"toml:(\d+):", problem)]
    assert lines == sorted(lines)
    assert len(found) == 7


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff"), "not text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, make, problem):
    path = tmp_path / "gateway.toml"
    make(path)
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(path)
    assert refused.value.problems == (f"{path}: {problem}",)


def test_what_a_reload_cannot_change_is_named(load, monkeypatch):
    old = load(WHOLE)
    rules = WHOLE.replace("64501", "64502").replace("Editor", "Admin").replace('"{name}"', '"{id}"')
    assert old.changes_that_need_a_restart(load(rules)) == []
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", "another")
    other = WHOLE.replace("4180", "4170").replace("4181", "4171").replace("lg.", "looking-glass.")
    other = other.replace("900", "800").replace("sessions.db", "others.db")
    other = other.replace('["127.0.0.1"]', '["192.0.2.1"]')
    assert old.changes_that_need_a_restart(load(other)) == [
        "listen",
        "metrics_listen",
        "urls",
        "peeringdb",
        "sessions",
        "trusted_proxies",
        "session_policy",
    ]


def test_the_line_of_each_key_is_known():
    text = '''# a comment [x]
a = 1
b = [ # [
  1,
  "]", """
x = """, 3 ]
c = \'\'\'
[no] \'\'\' # ]
[t]
x.y = 2
"q u" = {a = 1, b = [2]}
[[rule]]
path = "/a\\"[["
[[rule]]
  path = 'z\\'
[rule.sub]
k = 1
[[rule.n]]
k = 1
[[ rule . n ]]
k = 1'''
    assert lines_of(text) == {
        ("a",): 2,
        ("b",): 3,
        ("c",): 7,
        ("t",): 9,
        ("t", "x"): 10,
        ("t", "x", "y"): 10,
        ("t", "q u"): 11,
        ("rule", 0): 12,
        ("rule", 0, "path"): 13,
        ("rule", 1): 14,
        ("rule", 1, "path"): 15,
        ("rule", 1, "sub"): 16,
        ("rule", 1, "sub", "k"): 17,
        ("rule", 1, "n", 0): 18,
        ("rule", 1, "n", 0, "k"): 19,
        ("rule", 1, "n", 1): 20,
        ("rule", 1, "n", 1, "k"): 21,
    }


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(codec="utf-8"), max_size=200)
    | st.lists(st.sampled_from(WHOLE.splitlines())).map("\n".join)
)
def test_any_text_is_read_or_has_problems_with_their_place(load, text):
    problems = []
    with collected(problems):
        assert load(text).hosts
    for problem in problems:
        assert re.search(r"/gateway\.toml(:\d+)?: ", problem)
