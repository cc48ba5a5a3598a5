"""Own paths: of the callback, and where a login and a logout lead."""

import re

import pytest
from flask import Blueprint, Flask, render_template_string

from peeringdb_oauth import ClientConfig, ConfigurationError
from peeringdb_oauth.integrations.flask import PeeringDB, current_user
from peeringdb_oauth.web import STYLE_SHEET

STATUS = "/login/peeringdb/status"
PORTAL = "https://portal.test"
LOGOUT = {"headers": {"Sec-Fetch-Site": "same-origin"}}


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/callback", {}),
        ("/auth/done", {"url_prefix": "/members"}),
        ("/members/back/", {"url_prefix": "/members", "callback_path": "/back/"}),
        ("/r%C3%BCck/kehr", {}),
    ],
)
def test_the_callback_is_where_the_redirect_uri_leads(make_portal, path, arguments):
    browser = make_portal(path=path, **arguments).browser()
    start = browser.get("/me").location
    answer = browser.log_in("member", start)
    assert (answer.status_code, answer.location) == (302, "/me")
    assert browser.page("/me")[1].startswith("Mel Member")


@pytest.mark.parametrize(
    ("redirect_uri", "arguments", "problem"),
    [
        (PORTAL, {}, "redirect_uri: must have a path of its own for the callback, such as"),
        (f"{PORTAL}/logout", {}, "redirect_uri: must have a path of its own for the callback"),
        (f"{PORTAL}/a<b>", {}, "redirect_uri: must have a path of its own for the callback"),
        (f"{PORTAL}/x", {"callback_path": "/y"}, "redirect_uri: must end in /y, the callback_path"),
        (f"{PORTAL}/x", {"callback_path": "x"}, "callback_path: must have a path"),
        (f"{PORTAL}/x", {"login_redirect_url": "https://other.example"}, "login_redirect_url: "),
        (f"{PORTAL}/x", {"login_redirect_url": "me"}, "login_redirect_url: must be a path"),
        (f"{PORTAL}/x", {"logout_redirect_url": "javascript:1"}, "logout_redirect_url: must be"),
        (f"{PORTAL}/x", {"logout_redirect_url": 7}, "logout_redirect_url: must be"),
    ],
)
def test_a_path_that_cannot_be_is_a_mistake(redirect_uri, arguments, problem):
    app = Flask("portal")
    app.secret_key = "x" * 16
    config = ClientConfig(client_id="id", client_secret="s" * 16, redirect_uri=redirect_uri)
    with pytest.raises(ConfigurationError) as caught:
        PeeringDB(app, config=config, **arguments)
    assert str(caught.value).startswith(problem)


def test_a_login_and_a_logout_lead_where_the_application_says(make_portal):
    browser = make_portal(
        login_redirect_url="/me?new=1", logout_redirect_url="https://www.example.net/bye"
    ).browser()
    assert browser.log_in("member").location == "/me?new=1"
    assert browser.post("/logout", **LOGOUT).location == "https://www.example.net/bye"


def test_a_logout_may_lead_to_another_page_than_a_login(make_portal):
    browser = make_portal(logout_redirect_url="/form").browser()
    assert browser.log_in("member").location == "/"
    assert browser.post("/logout", **LOGOUT).location == "/form"


def test_an_application_without_a_start_page_has_one_of_ours(make_portal):
    portal = make_portal(set_up=lambda app: app.add_url_rule("/health", "health", lambda: "ok"))
    portal.app.url_map = rules_without(portal.app.url_map, "/")
    browser = portal.browser()
    assert browser.log_in("member").location == STATUS
    page = browser.get(STATUS)
    assert (page.status_code, browser.failure(page)[1]) == (200, "You are logged in as Mel Member")
    assert 'action="/logout"' in page.text
    assert browser.post("/logout", **LOGOUT).location == STATUS
    page = browser.get(STATUS)
    assert (page.status_code, browser.failure(page)[1]) == (200, "You are not logged in")
    assert f'href="/login/peeringdb?next={STATUS}"' in page.text
    answer = browser.get(STATUS, accept="application/json")
    assert answer.json == {"logged_in": False, "title": "You are not logged in"}


def rules_without(url_map, path):
    rules = [rule.empty() for rule in url_map.iter_rules() if rule.rule != path]
    return type(url_map)(rules)


