"""`Connections`: accounts of an application, connected to people at PeeringDB."""

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from settled_client import SettledClient

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.web import LoginFlow
from peeringdb_oauth.web.connections import OTHER_ACCOUNT, Connections, LocalAccount

from .conftest import CALLBACK, PORTAL, SECRET, Browser

ANSWERS = {
    "/oauth2/token/": "token-success-no-openid",
    "/oauth2/revoke_token/": "revoke-refresh",
    "/profile/v1": "profile-orgadmin",
}
ADA = 1  # the person of the recordings
OWN = {"method": "POST", "Sec_Fetch_Site": "same-origin"}
NEW, CONNECTED = LocalAccount("17", "ada"), LocalAccount("17", "ada", ADA)


@pytest.fixture
def browser(provider, make_driver, clock):
    """A browser at an application for which no server is needed."""
    provider = provider.at(f"{PORTAL}{CALLBACK}")
    client = SimpleNamespace(
        run=make_driver(ANSWERS).run, provider=provider, config=provider.config
    )
    flow = LoginFlow(provider, rule=AccessRule(), secrets=(SECRET,))
    return Browser(SettledClient(client, pause=clock.wait), flow)


@pytest.fixture
def done():
    """What the application was asked to do."""
    return []


@pytest.fixture
def connections(browser, done):
    return Connections(
        browser.flow,
        on_connect=lambda account, user: done.append((account, user.id)),
        on_disconnect=done.append,
    )


@pytest.fixture
def come_back(browser, connections):
    """``come_back(asked, account)``: the answer to the callback of a login."""

    def come_back(asked, account, admit=lambda _: None):
        visit = browser.visit(f"{CALLBACK}?code=abc&state={asked['state']}")
        return browser.take(browser.client.run(connections.callback(visit, admit, account)))

    return come_back


@pytest.fixture
def end(browser, connections):
    """``end(account)``: the answer to the form that ends the connection."""

    def end(account, **visit):
        visit = browser.visit("/disconnect", **OWN | visit)
        return browser.take(browser.client.run(connections.end(visit, account)))

    return end


@pytest.fixture
def start(browser, connections):
    """``start(account)``: send the form that connects; what PeeringDB is asked."""

    def start(account):
        answer = browser.take(connections.start(browser.visit("/connect", **OWN), account))
        assert answer.status == 303
        return {name: value for name, [value] in parse_qs(urlsplit(answer.location).query).items()}

    return start


# --- the page -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (NEW, "Your account ada is not connected to PeeringDB."),
        (CONNECTED, "Your account ada is connected to user 1 at PeeringDB (number 1)."),
    ],
)
def test_the_page_says_who_the_account_is_connected_to(browser, connections, account, said):
    page = connections.page(browser.visit("/connect"), account).page
    assert (page.advice, page.is_connected) == (said, account is CONNECTED)


@pytest.mark.parametrize(
    ("person", "said"),
    [
        (ADA, "Your account ada is connected to Ada Admin at PeeringDB (number 1)."),
        (2, "Your account ada is connected to user 2 at PeeringDB (number 2)."),
        (None, "Your account ada is not connected to PeeringDB."),
    ],
)
def test_the_page_has_the_name_if_this_person_is_logged_in(browser, connections, person, said):
    browser.log_in()
    account = LocalAccount("17", "ada", person)
    assert connections.page(browser.visit("/connect"), account).page.advice == said


def test_nobody_can_connect_and_disconnect_without_an_account(browser, connections, done, end):
    for answer in (
        connections.page(browser.visit("/connect"), None),
        connections.start(browser.visit("/connect", **OWN), None),
        end(None),
    ):
        assert (answer.status, answer.page.code) == (409, "connect_ended")
    assert done == []


# --- connecting -----------------------------------------------------------------------


def test_the_application_connects_the_account_to_the_person_who_logs_in(
    browser, start, come_back, done
):
    asked = start(NEW)
    assert asked["prompt"] == "login"
    assert come_back(asked, NEW).status == 302
    assert done == [(NEW, ADA)]
    assert browser.kinds() == ["connected", "login"]


def test_an_account_that_is_connected_already_gets_the_page(browser, connections):
    answer = connections.start(browser.visit("/connect", **OWN), CONNECTED)
    assert (answer.status, answer.page.is_connected) == (200, True)


def test_an_account_has_one_person(start, come_back, done):
    """It may have been connected to another one in another window meanwhile."""
    answer = come_back(start(NEW), LocalAccount("17", "ada", 2))
    assert (answer.status, answer.page.code) == (409, "connected_already")
    assert answer.page.reasons == ("You can have one PeeringDB account here",)
    assert done == []


def test_an_account_may_be_connected_to_the_same_person_twice(start, come_back, done):
    come_back(start(NEW), CONNECTED)
    assert done == [(CONNECTED, ADA)]


def test_an_application_that_refuses_a_connection_has_a_page_for_it(browser, start):
    asked = start(NEW)

    def refuse(*_):
        raise AccessDenied(OTHER_ACCOUNT)

    refusing = Connections(browser.flow, on_connect=refuse, on_disconnect=refuse)
    visit = browser.visit(f"{CALLBACK}?code=abc&state={asked['state']}")
    answer = browser.client.run(refusing.callback(visit, lambda _: None, NEW))
    assert (answer.status, answer.page.code) == (409, "connected_elsewhere")


@pytest.mark.parametrize("account", [LocalAccount("18", "bob"), None])
def test_only_the_account_that_started_is_connected(start, come_back, done, account):
    answer = come_back(start(NEW), account)
    assert (answer.status, answer.page.code) == (409, "connect_ended")
    assert done == []


@pytest.mark.parametrize("account", [NEW, CONNECTED, None])
def test_a_mere_login_connects_nothing(browser, come_back, done, account):
    admitted = []
    assert come_back(browser.start(), account, admitted.append).status == 302
    assert [user.id for user in admitted] == [ADA]
    assert done == []


# --- disconnecting --------------------------------------------------------------------


def test_the_application_deletes_the_connection_and_the_login_ends(browser, done, end):
    browser.log_in()
    answer = end(CONNECTED)
    assert (answer.status, answer.location) == (303, "/connect/peeringdb")
    assert done == [CONNECTED]
    assert browser.user() is None
    event = browser.events[-1]
    assert (event.kind, event.user.id, event.user.name) == ("disconnected", ADA, "Ada Admin")


def test_a_form_of_another_site_disconnects_nothing(done, end):
    answer = end(CONNECTED, Sec_Fetch_Site="cross-site")
    assert (answer.status, answer.page.code) == (403, "form_refused")
    assert done == []
