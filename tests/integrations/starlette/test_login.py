"""Logins and refusals that are the same in Starlette and in FastAPI."""

import logging
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from fastapi import FastAPI
from reading import tokens_in
from shared_sessions import sqlite_store
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser, requires
from starlette.datastructures import Secret
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route

from peeringdb_oauth import AccessDenied, AccessRule, AsyncClient, ConfigurationError, Permission
from peeringdb_oauth.integrations.starlette import PeeringDB
from peeringdb_oauth.web import SessionPolicy

from .conftest import CALLBACK, PORTAL, SECRET, failure, in_latin_1

EVIL = "https://evil.example"
NO_UPDATE = {
    "code": "needs_update",
    "asn": 64500,
    "text": "AS64500: you may read this network but not update it",
}


def set_cookies(answer):
    return [cookie.split("; ") for cookie in answer.headers.get_list("Set-Cookie")]


# --- login ----------------------------------------------------------------------------


def test_a_login_returns_to_the_page_it_came_from(browser):
    asked = browser.get("/networks/64500?page=2&q=%C3%BC")
    assert (asked.status_code, asked.headers["Location"]) == (
        302,
        "/login/peeringdb?next=/networks/64500%3Fpage%3D2%26q%3D%25C3%25BC",
    )
    answer = browser.log_in("orgadmin", asked.headers["Location"])
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/networks/64500?page=2&q=%C3%BC",
    )
    assert browser.json("/networks/64500")[1] == {
        "id": 1,
        "asns": [64500, 64501, 65550],
        "amr": ["pwd", "otp", "mfa"],
        "asn": "64500",
        "note": None,
    }


def test_nobody_is_logged_in_at_first(browser):
    assert browser.json("/me") == (200, None)


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/logout", ""])
def test_a_login_never_leads_to_another_site_or_its_own_pages(browser, target):
    assert browser.log_in("member", f"/login/peeringdb?next={target}").headers["Location"] == "/"


def test_logins_in_two_tabs_finish_in_any_order(browser):
    first, second = (
        browser.start("/login/peeringdb?next=/first"),
        browser.start("/login/peeringdb?next=/second"),
    )
    assert browser.come_back("member", second).headers["Location"] == "/second"
    assert browser.come_back("member", first).headers["Location"] == "/first"


def test_the_page_says_that_the_login_was_cancelled(portal, browser):
    assert failure(browser.log_in("member", consent=False))[:2] == (403, "You cancelled the login")
    assert browser.json("/me") == (200, None)
    assert portal.kinds() == ["refused"]


def test_a_callback_in_another_browser_is_refused(portal, browser):
    callback = portal.sandbox.log_in("member", browser.start())
    victim = portal.browser()
    status, heading, _ = failure(victim.get(callback))
    assert (status, heading) == (400, "This login was not started here")
    assert victim.json("/me") == (200, None)


def test_the_same_callback_leads_to_the_page_while_somebody_is_logged_in(portal, browser):
    callback = portal.sandbox.log_in("member", browser.start("/login/peeringdb?next=/me"))
    for _ in range(2):
        answer = browser.get(callback)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/me")
    del browser.client.cookies["__Host-session"]
    assert failure(browser.get(callback))[:2] == (400, "This login was used already")


def test_the_page_to_return_to_may_be_an_absolute_address_of_this_site(browser):
    """As Starlette's ``requires(redirect=...)`` writes it."""
    start = "/login/peeringdb?" + urlencode({"next": f"{PORTAL}/page?q={{a|b}}\\caf\u00e9"})
    answer = browser.log_in("member", start)
    assert answer.headers["Location"] == "/page?q=%7Ba%7Cb%7D%5Ccaf%C3%A9"
    elsewhere = browser.log_in("member", "/login/peeringdb?next=https://evil.example/page")
    assert elsewhere.headers["Location"] == "/"


class Staff(AuthenticationBackend):
    """Starlette's own authentication: everybody with PeeringDB, and nobody is staff."""

    def __init__(self, pdb):
        self.pdb = pdb

    async def authenticate(self, connection):
        user = await self.pdb.current_user(Request(connection.scope))
        return user and (AuthCredentials(["authenticated"]), SimpleUser(user.name))


