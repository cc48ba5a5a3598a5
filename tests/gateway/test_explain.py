"""Which rule decides about a request, in words."""

from dataclasses import replace

import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.explain import describe, explain
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.profile import Network, Permission, User

TOML = """
urls = ["https://lg.example.net", "http://localhost:8080"]
allow_http = true
secret_key_file = "secret-key"
sessions = "sqlite:///sessions.db"
[peeringdb]
client_id = "gateway"
[[rule]]
path = "/public/"
allow = "everybody"
[[rule]]
path = "/members/{asn}/"
perms = "update"
own_asn = 64496
[[rule]]
path = "/list/"
asn_file = "members.txt"
mfa = true
manage_sessions = true
[[rule]]
path = "/listed/{asn}/"
asn_file = "members.txt"
[[rule]]
path = "/status"
asn = [64500, 64501]
[[rule]]
path = "/many"
asn = [64501, 64502, 64503, 64504, 64505, 64506, 64507]
perms = ["read", "update", "delete"]
[[rule]]
path = "/all"
allow = "verified"
methods = "GET"
[[rule]]
path = "/twice"
allow = "verified"
allow_in_path = ["//"]
[[role]]
name = "Editor"
asn = 64500
"""
ACCOUNT = "an account that PeeringDB has verified, with a confirmed email address"
ADA = User(
    id=7,
    name="Ada Admin",
    email="ada@example.net",
    verified_user=True,
    verified_email=True,
    amr=("pwd", "mfa"),
    networks=(
        Network(
            id=1,
            asn=64500,
            name="Example Net",
            perms=Permission.READ,
            manage_peering_sessions=Permission(3),
        ),
        Network(id=2, asn=64511, name="Other Net", perms=Permission.READ),
    ),
)
LG = "https://lg.example.net"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_SECRET", "correct-horse-battery-staple")
    (tmp_path / "secret-key").write_text("0123456789abcdef")
    (tmp_path / "members.txt").write_text("64500\n64501\n")
    (tmp_path / "gateway.toml").write_text(TOML)
    return Settings.load(tmp_path / "gateway.toml")


def test_an_allowed_request(settings):
    found = explain(settings, "GET", f"{LG}/status?x=1", ADA)
    assert found.allowed
    assert found.rule == "rule 5 (path /status)"
    assert found.asks == (ACCOUNT, "affiliation with AS64500 or AS64501", "the right to read it")
    assert found.has == (
        "a verified account",
        "an email address that is confirmed",
        "a second factor",
        "AS64500 (Example Net): read; peering sessions: read and update",
        "1 other network",
    )
    assert (found.reasons, found.advice) == ((), ())
    assert found.headers == (
        ("x-peeringdb-id", "7"),
        ("x-peeringdb-name", "Ada Admin"),
        ("x-peeringdb-email", "ada@example.net"),
        ("x-peeringdb-asns", "64500,64511"),
        ("x-peeringdb-roles", "Editor"),
    )


def test_a_refused_request(settings):
    found = explain(settings, "GET", f"{LG}/members/64500/", ADA)
    assert not found.allowed
    assert found.rule == "rule 2 (path /members/{asn}/)"
    assert found.asks == (
        ACCOUNT,
        "affiliation with AS64500, the network in the path",
        "the right to update it",
        "or the same at AS64496, with any number in the path",
    )
    assert [reason.code for reason in found.reasons] == ["needs_update"]
    ask, contacts = found.advice
    assert ask.startswith("An administrator of its organisation can give you this right at")
    assert contacts == "The contacts of its organisation: https://www.peeringdb.com/asn/64500"
    assert found.headers == ()


@pytest.mark.parametrize(
    ("path", "rule", "code", "advice"),
    [
        ("/nowhere", None, "no_rule", "To open it, add a [[rule]] to "),
        ("/all;x", None, "ambiguous_path", "If the application needs such addresses, add allow_i"),
        ("/%61ll", None, "ambiguous_path", "The ways to read it lead to different rules, so none"),
        ("/public/../all", None, "odd_path", "No rule can allow such an address."),
        ("/all#x", None, "odd_path", "No rule can allow such an address."),
        ("/all\udcff", None, "odd_path", "No rule can allow such an address."),
        ("//a" * 2000, None, "odd_path", "No rule can allow such an address."),
        (
            "/members/me/",
            "rule 2 (path /members/{asn}/)",
            "invalid_asn",
            "Check the number in the address.",
        ),
    ],
)
def test_what_nobody_may_do(settings, path, rule, code, advice):
    for user in (ADA, None):
        found = explain(settings, "GET", LG + path, user)
        assert not found.allowed
        assert found.rule == rule
        assert [reason.code for reason in found.reasons] == [code]
        assert found.advice[0].startswith(advice)
        assert bool(found.has) == (user is not None)


