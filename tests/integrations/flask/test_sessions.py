"""Together with Flask-Session and Flask-Login."""

import pytest
from cachelib import FileSystemCache, SimpleCache
from flask import session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, login_required, login_user, logout_user
from flask_login import current_user as account
from flask_session import Session

from peeringdb_oauth.integrations.flask import logged_in, logged_out

pytestmark = pytest.mark.server


@pytest.fixture
def cache():
    return SimpleCache()


@pytest.fixture
def portal(make_portal, cache):
    """With sessions on the server, and a page that gives everybody one."""

    def set_up(app):
        app.config |= {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": cache}
        Session(app)

        @app.get("/visit")
        def visit():
            session["visited"] = True
            return f"{sorted(session)}"

    return make_portal(set_up=set_up)


def sid(browser):
    cookie = browser.client.get_cookie("session", domain="portal.example.net")
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
def test_session_has_another_id_after_each_login_whoever_knew_the_one_before(
    browser,
    cache,
    person,
):
    """Somebody logs in, and gives the cookie to another browser: who logs in there must
    not share the session with them.
    """
    browser.log_in("member")
    before = sid(browser)
    browser.log_in(person, "/login/peeringdb?prompt=login")
    assert sid(browser) != before
    assert stored(cache) == {f"session:{sid(browser)}"}


def test_sessions_on_the_server_that_cannot_be_given_another_id_are_refused(make_portal):
    class Known(dict, SessionMixin):
        sid = "known-to-others"

    class Interface(SecureCookieSessionInterface):
        def open_session(self, *_):
            return Known()

    browser = make_portal(
        set_up=lambda app: setattr(app, "session_interface", Interface()),
    ).browser()
    assert browser.log_in("member").status_code == 500


def test_session_has_another_id_after_the_logout_with_nothing_in_it(browser):
    browser.get("/visit")
    browser.log_in("member")
    before = sid(browser)
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert sid(browser) != before
    assert "peeringdb" not in browser.page("/visit")[1]


def test_nothing_is_left_of_a_session_that_had_only_the_login(browser, cache):
    browser.log_in("member")
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert sid(browser) is None
    assert stored(cache) == set()


def test_long_list_of_networks_goes_into_a_cache_of_cachelib(make_portal, tmp_path):
    browser = make_portal(store=FileSystemCache(str(tmp_path))).browser()
    browser.log_in("manynets")
    assert browser.page("/as4200000300") == (200, "Many Nets changes AS4200000300")
    assert len(browser.client.get_cookie("session", domain="portal.example.net").value) < 4093


class Account(UserMixin):
    """What an application knows about people: a row of its database, found by
    PeeringDB's id.
    """

    def __init__(self, user):
        self.id = user.id
        self.name = user.name


def test_flask_login_asks_this_login(make_portal):
    """There is one truth, and so the logout and the end of the login are Flask-Login's,
    too.
    """
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


def test_flask_login_has_a_session_of_its_own(make_portal, clock):
    """For an application with other ways to log in."""
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