@requires("staff", redirect="peeringdb_login")
async def staff_page(request: Request):
    """Not reached."""


def staff_in_starlette(pdb):
    return Starlette(
        routes=[*pdb.routes, Route("/staff", staff_page)],
        middleware=[
            pdb.session_middleware,
            Middleware(AuthenticationMiddleware, backend=Staff(pdb)),
        ],
    )


def staff_in_fastapi(pdb):
    app = FastAPI(
        middleware=[
            pdb.session_middleware,
            Middleware(AuthenticationMiddleware, backend=Staff(pdb)),
        ]
    )
    app.include_router(pdb.router)
    app.get("/staff")(staff_page)
    return app


@pytest.mark.parametrize("make_app", [staff_in_starlette, staff_in_fastapi])
def test_starlettes_requires_is_no_endless_circle(make_portal, make_app):
    browser = make_portal(make_app).browser()
    wanted = browser.get("/staff").headers["Location"]
    assert wanted == f"{PORTAL}/login/peeringdb?next=https%3A%2F%2Ftestserver%2Fstaff"
    assert browser.log_in("member", wanted).headers["Location"] == "/staff"
    assert browser.get("/staff").headers["Location"] == wanted
    assert failure(browser.get(wanted))[:2] == (
        403,
        "You are logged in as Mel Member and may not see this page",
    )


def home_for_people(pdb):
    """Sends everybody to the login who is not logged in, without ``next``."""

    async def home(request):
        user = await pdb.current_user(request)
        return PlainTextResponse(user.name) if user else RedirectResponse("/login/peeringdb")

    return Starlette(routes=[*pdb.routes, Route("/", home)], middleware=[pdb.session_middleware])


def test_a_start_page_that_sends_everybody_to_the_login_is_no_endless_circle(make_portal):
    browser = make_portal(home_for_people).browser()
    by_redirect = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    wanted = browser.get("/", **by_redirect).headers["Location"]
    assert browser.log_in("member", wanted).headers["Location"] == "/"
    assert browser.get("/").text == "Mel Member"
    del browser.client.cookies["__Host-session"]  # a browser that drops it
    assert browser.get("/", **by_redirect).headers["Location"] == wanted
    answer = browser.get(wanted, **by_redirect)
    assert failure(answer)[:2] == (400, "Your browser keeps no cookie of this site")


def test_a_request_in_the_background_starts_no_login(browser):
    background = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    for path in ("/mfa", "/login/peeringdb?next=/mfa"):
        answer = browser.client.get(path, headers=background)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)
        assert answer.json()["login_url"] == "/login/peeringdb?next=/mfa"


def test_head_does_not_use_a_callback(portal, browser):
    callback = portal.sandbox.log_in("member", browser.start())
    assert browser.client.head(callback).status_code == 405
    assert browser.get(callback).status_code == 302


def test_a_callback_with_two_states_is_refused(browser):
    browser.start()
    state = parse_qs(urlsplit(browser.start()).query)["state"][0]
    assert browser.get(f"{CALLBACK}?state={state}&state={state}&code=abc").status_code == 400


def test_the_log_names_an_address_that_is_not_the_configured_one(make_portal, make_config, caplog):
    portal = make_portal(config=make_config(f"https://portal.test{CALLBACK}"))
    _, _, reasons = failure(portal.browser().get(f"{CALLBACK}?code=abc&state=abc"))
    assert reasons == []
    text = f"{PORTAL}{CALLBACK}, and the redirect URI is https://portal.test{CALLBACK}"
    assert text in caplog.text


def test_without_a_store_a_login_expires_with_its_token(make_with_clock, clock):
    policy = SessionPolicy(recheck_every=None, idle_timeout=None)
    browser = make_with_clock(session_policy=policy)
    browser.log_in("member")
    clock.now += 36000 - 60
    assert browser.json("/me")[1]["id"] == 2
    clock.now += 60
    assert browser.json("/me") == (200, None)


