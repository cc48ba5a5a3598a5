"""People connect PeeringDB to the application's own account."""

from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from peeringdb_oauth import AccessDenied, ConfigurationError
from peeringdb_oauth.integrations.starlette import OTHER_ACCOUNT, LocalAccount, PeeringDB

PAGE = "/connect/peeringdb"
OWN = {"Sec_Fetch_Site": "same-origin"}
MEMBER = 2  # the person's id at PeeringDB


@dataclass
class Accounts:
    """The accounts of a portal with passwords, and who each belongs to at PeeringDB."""

    connected_to: dict = field(default_factory=dict)

    async def current(self, request):
        name = request.session.get("account")
        return name and LocalAccount(name, name.title(), self.connected_to.get(name))

    async def connect(self, account, user):
        if user.id in self.connected_to.values():
            raise AccessDenied(OTHER_ACCOUNT)
        self.connected_to[account.key] = user.id

    def disconnect(self, account):
        del self.connected_to[account.key]


def in_starlette(pdb):
    async def log_in_with_password(request):
        request.session["account"] = request.path_params["name"]
        return PlainTextResponse("in")

    async def account(request):
        return PlainTextResponse(request.session.get("account", "nobody"))

    async def me(request):
        return PlainTextResponse((await pdb.require()(request)).name)

    routes = [
        Route("/password/{name}", log_in_with_password, methods=["POST"]),
        Route("/account", account),
        Route("/me", me),
    ]
    return Starlette(routes=[*pdb.routes, *routes], middleware=[pdb.session_middleware])


@pytest.fixture
def accounts():
    return Accounts()


@pytest.fixture
def make_connecting(make_portal, accounts):
    def make(**arguments):
        return make_portal(
            in_starlette,
            local_account=accounts.current,
            on_connect=accounts.connect,
            on_disconnect=accounts.disconnect,
            **arguments,
        )

    return make


@pytest.fixture
def portal(make_connecting):
    return make_connecting()


@pytest.fixture
def ada(portal):
    browser = portal.browser()
    browser.post("/password/ada")
    return browser


def connect(browser, person):
    start = browser.post(PAGE, **OWN)
    assert start.status_code == 303
    return browser.come_back(person, start.headers["Location"])


def test_an_account_is_connected_and_disconnected_and_stays_logged_in(ada, portal, accounts):
    assert "Your account Ada is not connected to PeeringDB." in ada.get(PAGE).text
    assert connect(ada, "member").headers["Location"] == PAGE
    assert (accounts.connected_to, ada.get("/account").text) == ({"ada": MEMBER}, "ada")
    assert ada.get("/me").text == "Mel Member"
    assert "connected to Mel Member at PeeringDB (number 2)" in ada.get(PAGE).text
    answer = ada.post("/disconnect/peeringdb", **OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert (accounts.connected_to, ada.get("/account").text) == ({}, "ada")
    assert ada.get("/me").status_code == 302
    assert portal.kinds() == [*("connected", "login", "session_ended", "logout", "disconnected")]


def test_a_person_with_another_account_is_told_so(ada, portal, accounts):
    connect(ada, "member")
    bob = portal.browser()
    bob.post("/password/bob")
    answer = connect(bob, "member")
    assert (answer.status_code, "belongs to another account here" in answer.text) == (409, True)
    assert (accounts.connected_to, bob.get("/account").text) == ({"ada": MEMBER}, "bob")


def test_the_hook_of_the_login_counts(make_connecting, accounts):
    def refuse(_):
        raise AccessDenied("no")

    browser = make_connecting(on_login=refuse).browser()
    browser.post("/password/ada")
    assert connect(browser, "member").status_code == 403
    assert accounts.connected_to == {}


def test_another_site_cannot_connect_or_disconnect(ada, accounts):
    foreign = {"Origin": "https://evil.example"}
    assert ada.post(PAGE, **foreign).status_code == 403
    connect(ada, "member")
    assert ada.post("/disconnect/peeringdb", **foreign).status_code == 403
    assert accounts.connected_to == {"ada": MEMBER}


def test_the_answer_of_an_attacker_connects_nothing(ada, portal, accounts):
    attacker = portal.browser()
    attacker.post("/password/mallory")
    start = attacker.post(PAGE, **OWN).headers["Location"]
    answer = ada.get(portal.sandbox.log_in("member", start))
    assert (answer.status_code, accounts.connected_to) == (400, {})


def test_nobody_connects_without_an_account(portal):
    browser = portal.browser()
    assert [browser.get(PAGE).status_code, browser.post(PAGE, **OWN).status_code] == [409, 409]
    assert browser.post("/disconnect/peeringdb", **OWN).status_code == 409


def test_without_hooks_there_is_no_such_page(make_portal):
    assert make_portal().browser().get(PAGE).status_code == 404


def test_one_hook_needs_the_other(make_config, accounts):
    for hooks in ({"local_account": accounts.current}, {"on_connect": accounts.connect}):
        with pytest.raises(ConfigurationError, match="local_account and on_connect: give both"):
            PeeringDB(config=make_config(), **hooks)
