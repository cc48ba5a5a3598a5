"""People that are added to a running sandbox, and the reset."""

import pytest

from peeringdb_oauth.sandbox import Sandbox, SandboxError

JWKS = "/oauth2/.well-known/jwks.json"
CALLBACK = "https://app.example.net/callback"


@pytest.fixture(scope="module")
def own():
    """A sandbox that may be reset. The one that all tests share may not."""
    with Sandbox(tls=False) as sandbox:
        yield sandbox


@pytest.fixture
def own_web(own, web_for):
    yield web_for(own)
    own.reset()


def profile(sandbox, web, person):
    return web.get(
        "/profile/v1", web.tokens(sandbox.register(CALLBACK), person)["access_token"]
    ).json()


def rights(body):
    return [
        (network["asn"], network["perms"], network["manage_peering_sessions"])
        for network in body["networks"]
    ]


def test_a_new_person_is_verified_and_has_no_networks(pdb, web):
    ada = pdb.add_person("Ada Maria Admin")
    assert (ada.login, ada.name, ada.email) == (
        "ada-maria-admin",
        "Ada Maria Admin",
        "ada-maria-admin@example.net",
    )
    assert profile(pdb, web, ada.login) == {
        "id": ada.id,
        "given_name": "Ada",
        "family_name": "Maria Admin",
        "name": ada.name,
        "verified_user": True,
        "email": ada.email,
        "verified_email": True,
        "networks": [],
        "amr": ["pwd", "otp", "mfa"],
    }


def test_a_new_person_has_the_values_that_are_given(pdb, web):
    ed = pdb.add_person(
        "Ed",
        email="someone.else@example.net",
        networks={64500: 1, 65551: 3},
        manage_peering_sessions={64500: 15},
        verified_user=False,
        verified_email=False,
        mfa=False,
    )
    body = profile(pdb, web, ed.login)
    assert (body["name"], ed.name, body["email"], ed.email) == (
        "Ed ",
        "Ed",
        *["someone.else@example.net"] * 2,
    )
    assert (body["verified_user"], body["verified_email"], body["amr"]) == (False, False, ["pwd"])
    assert rights(body) == [(64500, 1, 15), (65551, 3, 3)]
    assert body["networks"][1]["name"] == "Example Net AS65551"


def test_a_new_person_may_have_a_disabled_account(pdb, web, app):
    ada = pdb.add_person("Ada Absent", active=False)
    with pytest.raises(SandboxError, match="did not lead back"):
        pdb.log_in(ada.login, web.authorization_url(app))


@pytest.mark.parametrize(
    ("name", "logins"),
    [
        ("Zoë O'Name", ["zoe-o-name", "zoe-o-name-2", "zoe-o-name-3"]),
        ("Тест", ["person", "person-2", "person-3"]),
        ("member", ["member-2", "member-3", "member-4"]),
        (f"{'x' * 49} {'y' * 30}", ["x" * 49, f"{'x' * 49}-2", f"{'x' * 49}-3"]),
    ],
)
def test_each_new_person_has_a_new_login_name_and_a_new_id(own, own_web, name, logins):
    added = [own.add_person(name) for _ in logins]
    assert [one.login for one in added] == logins
    assert {one.login: profile(own, own_web, one.login)["id"] for one in added} == {
        one.login: one.id for one in added
    }
    assert len({one.id for one in added}) == len(logins)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": " "}, "needs a name"),
        ({"name": 7}, "needs a name"),
        ({"name": "Ada", "email": "ada"}, "one '@'"),
        ({"name": "Ada", "email": 7}, "one '@'"),
        ({"name": "Ada", "networks": {0: 15}}, "an ASN must be between 1 and 4294967295, not 0"),
        ({"name": "Ada", "networks": {64500: 16}}, "0 to 15, not 16"),
        (
            {"name": "Ada", "networks": [64500]},
            r"object of ASN to bits, such as \{64500: 15\}, not \[64500\]",
        ),
        ({"name": "Ada", "manage_peering_sessions": "all"}, "object of ASN to bits"),
        ({"name": "Ada", "mfa": "yes"}, "wrong: mfa"),
    ],
)
def test_a_person_that_cannot_be_added_is_refused_with_the_reason(pdb, web, arguments, words):
    before = web.get("/account/login/").text.count('name="person"')
    with pytest.raises(SandboxError, match=words):
        pdb.add_person(**arguments)
    assert web.get("/account/login/").text.count('name="person"') == before


def test_a_reset_restores_people_and_removes_new_ones(own, own_web):
    before = profile(own, own_web, "member")
    own.change("member", networks={64511: 15}, verified_user=False, verified_email=False)
    ada = own.add_person("Ada Admin", networks={64500: 15})
    token = own_web.tokens(own.register(CALLBACK), ada.login)["access_token"]
    own.reset()
    assert profile(own, own_web, "member") == before
    assert own_web.get("/profile/v1", token).status == 403
    with pytest.raises(SandboxError, match="nobody here is called 'ada-admin'"):
        profile(own, own_web, ada.login)


@pytest.mark.parametrize(
    "change",
    [
        {"networks": {64500: 1, 64501: 1}},
        {"networks": {64500: 1, 64501: 1, 65550: 2}},
        {"manage_peering_sessions": 15},
        {"verified_user": False},
        {"verified_email": False},
    ],
    ids=str,
)
def test_a_reset_undoes_a_single_change(own, own_web, change):
    """It writes nothing if nothing has changed."""
    before = profile(own, own_web, "member")
    own.change("member", **change)
    assert profile(own, own_web, "member") != before
    own.reset()
    assert profile(own, own_web, "member") == before


def test_an_id_is_never_used_twice_not_even_after_a_reset(own, own_web):
    """An application may have stored the id of the first person."""
    first = own.add_person("Ada Admin").id
    own.reset()
    assert own.add_person("Bob Builder").id > first
    assert own_web.get("/").status == 200


def test_a_reset_ends_tokens_and_keeps_applications_and_keys(own, own_web):
    app, keys = own.register(CALLBACK), own_web.get(JWKS).json()
    token = own_web.tokens(app, "member")
    own.reset()
    assert own_web.get("/profile/v1", token["access_token"]).status == 403
    assert own_web.refresh(app, token["refresh_token"]).json() == {"error": "invalid_grant"}
    assert own_web.tokens(app, "member")["access_token"]
    assert own_web.get(JWKS).json() == keys


def test_a_reset_clears_faults_limits_and_added_time(own, own_web, address):
    app = own.register(CALLBACK)
    for i in range(12):
        own_web.get("/profile/v1", f"bogus{i}", address)
    own.advance(86400)
    own.fault("outage")
    own.reset()
    assert own_web.get(JWKS, None, address).status == 200
    code = own_web.code(app)
    own.advance(61)
    own.reset()
    assert own_web.exchange(app, code).status == 200, "the minute of the code has not passed"


def test_a_reset_reads_the_people_file_again(tmp_path, web_for):
    path = tmp_path / "people.toml"
    path.write_text(
        '[[people]]\nlogin="ed"\nid=1\ngiven_name="Ed"\nfamily_name="It"\nemail="ed@example.net"\n',
        "utf-8",
    )
    with Sandbox(tls=False, people=path) as sandbox:
        web = web_for(sandbox)
        sandbox.change("ed", verified_user=False)
        sandbox.reset()
        assert profile(sandbox, web, "ed")["verified_user"] is True
        path.unlink()
        with pytest.raises(SandboxError, match="cannot be read: No such file"):
            sandbox.reset()