def test_a_callback_after_ten_minutes_is_refused(with_clock, clock):
    callback = with_clock.sandbox.log_in("member", with_clock.start())
    clock.now += 601
    assert with_clock.get(callback).status_code == 400


@pytest.mark.parametrize("person", ["unverified", "emailunconf"])
def test_an_unverified_user_is_refused(portal, browser, person):
    status, heading, reasons = failure(browser.log_in(person))
    titles = {
        "unverified": "PeeringDB has not verified your account",
        "emailunconf": "Your email address is not confirmed",
    }
    assert (status, heading) == (403, titles[person])
    assert any("verified your account" in reason or "not confirmed" in reason for reason in reasons)
    assert browser.json("/me") == (200, None)
    assert portal.kinds() == ["refused"]


# --- rules ----------------------------------------------------------------------------


def test_a_user_without_the_rights_sees_the_reason(portal, browser):
    browser.log_in("member")
    answer = browser.get("/networks/64500")
    assert failure(answer) == (
        403,
        "You may read AS64500, not change it",
        ["AS64500: you may read this network but not update it"],
    )
    event = portal.events[-1]
    assert (event.kind, event.user.id, event.asn, event.reasons) == (
        "refused",
        2,
        64500,
        tuple(failure(answer)[2]),
    )


def test_programs_get_json(browser):
    assert browser.json("/networks/64500") == (
        401,
        {
            "code": "logged_out",
            "title": "You are not logged in",
            "reasons": [],
            "advice": "Log in with PeeringDB to go on.",
            "login_url": "/login/peeringdb?next=/networks/64500",
        },
    )
    browser.log_in("member")
    status, body = browser.json("/networks/64500")
    assert (status, body["code"], body["reasons"]) == (403, "forbidden", [NO_UPDATE])


@pytest.mark.parametrize(
    "asn", ["064500", "+64500", "64500.0", "0", "99999999999", "AS64500", "64_500"]
)
def test_anything_but_an_as_number_is_refused(browser, asn):
    browser.log_in("orgadmin")
    assert browser.get(f"/networks/{asn}").status_code == 403


def test_one_of_several_networks_is_enough(browser):
    browser.log_in("member")
    assert browser.json("/two")[0] == 200


def test_a_function_of_the_request_can_find_the_network(browser):
    browser.log_in("member")
    assert browser.json("/asked?asn=64501")[0] == 200
    [reason] = browser.json("/asked?asn=64499")[1]["reasons"]
    assert (reason["code"], reason["asn"]) == ("not_affiliated", 64499)


def test_a_function_that_finds_no_network_refuses_the_user(browser):
    browser.log_in("member")
    assert browser.get("/asked").status_code == 403


def test_a_missing_path_parameter_is_an_error_of_the_application(browser):
    for _ in range(2):
        with pytest.raises(
            ConfigurationError, match="no 'asn' among the path parameters of /misnamed"
        ):
            browser.get("/misnamed?asn=64500")
        browser.get("/me")


def test_a_rule_in_an_endpoint_refuses_with_the_same_page_and_event(portal, browser):
    browser.log_in("member")
    answer = browser.get("/own-rule")
    assert failure(answer) == (
        403,
        "You may read AS64501, not delete it",
        ["AS64501: you may read this network but not delete it"],
    )
    assert (portal.events[-1].kind, portal.events[-1].user.id) == ("refused", 2)


def test_a_second_factor_is_asked_for_once(browser):
    browser.log_in("member", second_factor="backup")
    step_up = browser.get("/mfa")
    assert (step_up.status_code, step_up.headers["Location"]) == (
        302,
        "/login/peeringdb?next=/mfa&prompt=login",
    )
    assert (
        browser.log_in("member", step_up.headers["Location"], second_factor="backup").headers[
            "Location"
        ]
        == "/mfa"
    )
    status, _, [reason] = failure(browser.get("/mfa"))
    assert status == 403
    assert "second factor" in reason
    browser.log_in("member", step_up.headers["Location"])
    assert browser.json("/mfa")[0] == 200


