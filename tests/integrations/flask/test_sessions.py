"""The login together with Flask-Session and Flask-Login."""

import re

import pytest
from cachelib import SimpleCache
from flask import session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, login_required, login_user, logout_user
from flask_login import current_user as account
from flask_session import Session
from shared_sessions import sqlite_store

from peeringdb_oauth import ConfigurationError
from peeringdb_oauth.integrations.flask import logged_in, logged_out

from .conftest import SECRET


@pytest.fixture
def cache():
    return SimpleCache()


@pytest.fixture
def portal(make_portal, cache):
    """Its sessions are on the server, and ``/visit`` starts one."""

    def set_up(app):
        app.config |= {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": cache}
        Session(app)

        @app.get("/visit")
        def visit():
            session["visited"] = True
            return f"{sorted(session)}"

    return make_portal(set_up=set_up)


def sid(browser):
    cookie = browser.client.get_cookie("__Host-session", domain="portal.test")
    return cookie and cookie.value


def stored(cache):
    return set(cache._cache)


def test_session_has_another_id_after_the_login(browser, cache):
    browser.get("/visit")
    before = sid(browser)
    browser.log_in("member")
    after = sid(browser)
    assert browser.page() == (200, "Hello Mel Member")
    assert before != after
    assert stored(cache) == {f"session:{after}"}


@pytest.mark.parametrize("person", ["member", "orgadmin"])
def test_session_has_another_id_after_a_second_login(browser, cache, person):
    """Somebody may log in and plant their cookie in another browser.

    The person who logs in there must not share the session with them.
    """
    browser.log_in("member")
    before = sid(browser)
    browser.log_in(person, "/login/peeringdb?prompt=login")
    assert sid(browser) != before
    assert stored(cache) == {f"session:{sid(browser)}"}


def test_server_side_sessions_that_cannot_change_their_id_are_refused(make_portal):
    class Known(dict, SessionMixin):
        """A session on the server. Nothing shows that it has an id."""

    class Interface(SecureCookieSessionInterface):
        def open_session(self, *_):
            return Known()

    portal = make_portal(set_up=lambda app: setattr(app, "session_interface", Interface()))
    portal.app.testing = True
    with pytest.raises(ConfigurationError, match="Interface cannot give a session another id"):
        portal.browser().get("/login/peeringdb")


def test_session_is_empty_and_has_another_id_after_the_logout(browser):
    browser.get("/visit")
    browser.log_in("member")
    before = sid(browser)
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert sid(browser) != before
    assert "peeringdb" not in browser.page("/visit")[1]


def test_session_that_had_only_the_login_is_deleted_at_the_logout(browser, cache):
    browser.log_in("member")
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert sid(browser) is None
    assert stored(cache) == set()


@pytest.mark.parametrize("has_store", [False, True])
def test_long_list_of_networks_has_room(make_portal, tmp_path, has_store):
    browser = make_portal(sessions=sqlite_store(tmp_path, SECRET) if has_store else None).browser()
    browser.log_in("manynets")
    assert browser.page("/as4200000300") == (200, "Many Nets changes AS4200000300")
    assert len(browser.client.get_cookie("__Host-session", domain="portal.test").value) < 4093


class Account(UserMixin):
    """An account of the application, found by PeeringDB's id."""

    def __init__(self, user):
        self.id = user.id
        self.name = user.name


def test_flask_login_can_ask_this_login_for_each_request(make_portal):
    """Then a logout and the end of a login count for Flask-Login at once."""
    portal = make_portal()
    browser = portal.browser()
    login_manager = LoginManager(portal.app)
    login_manager.login_view = "peeringdb.login"

    @login_manager.request_loader
    def load_account(_):
        user = portal.pdb.user()
        return Account(user) if user else None

    @portal.app.get("/account")
    @login_required
    def show():
        return f"{account.id} {account.name}"

    wanted = browser.get("/account")
    assert wanted.status_code == 302
    assert browser.log_in("member", wanted.location).location == "/account"
    assert browser.page("/account") == (200, "2 Mel Member")
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert browser.get("/account").status_code == 302


def test_flask_login_that_refuses_an_account_is_no_endless_circle(make_portal):
    portal = make_portal()
    browser = portal.browser()
    login_manager = LoginManager(portal.app)
    login_manager.login_view = "peeringdb.login"
    login_manager.request_loader(lambda _: None)  # every account is switched off

    @portal.app.get("/account")
    @login_required
    def show():
        return "never"

    wanted = browser.get("/account").location
    assert browser.log_in("member", wanted).location == "/account"
    again = browser.get("/account").location
    status, heading, _ = browser.failure(browser.get(again))
    assert (status, heading) == (403, "You are logged in as Mel Member and may not see this page")
    page = browser.get(again).text
    token = re.search('name="peeringdb_csrf" value="([^"]+)"', page)[1]
    browser.post("/logout", data={"peeringdb_csrf": token})
    assert browser.get(again).status_code == 302


def test_flask_login_can_have_its_own_session(make_portal, clock):
    """An application that has other logins, too, can do this."""
    portal = make_portal()
    browser = portal.browser()
    login_manager = LoginManager(portal.app)
    accounts = {}

    @login_manager.user_loader
    def load_account(account_id):
        account = accounts.get(account_id)
        return account if account and portal.pdb.user() else None

    @portal.app.get("/account")
    @login_required
    def show():
        return account.name

    def log_in(_, event):
        accounts[str(event.user.id)] = Account(event.user)
        login_user(accounts[str(event.user.id)])

    def log_out(_, **__):
        logout_user()

    with logged_in.connected_to(log_in, portal.app), logged_out.connected_to(log_out, portal.app):
        browser.log_in("member")
        assert browser.page("/account") == (200, "Mel Member")
        browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
        assert browser.get("/account").status_code == 401
        browser.log_in("member")
        clock.now += 36_000
        assert browser.get("/account").status_code == 401