def test_a_method_that_no_rule_can_allow(settings):
    found = explain(settings, "get", f"{LG}/all", ADA)
    assert [reason.code for reason in found.reasons] == ["odd_method"]
    assert found.advice == ("A method has capital letters and hyphens, 32 at most, such as GET.",)


def test_a_stranger_is_led_to_the_login(settings):
    found = explain(settings, "GET", f"{LG}/all", None)
    assert not found.allowed
    assert [reason.code for reason in found.reasons] == ["login_required"]
    assert found.advice == (
        "The gateway leads people to the login. Add --as to see what it says then.",
    )
    opened = explain(settings, "GET", f"{LG}/public/x", None)
    assert opened.allowed
    assert opened.asks == ("nothing: everybody may pass, also without a login",)
    assert opened.reasons == opened.advice == opened.headers == ()


def test_each_rule_is_described(settings, tmp_path):
    members = f"one of the 2 networks in {tmp_path}/members.txt"
    described = [list(describe(rule)) for rule in settings.reloadable.rules]
    assert described[0] == ["nothing: everybody may pass, also without a login"]
    assert described[1][1] == "affiliation with the network in the path"
    assert described[2] == [
        ACCOUNT,
        "a second factor at the login",
        f"affiliation with {members}",
        "the right to read it",
        "the right to manage its peering sessions",
    ]
    assert described[3][1] == f"affiliation with the network in the path, which must be {members}"
    assert described[5][1:] == [
        "affiliation with AS64501, AS64502, AS64503, AS64504, AS64505 or 2 others",
        "the right to read, update and delete it",
    ]
    assert described[6] == [ACCOUNT]


@pytest.mark.parametrize(
    ("user", "has"),
    [
        (
            User(id=7),
            (
                "an account that is not verified",
                "no email address that PeeringDB told us",
                "perhaps a second factor: PeeringDB did not say",
                "no networks",
            ),
        ),
        (
            User(id=7, email="a@example.net", amr=("pwd",), networks=ADA.networks[1:]),
            (
                "an account that is not verified",
                "an email address that is not confirmed",
                "no second factor",
                "1 network",
            ),
        ),
        (
            User(
                id=7,
                networks=(Network(id=1, asn=64496, name="Own", perms=Permission(0)), *ADA.networks),
            ),
            (
                "an account that is not verified",
                "no email address that PeeringDB told us",
                "perhaps a second factor: PeeringDB did not say",
                "AS64496 (Own): nothing; peering sessions: unknown",
                "2 other networks",
            ),
        ),
    ],
)
def test_what_a_person_has(settings, user, has):
    assert explain(settings, "GET", f"{LG}/members/64502", user).has == has


@pytest.mark.parametrize(
    "url", ["HTTPS://LG.example.net:443/all", "https://lg.example.net/all/é", f"{LG}/all?a=/../%2F"]
)
def test_a_url_as_people_write_it(settings, url):
    assert explain(settings, "GET", url, ADA).rule == "rule 7 (path /all)"


def test_a_url_without_a_path_is_the_start_page(settings):
    for url in (LG, f"{LG}?x", f"{LG}/", "http://localhost:8080"):
        assert explain(settings, "GET", url, ADA).reasons[0].code == "no_rule"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("/all", "/all: must be a whole URL, such as https://lg.example.net/"),
        ("ftp://lg.example.net/", "ftp://lg.example.net/: must be a whole URL, such as"),
        (
            "http://lg.example.net/",
            "http://lg.example.net is not in urls of the settings; did you mean https://lg.",
        ),
        ("https://evil.test/", "https://evil.test is not in urls of the settings; "),
        ("http://localhost:80/", "http://localhost:80 is not in urls of the settings; did you"),
    ],
)
def test_a_wrong_url_is_a_mistake(settings, url, problem):
    with pytest.raises(ConfigurationError) as refused:
        explain(settings, "GET", url, ADA)
    assert str(refused.value).startswith(problem)


def test_many_networks_are_counted(settings):
    networks = tuple(
        Network(id=asn, asn=asn, name="Net", perms=Permission.READ) for asn in range(64501, 64508)
    )
    found = explain(settings, "GET", f"{LG}/many", User(id=7, networks=networks))
    assert len(found.has) == 3 + 5 + 1
    assert found.has[-1] == "2 other networks"


def test_what_the_operator_has_to_do_is_said_too(settings):
    without_email = replace(ADA, email=None, verified_email=False)
    found = explain(settings, "GET", f"{LG}/all", without_email)
    assert found.advice[1:] == ("The scope 'email' is missing: the application must ask for it.",)