def test_max_age_of_zero_notices_lost_rights(portal, browser):
    browser.log_in("member")
    portal.sandbox.change("member", networks={64501: 1})
    assert browser.json("/me")[1]["asns"] == [64500, 64501, 65550]
    assert browser.json("/fresh")[1]["asns"] == [64501]
    assert browser.json("/me")[1]["asns"] == [64501]
    assert portal.kinds() == ["login", "rights_changed"]


def test_an_outage_is_a_page_and_ends_no_login(portal, browser):
    browser.log_in("member")
    portal.sandbox.fault("outage")
    answer = browser.get("/fresh")
    assert failure(answer)[:2] == (503, "PeeringDB is not available")
    assert answer.headers["Retry-After"] == "10"
    portal.sandbox.clear_faults()
    assert browser.json("/fresh")[0] == 200


@pytest.mark.parametrize("has_store", [False, True])
def test_a_long_list_of_networks_has_room(make_portal, tmp_path, has_store):
    browser = make_portal(sessions=sqlite_store(tmp_path, SECRET) if has_store else None).browser()
    browser.log_in("manynets")
    assert len(browser.json("/me")[1]["asns"]) == 300
    assert len(browser.client.cookies["__Host-session"]) < 4000


# --- logout and forged forms ----------------------------------------------------------


def tokens_of(portal, browser):
    return tokens_in(browser.session(), portal.pdb._config, SECRET)


def refused_at_peeringdb(portal, token):
    """Whether PeeringDB refuses a refresh token."""
    config = portal.pdb._config
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": config.client_id,
        "client_secret": config.client_secret,
    }
    return requests.post(f"{config.base_url}/oauth2/token/", data=form, timeout=5).json() == {
        "error": "invalid_grant"
    }


def test_a_logout_ends_the_login_here_and_at_peeringdb(portal, browser):
    browser.log_in("member")
    _, refresh_token = tokens_of(portal, browser)
    answer = browser.log_out()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert browser.json("/me") == (200, None)
    assert refused_at_peeringdb(portal, refresh_token)
    assert portal.kinds() == ["login", "session_ended", "logout"]


@pytest.mark.parametrize(
    "headers", [{}, {"Sec_Fetch_Site": "cross-site"}, {"X_PeeringDB_CSRF": "wrong"}]
)
def test_a_logout_by_another_site_is_refused(browser, headers):
    browser.log_in("member")
    for fields in ({}, {"peeringdb_csrf": "wrong"}):
        assert failure(browser.post("/logout", fields, **headers))[:2] == (
            403,
            "This form cannot be accepted",
        )
    assert browser.json("/me")[1]["id"] == 2


def test_a_logout_by_a_link_is_impossible(browser):
    browser.log_in("member")
    assert browser.get("/logout").status_code == 405


def test_a_form_needs_the_csrf_token_or_fetch_metadata(browser):
    browser.log_in("orgadmin")
    token = browser.csrf_token()
    assert failure(browser.post("/networks/64500", {"note": "n"}))[:2] == (
        403,
        "This form cannot be accepted",
    )
    for fields, headers in [
        ({"peeringdb_csrf": token}, {}),
        ({}, {"X_PeeringDB_CSRF": token}),
        ({}, {"Sec_Fetch_Site": "same-origin"}),
    ]:
        assert (
            browser.post("/networks/64500", {"note": "n"} | fields, **headers).json()["note"] == "n"
        )


def test_a_form_with_a_file_can_have_the_csrf_token(browser):
    browser.log_in("orgadmin")
    fields = {"note": "n", "peeringdb_csrf": browser.csrf_token()}
    assert (
        browser.client.post("/networks/64500", data=fields, files={"file": b"x"}).json()["note"]
        == "n"
    )
    as_file = {"peeringdb_csrf": browser.csrf_token().encode()}
    assert (
        browser.client.post("/networks/64500", data={"note": "n"}, files=as_file).status_code == 403
    )


