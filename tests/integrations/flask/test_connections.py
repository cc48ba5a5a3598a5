"""People connect PeeringDB to the application's own account."""

from dataclasses import dataclass, field

import pytest
from flask import session

from peeringdb_oauth import AccessDenied
from peeringdb_oauth.integrations.flask import OTHER_ACCOUNT, LocalAccount, connected, disconnected

PAGE = "/connect/peeringdb"
OWN = {"headers": {"Sec-Fetch-Site": "same-origin"}}
MEMBER, ADMIN = 2, 1  # ids at PeeringDB


@dataclass
class Accounts:
    """The accounts of a portal with passwords, and who each belongs to at PeeringDB."""

    connected_to: dict = field(default_factory=dict)
    keeps: tuple = ()  # accounts that cannot be disconnected

    def current(self):
        name = session.get("account")
        return name and LocalAccount(name, name.title(), self.connected_to.get(name))

    def connect(self, account, user):
        if user.id in self.connected_to.values():
            raise AccessDenied(OTHER_ACCOUNT)
        self.connected_to[account.key] = user.id

    def disconnect(self, account):
        if account.key in self.keeps:
            raise AccessDenied("you have no password here")
        self.connected_to.pop(account.key, None)


@pytest.fixture
def accounts():
    return Accounts()


@pytest.fixture
def portal(make_portal, accounts):
    portal = make_portal()
    pdb = portal.pdb
    pdb.local_account(accounts.current)
    pdb.on_connect(accounts.connect)
    pdb.on_disconnect(accounts.disconnect)

    @portal.app.post("/password/<name>")
    def log_in_with_password(name):
        session["account"] = name
        return "in"

    @portal.app.get("/account")
    def account():
        return session.get("account", "nobody")

    return portal


@pytest.fixture
def ada(portal):
    browser = portal.browser()
    browser.post("/password/ada")
    return browser


def connect(browser, person, **arguments):
    start = browser.post(PAGE, **OWN | arguments)
    assert start.status_code == 303
    return browser.come_back(person, start.location)


def test_an_account_is_connected_and_stays_logged_in(ada, accounts):
    assert "Your account Ada is not connected to PeeringDB." in ada.page(PAGE)[1]
    answer = connect(ada, "member")
    assert (answer.status_code, answer.location) == (302, PAGE)
    assert accounts.connected_to == {"ada": MEMBER}
    assert ada.page("/account") == (200, "ada")
    assert ada.page("/me")[1].startswith("Mel Member")
    assert "connected to Mel Member at PeeringDB (number 2)" in ada.page(PAGE)[1]


def test_events_tell_of_it(ada, portal):
    told = []

    def tell(_, event):
        told.append((event.kind, event.user.id))

    with connected.connected_to(tell, portal.app), disconnected.connected_to(tell, portal.app):
        connect(ada, "member")
        ada.post("/disconnect/peeringdb", **OWN)
    assert told == [("connected", MEMBER), ("disconnected", MEMBER)]


def test_peeringdb_asks_for_the_password(ada):
    """Somebody else may have logged this browser in there."""
    assert "prompt=login" in ada.post(PAGE, **OWN).location


def test_an_account_is_disconnected_and_stays_logged_in(ada, accounts):
    connect(ada, "member")
    answer = ada.post("/disconnect/peeringdb?next=/account", **OWN)
    assert (answer.status_code, answer.location) == (303, "/account")
    assert accounts.connected_to == {}
    assert ada.page("/account") == (200, "ada")
    assert ada.get("/me").status_code == 302
    assert ada.post("/disconnect/peeringdb", **OWN).location == PAGE


def test_the_application_may_refuse_to_disconnect(ada, accounts):
    connect(ada, "member")
    accounts.keeps = ("ada",)
    answer = ada.post("/disconnect/peeringdb", **OWN)
    assert ada.failure(answer)[2] == ["You have no password here"]
    assert accounts.connected_to == {"ada": MEMBER}
    assert ada.get("/me").status_code == 200


def test_a_person_with_another_account_is_told_so(ada, portal, accounts):
    connect(ada, "member")
    bob = portal.browser()
    bob.post("/password/bob")
    answer = connect(bob, "member")
    assert bob.failure(answer)[:2] == (
        409,
        "This PeeringDB account belongs to another account here",
    )
    assert accounts.connected_to == {"ada": MEMBER}
    assert bob.page("/account") == (200, "bob")


def test_a_connected_account_gets_no_second_person(ada, accounts):
    start = ada.post(PAGE, **OWN).location
    accounts.connected_to["ada"] = ADMIN
    answer = ada.come_back("member", start)
    assert ada.failure(answer)[:2] == (
        409,
        "Your account is connected to another PeeringDB account",
    )
    assert accounts.connected_to == {"ada": ADMIN}
    assert ada.post(PAGE, **OWN).status_code == 200  # the page, and no login


def test_a_login_of_another_person_does_not_log_the_account_out(ada, accounts):
    """The browser was logged in with another person at PeeringDB before."""
    ada.log_in("orgadmin")
    ada.post("/password/ada")
    connect(ada, "member")
    assert (accounts.connected_to, ada.page("/account")) == ({"ada": MEMBER}, (200, "ada"))
    assert ada.page("/me")[1].startswith("Mel Member")


def test_the_login_rule_and_the_hooks_of_the_login_count(ada, portal, accounts):
    @portal.pdb.on_login
    def refuse(_):
        raise AccessDenied("no")

    assert connect(ada, "member").status_code == 403
    assert connect(ada, "unverified").status_code == 403
    assert (accounts.connected_to, ada.page("/account")) == ({}, (200, "ada"))


# --- attacks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.portal.test"},
        {"Origin": "null"},
    ],
)
def test_another_site_cannot_connect_or_disconnect(ada, accounts, headers):
    assert ada.post(PAGE, headers=headers).status_code == 403
    connect(ada, "member")
    assert ada.post("/disconnect/peeringdb", headers=headers).status_code == 403
    assert accounts.connected_to == {"ada": MEMBER}


def test_a_browser_that_tells_only_the_origin_may(ada, accounts):
    start = ada.post(PAGE, headers={"Origin": "https://portal.test"})
    ada.come_back("member", start.location)
    assert accounts.connected_to == {"ada": MEMBER}


def test_the_answer_of_an_attacker_connects_nothing(ada, portal, accounts):
    """Login CSRF: the attacker's own callback is opened in the victim's browser."""
    attacker = portal.browser()
    attacker.post("/password/mallory")
    start = attacker.post(PAGE, **OWN).location
    answer = ada.get(portal.sandbox.log_in("member", start))
    assert (answer.status_code, accounts.connected_to) == (400, {})


def test_a_link_to_the_login_connects_nothing(ada, accounts):
    ada.log_in("member", f"/login/peeringdb?connect=1&next={PAGE}")
    assert accounts.connected_to == {}


def test_the_account_that_started_it_is_the_one(ada, accounts):
    start = ada.post(PAGE, **OWN).location
    ada.post("/password/bob")
    answer = ada.come_back("member", start)
    assert (answer.status_code, accounts.connected_to) == (409, {})


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_connects_without_an_account(portal, method):
    answer = getattr(portal.browser(), method)(PAGE, **OWN)
    assert answer.status_code == 409
    assert portal.browser().post("/disconnect/peeringdb", **OWN).status_code == 409


def test_without_hooks_there_is_no_such_page(make_portal):
    browser = make_portal().browser()
    assert [browser.get(PAGE).status_code, browser.post(PAGE, **OWN).status_code] == [404, 404]
    assert browser.post("/disconnect/peeringdb", **OWN).status_code == 404