def test_a_start_page_that_something_else_serves_can_be_named(make_portal):
    portal = make_portal(login_redirect_url="/")
    portal.app.url_map = rules_without(portal.app.url_map, "/")
    assert portal.browser().log_in("member").location == "/"


def test_the_page_of_ours_says_why_a_login_has_ended(make_portal, sandbox, clock):
    browser = make_portal().browser()
    browser.log_in("member")
    sandbox.change("member", networks={}, verified_user=False)
    clock.now += 7300
    assert browser.page(STATUS)[0] == 200
    browser.log_in("orgadmin", "/login/peeringdb?prompt=login")
    sandbox.change("orgadmin", verified_user=False)
    clock.now += 5000
    assert browser.page(STATUS)[0] == 403


def test_a_guard_before_all_requests_leaves_the_page_of_ours_open(make_portal):
    portal = make_portal()
    portal.app.before_request(portal.pdb.require()(lambda: None))
    assert portal.browser().page(STATUS)[0] == 200


def test_a_redirect_uri_that_leads_nowhere_is_told_at_the_first_login(make_portal):
    portal = make_portal(path="/portal/back")
    portal.app.url_map = rules_without(portal.app.url_map, "/portal/back")
    portal.app.debug = True
    answer = portal.browser().get("/login/peeringdb")
    assert answer.status_code == 500
    assert "redirect_uri: /portal/back is no page of this application" in answer.text


def test_an_application_may_be_mounted_below_a_path(make_portal):
    portal = make_portal(path="/portal/back", callback_path="/back")
    browser = portal.browser()
    start = browser.client.get("/login/peeringdb", base_url=f"{PORTAL}/portal/")
    callback = portal.sandbox.log_in("member", start.location)
    assert callback.startswith(f"{PORTAL}/portal/back?")
    answer = browser.client.get(
        callback.removeprefix(f"{PORTAL}/portal"), base_url=f"{PORTAL}/portal/"
    )
    assert (answer.status_code, answer.location) == (302, "/portal/")


def host_matching(app):
    app.url_map.host_matching = True


def test_host_matching_has_the_login_at_the_host_of_the_redirect_uri(make_portal):
    portal = make_portal(set_up=host_matching, path="/back")
    portal.app.add_url_rule("/mine", "mine", portal.pdb.require()(str), host="portal.test")
    browser = portal.browser()
    start = browser.get("/mine").location
    assert start == "/login/peeringdb?next=/mine"
    assert browser.log_in("member", start).location == "/mine"
    assert browser.client.get("/login/peeringdb", base_url="https://other.test").status_code == 404


def test_subdomain_matching_has_the_login_at_the_subdomain_of_the_redirect_uri(make_client):
    app = Flask("portal", subdomain_matching=True)
    app.secret_key = "x" * 16
    app.config["SERVER_NAME"] = "example.test"
    members = Blueprint("members", __name__, subdomain="members")
    pdb = PeeringDB(app, client=make_client("https://members.example.test/back"))

    @members.get("/me")
    @pdb.require()
    def me():
        return current_user.name

    app.register_blueprint(members)
    client = app.test_client()
    answer = client.get("/me", base_url="https://members.example.test")
    assert answer.location == "/login/peeringdb?next=/me"
    here = {"base_url": "https://members.example.test"}
    assert client.get(answer.location, **here).status_code == 302
    assert client.get(answer.location, base_url="https://example.test").status_code == 404


def test_the_style_sheet_is_a_file_of_the_site(make_portal):
    portal = make_portal(url_prefix="/auth", path="/auth/back")
    portal.app.before_request(portal.pdb.require()(lambda: None))
    browser = portal.browser()
    url = re.search('<link rel="stylesheet" href="([^"]+)">', browser.get("/auth/back").text)[1]
    assert re.fullmatch(r"/auth/login/peeringdb/style\.css\?[0-9a-f]{8}", url)
    answer = browser.get(url)
    assert (answer.status_code, answer.text) == (200, STYLE_SHEET)
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"


def test_an_application_includes_the_style_sheet_for_the_button(make_portal):
    portal = make_portal()
    included = '{% include "peeringdb_oauth/style.html" %}'
    portal.app.add_url_rule("/button", "button", lambda: render_template_string(included))
    url = re.search('href="([^"]+)"', portal.browser().page("/button")[1])[1]
    assert portal.browser().page(url) == (200, STYLE_SHEET)