@pytest.mark.parametrize("length", ["1048577", "-1", "many", None])
def test_a_form_that_is_long_or_does_not_say_its_length_is_not_read(browser, length):
    browser.log_in("member")
    form = f"peeringdb_csrf={browser.csrf_token()}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | (
        {} if length is None else {"Content-Length": length}
    )
    assert browser.client.post("/logout", content=iter([form]), headers=headers).status_code == 403


# --- sessions and cookies -------------------------------------------------------------


def test_cookies_have_their_flags(browser):
    [[start, *flags]] = set_cookies(browser.get("/login/peeringdb"))
    assert start.startswith("__Host-peeringdb-login-")
    assert sorted(flags) == ["HttpOnly", "Max-Age=600", "Path=/", "SameSite=lax", "Secure"]
    login, session = set_cookies(browser.log_in("member"))
    assert login[0].startswith("__Host-peeringdb-login-")
    assert sorted(login[1:]) == sorted(flags)
    assert session[0].startswith("__Host-session=")
    assert {"path=/", "httponly", "samesite=lax", "secure"} <= set(session)


def test_cookies_of_a_site_on_loopback_need_no_tls(make_portal):
    browser = make_portal(base_url="http://127.0.0.1:5000").browser()
    [[start, *flags]] = set_cookies(browser.get("/login/peeringdb"))
    assert start.startswith("peeringdb-login-")
    assert "Secure" not in flags
    browser.log_in("member")
    assert browser.json("/me")[1]["id"] == 2
    assert browser.session("session")["user"][0] == 2


def test_no_cookie_shows_a_secret(portal, browser):
    callback = parse_qs(urlsplit(portal.sandbox.log_in("member", browser.start())).query)
    cookies = str(dict(browser.client.cookies))
    assert not any(value in cookies for values in callback.values() for value in values)
    browser.log_in("member")
    tokens = tokens_of(portal, browser)
    session = str(browser.session())
    assert all(len(token) == 30 for token in tokens)
    assert not any(secret in session for secret in (*tokens, portal.pdb._config.client_secret))


def test_a_forged_session_cookie_does_not_count(portal, browser):
    browser.log_in("member")
    data, *signature = browser.client.cookies["__Host-session"].split(".")
    browser.client.cookies.clear()
    other = portal.browser()
    other.client.cookies.set("__Host-session", ".".join([data[:-4] + "AAAA", *signature]))
    assert other.json("/me") == (200, None)


def test_a_login_under_another_secret_key_does_not_count(make_portal):
    first, second = (make_portal(secret_key=letter * 16).browser() for letter in "ab")
    callback = first.sandbox.log_in("member", first.start())
    second.client.cookies.update(first.client.cookies)
    assert second.get(callback).status_code == 400
    first.get(callback)
    second.client.cookies.update(first.client.cookies)
    assert first.json("/me")[1]["id"] == 2
    assert second.json("/me") == (200, None)


def test_a_login_of_another_user_clears_the_session(portal, browser):
    with browser.client:  # one event loop for all requests, as a server has
        browser.log_in("member")
        _, refresh_token = tokens_of(portal, browser)
        browser.log_in("orgadmin")
        assert browser.json("/me")[1]["id"] == 1
        browser.client.portal.call(portal.pdb.close)  # waits for what runs behind the answers
    assert refused_at_peeringdb(portal, refresh_token)


# --- hooks and events -----------------------------------------------------------------


def refuse(user):
    raise AccessDenied(f"{user.name} owes us a beer")


async def refuse_later(user):
    refuse(user)


def refuse_in_the_end(user):
    return refuse_later(user)


class Refuser:
    async def __call__(self, user):
        refuse(user)


@pytest.mark.parametrize("on_login", [refuse, refuse_later, refuse_in_the_end, Refuser()])
def test_on_login_can_refuse_a_user(make_portal, on_login):
    portal = make_portal(on_login=on_login)
    browser = portal.browser()
    assert failure(browser.log_in("member")) == (
        403,
        "You have no access here",
        ["Mel Member owes us a beer"],
    )
    assert browser.json("/me") == (200, None)
    assert [(event.kind, event.reasons) for event in portal.events] == [
        ("refused", ("Mel Member owes us a beer",))
    ]


def test_on_login_is_called_only_if_the_rule_lets_the_user_in(make_portal):
    asked = []
    portal = make_portal(on_login=asked.append)
    portal.browser().log_in("unverified")
    portal.browser().log_in("member")
    assert [user.id for user in asked] == [2]


def test_on_event_gets_the_request_and_the_event(make_portal):
    told = []

    async def tell(request, event):
        told.append((request.url.path, event.kind, event.user.id))

    browser = make_portal(on_event=tell).browser()
    browser.log_in("member")
    browser.get("/networks/64500")
    browser.get("/own-rule")
    browser.log_out()
    assert told == [
        (CALLBACK, "login", 2),
        ("/networks/64500", "refused", 2),
        ("/own-rule", "refused", 2),
        ("/logout", "session_ended", 2),
        ("/logout", "logout", 2),
    ]


def test_on_event_can_be_left_out(make_portal):
    browser = make_portal(on_event=None).browser()
    browser.log_in("member")
    assert browser.get("/networks/64500").status_code == 403


# --- bearer tokens --------------------------------------------------------------------


def bearer(browser, token, path="/api/64500", **headers):
    return browser.get(path, Authorization=f"Bearer {token}", **headers)


def test_a_bearer_token_opens_the_endpoint_if_its_user_has_the_rights(portal, browser):
    browser.log_in("orgadmin")
    access_token, _ = tokens_of(portal, browser)
    other = portal.browser()
    assert bearer(other, access_token).json()["id"] == 1
    assert other.get("/api/64500", Authorization=f"bearer {access_token}").json()["id"] == 1
    assert bearer(other, access_token, "/api/064500").status_code == 403


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        ({}, 'Bearer realm="PeeringDB"'),
        ({"Authorization": "Basic dTpw"}, 'Bearer realm="PeeringDB"'),
        (
            {"Authorization": "Bearer " + "x" * 30},
            'Bearer realm="PeeringDB", error="invalid_token"',
        ),
    ],
)
def test_a_missing_or_bad_token_is_a_401_in_json(browser, caplog, authorization, challenge):
    answer = browser.get("/api/64500", **authorization)
    is_audited = "refused, nobody known, path /api/64500: " in caplog.text
    assert is_audited is ("invalid_token" in challenge)
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/json")
    assert answer.headers["WWW-Authenticate"].startswith(challenge)


def test_a_session_of_a_browser_does_not_open_an_api(browser):
    browser.log_in("orgadmin")
    assert browser.get("/api/64500").status_code == 401


def test_a_token_of_a_user_without_the_rights_is_a_403_with_the_reasons(portal, browser):
    browser.log_in("member")
    answer = bearer(browser, tokens_of(portal, browser)[0])
    body = answer.json()
    assert (answer.status_code, body["code"], body["reasons"]) == (403, "forbidden", [NO_UPDATE])
    assert body["login_url"] is None


def test_an_outage_is_a_503_with_retry_after(portal, browser):
    browser.log_in("orgadmin")
    token = tokens_of(portal, browser)[0]
    portal.sandbox.fault("outage")
    answer = bearer(browser, token)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


# --- setting up -----------------------------------------------------------------------


def test_settings_come_from_the_environment(make_config, monkeypatch):
    config = make_config()
    for name in ("client_id", "client_secret", "redirect_uri", "base_url"):
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name.upper()}", getattr(config, name))
    monkeypatch.setenv("PEERINGDB_OAUTH_ALLOW_HTTP", "yes")
    assert PeeringDB()._config.client_id == config.client_id


def test_a_problem_names_the_setting_as_it_was_written(make_config, monkeypatch):
    config = make_config(redirect_uri="https://testserver/logout")
    with pytest.raises(ConfigurationError, match=r"^redirect_uri: must have a path of its"):
        PeeringDB(config=config)
    for name in ("client_id", "client_secret", "redirect_uri", "base_url"):
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name.upper()}", getattr(config, name))
    monkeypatch.setenv("PEERINGDB_OAUTH_ALLOW_HTTP", "yes")
    with pytest.raises(ConfigurationError, match=r"^PEERINGDB_OAUTH_REDIRECT_URI: must have"):
        PeeringDB()


def test_config_and_client_exclude_each_other(make_config):
    client = AsyncClient(make_config())
    with pytest.raises(ConfigurationError, match="the client has its own settings"):
        PeeringDB(config=make_config(), client=client)


@pytest.mark.parametrize("secret_key", ["x" * 16, Secret("x" * 16)])
def test_the_argument_comes_before_the_secret_key_of_the_environment(make_config, secret_key):
    pdb = PeeringDB(config=make_config(), secret_key=secret_key)
    assert pdb.session_middleware.kwargs["secret_keys"] == ("x" * 16,)


def test_the_secret_key_can_be_in_a_file(make_config, monkeypatch, tmp_path):
    (tmp_path / "key").write_text("y" * 16 + "\n")
    monkeypatch.delenv("PEERINGDB_OAUTH_SECRET_KEY")
    monkeypatch.setenv("PEERINGDB_OAUTH_SECRET_KEY_FILE", str(tmp_path / "key"))
    pdb = PeeringDB(config=make_config())
    assert pdb.session_middleware.kwargs["secret_keys"] == ("y" * 16,)


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "No such file"), (b"\xff" * 16, "not text in UTF-8"), (b"short", "fewer than 16")],
)
def test_a_bad_file_of_the_secret_key_is_an_error(
    make_config, monkeypatch, tmp_path, content, problem
):
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.delenv("PEERINGDB_OAUTH_SECRET_KEY")
    monkeypatch.setenv("PEERINGDB_OAUTH_SECRET_KEY_FILE", str(file))
    with pytest.raises(ConfigurationError, match=problem) as caught:
        PeeringDB(config=make_config())
    assert str(file) not in str(caught.value)


def test_missing_settings_are_reported_together(monkeypatch):
    monkeypatch.delenv("PEERINGDB_OAUTH_SECRET_KEY")
    with pytest.raises(ConfigurationError) as caught:
        PeeringDB()
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == [
        "client_id",
        "redirect_uri",
        "secret_key:",
    ]


def test_two_secret_keys_in_the_environment_are_an_error(make_config, monkeypatch):
    monkeypatch.setenv("PEERINGDB_OAUTH_SECRET_KEY_FILE", "/run/secrets/key")
    with pytest.raises(ConfigurationError, match="are both set: remove one"):
        PeeringDB(config=make_config())


@pytest.mark.parametrize("client_secret", [None, "a-secret-of-the-client"])
def test_the_client_secret_does_not_sign_sessions(make_config, monkeypatch, client_secret):
    """Another person may know it. With it a session for anybody could be forged."""
    monkeypatch.delenv("PEERINGDB_OAUTH_SECRET_KEY")
    with pytest.raises(ConfigurationError, match=r"secret_key: missing.*token_urlsafe\(32\)"):
        PeeringDB(config=make_config(client_secret=client_secret))


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ({"perms": Permission.UPDATE}, "asn: missing"),
        ({"manage_sessions": True}, "asn: missing"),
        ({"asn": 0}, "asn must be"),
        ({"asn": []}, "asn must be"),
        ({"asn": 64500, "perms": 2}, "perms must be"),
    ],
)
def test_conditions_that_nobody_can_meet_are_an_error_at_once(make_config, conditions, problem):
    pdb = PeeringDB(config=make_config())
    for method in (pdb.require, pdb.bearer):
        with pytest.raises(ConfigurationError, match=problem):
            method(**conditions)


def test_the_rule_of_the_login_says_what_an_endpoint_asks_of_accounts(make_portal):
    portal = make_portal(rule=AccessRule(verified_user=False, verified_email=False))
    browser = portal.browser()
    browser.log_in("emailunconf")
    assert browser.json("/networks/64500")[0] == 200
    assert bearer(browser, tokens_of(portal, browser)[0]).status_code == 200


def test_the_login_of_another_application_does_not_count(make_portal, make_config, sandbox):
    first = make_portal()
    other = sandbox.register(PORTAL + CALLBACK)
    second = make_portal(
        config=make_config(client_id=other.client_id, client_secret=other.client_secret)
    )
    browser, other = first.browser(), second.browser()
    browser.log_in("orgadmin")
    other.client.cookies.update(browser.client.cookies)
    assert other.json("/me") == (200, None)
    answer = bearer(other, tokens_of(first, browser)[0])
    assert (answer.status_code, "another application" in answer.text) == (401, True)


def test_the_page_after_a_logout_can_be_set(make_portal):
    browser = make_portal(home="/bye").browser()
    browser.log_in("member")
    assert browser.log_out().headers["Location"] == "/bye"


def test_logs_hold_no_secrets(portal, browser, caplog):
    with caplog.at_level(logging.DEBUG, "peeringdb_oauth"):
        browser.log_in("member")
        tokens = tokens_of(portal, browser)
        browser.get("/networks/64500")
        portal.sandbox.revoke_tokens()
        browser.get("/fresh")
    said = "".join(str(vars(record)) for record in caplog.records)
    assert "refused" in said
    assert not any(token in said for token in tokens)


# --- cookies --------------------------------------------------------------------------


def session_cookie(browser):
    return browser.client.cookies["__Host-session"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_genuine_session_counts_beside_a_planted_one(portal, browser, order):
    """Starlette takes the last cookie of a name, and removes spaces before it."""
    browser.log_in("member")
    attacker = portal.browser()
    attacker.log_in("orgadmin")
    pairs = [f"__Host-session={session_cookie(browser)}"]
    pairs.append(f"\xa0__Host-session={session_cookie(attacker)}")
    portal.app = in_latin_1(portal.app)
    answer = portal.browser().get("/me", Cookie="; ".join(pairs[::order]).encode())
    assert (answer.json()["id"], answer.headers.get_list("set-cookie")) == (2, [])


def test_a_planted_session_is_nobodys_and_never_becomes_genuine(portal):
    attacker = portal.browser()
    attacker.log_in("orgadmin")
    planted = f"\xa0__Host-session={session_cookie(attacker)}; __é=1"
    portal.app = in_latin_1(portal.app)
    answer = portal.browser().get("/me", Cookie=planted.encode())
    assert (answer.json(), answer.headers.get_list("set-cookie")) == (None, [])


def test_a_copied_cookie_counts_no_more_after_the_logout(browser):
    browser.log_in("member")
    copy = session_cookie(browser)
    browser.log_out()
    browser.client.cookies.clear()
    browser.client.cookies.set("__Host-session", copy)
    assert browser.json("/me") == (200, None)
    assert browser.get("/mfa").status_code == 302


def test_what_was_in_the_session_before_the_login_goes_if_it_is_not_named(make_portal):
    async def visit(request):
        before = sorted(request.session)
        request.session.update(lang="de", cart="of the attacker")
        return JSONResponse(before)

    def make_app(pdb):
        routes = [*pdb.routes, Route("/visit", visit)]
        return Starlette(routes=routes, middleware=[pdb.session_middleware])

    browser = make_portal(make_app, keep=["lang"]).browser()
    browser.get("/visit")
    browser.log_in("member")
    assert browser.json("/visit") == (200, ["lang", "peeringdb"])


def test_keep_takes_several_names(make_config):
    with pytest.raises(ConfigurationError, match="keep: must be several names"):
        PeeringDB(config=make_config(), keep="lang")


def test_shared_caches_may_not_keep_guarded_answers(browser):
    assert "Cache-Control" not in browser.get("/me").headers
    browser.log_in("orgadmin")
    for path in ("/networks/64500", "/two", "/fresh"):
        assert browser.get(path).headers["Cache-Control"] == "private"
    assert browser.get("/networks/64511").headers["Cache-Control"] == "no-store"


def test_failure_pages_cannot_be_framed(browser):
    headers = browser.get("/login/peeringdb/callback").headers
    assert (headers["X-Frame-Options"], headers["Content-Security-Policy"]) == (
        "DENY",
        "frame-ancestors 'none'",
    )
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == (
        "nosniff",
        "same-origin",
    )
