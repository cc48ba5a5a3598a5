"""Logins in a Flask application, from the first redirect to the logout."""

from functools import wraps

import pytest
from flask import session

from peeringdb_oauth import AccessDenied, AccessRule, ConfigurationError, ProviderError
from peeringdb_oauth.integrations.flask import current_user, logged_in, logged_out

PORTAL = "https://portal.test"
SECRET = "0123456789abcdef0123456789abcdef"


def test_login_returns_to_the_page_it_came_from(browser):
    wanted = browser.get("/as64500?tab=sessions")
    assert (wanted.status_code, wanted.location) == (
        302,
        "/login/peeringdb?next=/as64500%3Ftab%3Dsessions",
    )
    answer = browser.log_in("orgadmin", wanted.location)
    assert (answer.status_code, answer.location) == (302, "/as64500?tab=sessions")
    assert browser.page(answer.location) == (200, "Ada Admin changes AS64500")


def test_login_without_a_page_to_return_to_leads_home(browser):
    assert browser.log_in("member", "/login/peeringdb").location == "/"


def test_two_logins_at_a_time_return_to_their_own_pages(browser):
    first, second = (
        browser.start("/login/peeringdb?next=/first"),
        browser.start("/login/peeringdb?next=/second"),
    )
    assert browser.come_back("member", second).location == "/second"
    assert browser.come_back("member", first).location == "/first"


def test_page_says_that_the_login_was_cancelled(browser):
    answer = browser.log_in("member", "/login/peeringdb?next=/me", consent=False)
    assert browser.failure(answer) == (403, "You cancelled the login", [])
    assert 'href="/login/peeringdb?next=/me"' in answer.text
    assert browser.page() == (200, "Hello visitor")


def test_callback_in_another_browser_is_refused(portal, browser):
    victim = portal.browser()
    answer = victim.get(portal.sandbox.log_in("member", browser.start()))
    assert victim.failure(answer) == (400, "This login was not started here", [])
    assert victim.page() == (200, "Hello visitor")


def test_the_same_callback_leads_to_the_page_while_somebody_is_logged_in(portal, browser):
    callback = portal.sandbox.log_in("member", browser.start("/login/peeringdb?next=/me"))
    for _ in range(2):
        answer = browser.get(callback)
        assert (answer.status_code, answer.location) == (302, "/me")
    assert browser.page() == (200, "Hello Mel Member")
    browser.client.delete_cookie("__Host-session", domain="portal.test")
    assert browser.failure(browser.get(callback))[:2] == (400, "This login was used already")


def test_the_page_to_return_to_keeps_what_browsers_send_as_it_is(browser):
    long = browser.get("/as64500", query_string="q=" + "x" * 1500)
    assert long.location == "/login/peeringdb?next=/as64500"
    raw = "q={a|b}^\\caf\u00e9".encode().decode("latin-1")
    start = browser.get("/as64500", environ_overrides={"QUERY_STRING": raw}).location
    answer = browser.log_in("orgadmin", start)
    assert answer.location == "/as64500?q=%7Ba%7Cb%7D%5E%5Ccaf%C3%A9"


def test_a_request_in_the_background_starts_no_login(browser):
    background = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    for path in ("/as64500", "/login/peeringdb?next=/as64500"):
        answer = browser.get(path, accept="*/*", headers=background)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)
        assert answer.json["login_url"] == "/login/peeringdb?next=/as64500"


def test_head_does_not_use_a_callback(portal, browser):
    callback = portal.sandbox.log_in("member", browser.start())
    assert browser.client.head(callback, base_url=PORTAL).status_code == 405
    assert browser.get(callback).status_code == 302


def test_callback_with_two_states_is_refused(portal, browser):
    callback = portal.sandbox.log_in("member", browser.start())
    assert browser.get(f"{callback}&state=x").status_code == 400
    assert browser.page() == (200, "Hello visitor")


def test_callback_after_ten_minutes_is_refused(browser, clock):
    asked = browser.start()
    clock.now += 601
    assert browser.failure(browser.come_back("member", asked))[:2] == (
        400,
        "This login took too long",
    )
    assert browser.page() == (200, "Hello visitor")


def test_login_ends_when_its_token_expires(browser, clock):
    browser.log_in("member")
    clock.now += 36_000
    assert browser.get("/me").status_code == 302
    assert browser.page() == (200, "Hello visitor")


@pytest.mark.parametrize(
    ("person", "title", "reason"),
    [
        (
            "unverified",
            "PeeringDB has not verified your account",
            "PeeringDB has not verified your account",
        ),
        (
            "emailunconf",
            "Your email address is not confirmed",
            "your email address is not confirmed",
        ),
    ],
)
def test_unverified_user_is_refused(browser, person, title, reason):
    answer = browser.log_in(person)
    assert browser.failure(answer)[:2] == (403, title)
    assert reason in answer.text
    assert browser.page() == (200, "Hello visitor")


def test_rule_says_who_may_log_in(make_portal):
    browser = make_portal(rule=AccessRule(asn=64510)).browser()
    assert browser.failure(browser.log_in("member"))[2] == [
        "You are not affiliated with AS64510 at PeeringDB"
    ]
    assert browser.log_in("twoorgs", "/login/peeringdb?next=/me").location == "/me"


def test_hook_can_refuse_a_user(portal, browser):
    @portal.pdb.on_login
    def admit(user):
        raise AccessDenied(f"user {user.id} is no member")

    assert admit is not None
    assert browser.failure(browser.log_in("member")) == (
        403,
        "You have no access here",
        ["User 2 is no member"],
    )
    assert browser.page() == (200, "Hello visitor")


def test_hooks_are_called_in_order_and_can_be_coroutine_functions(portal, browser):
    called = []

    @portal.pdb.on_login
    def first(user):
        called.append(("first", user.name, bool(current_user)))

    @portal.pdb.on_login
    async def second(user):
        called.append(("second", user.name, bool(current_user)))

    browser.log_in("member")
    assert called == [("first", "Mel Member", False), ("second", "Mel Member", False)]


def test_hidden_coroutine_function_as_hook_is_refused(portal, browser):
    async def refuse(user):
        raise AccessDenied(f"never {user}")

    @portal.pdb.on_login
    @wraps(refuse)
    def timed(user):
        return refuse(user)

    assert browser.log_in("member").status_code == 500
    assert browser.page() == (200, "Hello visitor")


def test_login_of_another_user_clears_the_session(portal, browser, clock):
    portal.app.add_url_rule("/note", "note", lambda: session.setdefault("note", current_user.name))
    for end in (
        lambda: browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"}),
        lambda: setattr(clock, "now", clock.now + 36001),
    ):
        browser.log_in("member")
        assert browser.page("/note") == (200, "Mel Member")
        end()
        browser.log_in("orgadmin")
        assert browser.page("/note") == (200, "Ada Admin")
        browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})


def test_error_in_a_hook_is_not_hidden_and_nobody_is_logged_in(portal, browser):
    @portal.pdb.on_login
    def admit(_):
        raise ZeroDivisionError

    assert browser.log_in("member").status_code == 500
    assert browser.page() == (200, "Hello visitor")


def test_logout_ends_the_login_here_and_at_peeringdb(portal, browser):
    browser.log_in("member")
    _, refresh_token = browser.tokens()
    answer = browser.post("/logout", data={"peeringdb_csrf": browser.csrf_token()})
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser.page() == (200, "Hello visitor")
    with pytest.raises(ProviderError, match="invalid_grant"):
        portal.client.refresh(refresh_token)


@pytest.mark.parametrize("header", [{"Sec-Fetch-Site": "same-origin"}, {"X-PeeringDB-CSRF": None}])
def test_scripts_of_this_site_can_log_out(browser, header):
    browser.log_in("member")
    headers = {name: value or browser.csrf_token() for name, value in header.items()}
    assert browser.post("/logout", headers=headers).status_code == 303
    assert browser.page() == (200, "Hello visitor")


@pytest.mark.parametrize("form", [{}, {"peeringdb_csrf": "x"}])
def test_logout_by_another_site_is_refused(portal, browser, form):
    browser.log_in("member")
    assert browser.failure(browser.post("/logout", data=form))[:2] == (
        403,
        "This form cannot be accepted",
    )
    assert browser.page() == (200, "Hello Mel Member")
    assert portal.client.fetch_user(browser.tokens()[0]).name == "Mel Member"


def test_logout_by_a_link_is_impossible(browser):
    assert browser.get("/logout").status_code == 405


def test_cookies_of_an_https_site_are_bound_to_its_host(browser):
    [pending] = browser.get("/login/peeringdb").headers.getlist("Set-Cookie")
    assert pending.startswith("__Host-peeringdb-login-")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=600"} <= set(
        pending.split("; ")
    )
    answered, session = browser.log_in("member").headers.getlist("Set-Cookie")
    assert answered.startswith("__Host-peeringdb-login-")
    assert "Max-Age=600" in answered.split("; ")
    assert session.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(session.split("; "))


def test_cookies_of_a_site_on_loopback_need_no_tls(make_portal):
    browser = make_portal(base_url="http://localhost").browser()
    cookies = [
        *browser.get("/login/peeringdb").headers.getlist("Set-Cookie"),
        *browser.log_in("member").headers.getlist("Set-Cookie"),
    ]
    assert len(cookies) == 3
    assert [
        cookie
        for cookie in cookies
        if "Secure" in cookie or "HttpOnly" not in cookie or "SameSite=Lax" not in cookie
    ] == []


def test_cookie_flags_of_the_application_are_not_changed(make_portal):
    def set_up(app):
        app.config |= {"SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_SECURE": True}

    config = make_portal(base_url="http://localhost", set_up=set_up).app.config
    assert (config["SESSION_COOKIE_SAMESITE"], config["SESSION_COOKIE_SECURE"]) == ("None", True)


@pytest.mark.parametrize(
    ("settings", "base_url", "name"),
    [
        ({}, PORTAL, "__Host-session"),
        ({}, "http://localhost", "session"),
        ({"SESSION_COOKIE_NAME": "own"}, PORTAL, "own"),
        ({"SESSION_COOKIE_DOMAIN": "portal.test"}, PORTAL, "session"),
        ({"SESSION_COOKIE_PATH": "/portal"}, PORTAL, "session"),
        ({"APPLICATION_ROOT": "/portal"}, PORTAL, "session"),
        ({"SESSION_COOKIE_PATH": "/", "APPLICATION_ROOT": "/portal"}, PORTAL, "__Host-session"),
    ],
)
def test_session_cookie_has_a_name_that_no_other_host_can_set(
    make_portal, settings, base_url, name
):
    portal = make_portal(base_url=base_url, set_up=lambda app: app.config.update(settings))
    assert portal.app.config["SESSION_COOKIE_NAME"] == name


@pytest.mark.parametrize("value", ["Strict", "strict"])
def test_same_site_strict_is_refused(make_portal, value):
    """The browser would not send the session after the login: a circle."""
    with pytest.raises(ConfigurationError, match='SESSION_COOKIE_SAMESITE: must not be "Strict"'):
        make_portal(set_up=lambda app: app.config.update(SESSION_COOKIE_SAMESITE=value))


def test_what_was_in_the_session_before_the_login_goes_if_it_is_not_named(make_portal):
    portal = make_portal(keep=("lang",))
    portal.app.add_url_rule("/show", "show", lambda: sorted(session))

    @portal.app.get("/visit")
    def visit():
        session.permanent = True
        session.update(lang="de", cart="of the attacker")
        return "visited"

    browser = portal.browser()
    browser.get("/visit")
    browser.log_in("member")
    assert browser.get("/show").json == ["_permanent", "lang", "peeringdb"]


def test_keep_takes_several_names(make_portal):
    with pytest.raises(ConfigurationError, match="keep: must be several names"):
        make_portal(keep="lang")


def test_copied_cookie_counts_no_more_after_the_logout(browser):
    browser.log_in("member")
    copy = browser.client.get_cookie("__Host-session", domain="portal.test").value
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    browser.client.set_cookie("__Host-session", copy, domain="portal.test")
    assert browser.page() == (200, "Hello visitor")
    assert browser.get("/me").status_code == 302


def test_planted_cookie_with_a_strange_name_is_not_taken_for_the_session(make_portal):
    """Flask reads names as they are, so the genuine session counts."""
    portal = make_portal()
    victim, attacker = portal.browser(), portal.browser()
    victim.log_in("member")
    attacker.log_in("orgadmin")
    mine, theirs = (
        browser.client.get_cookie("__Host-session", domain="portal.test").value
        for browser in (victim, attacker)
    )
    cookies = f"__Host-session={mine}; \xa0__Host-session={theirs}; __\xe9=1"
    answer = portal.app.test_client(use_cookies=False).get(
        "/", base_url=PORTAL, environ_overrides={"HTTP_COOKIE": cookies}
    )
    assert (answer.text, answer.headers.getlist("Set-Cookie")) == ("Hello Mel Member", [])


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


def test_no_cookie_shows_a_token(browser):
    browser.log_in("member")
    tokens = browser.tokens()
    assert len(tokens) == 2
    assert all(token and token not in str(browser.session()) for token in tokens)


def test_answers_of_a_login_must_not_be_cached(browser):
    answers = [
        browser.get("/login/peeringdb"),
        browser.log_in("member"),
        browser.log_in("unverified"),
        browser.post("/logout"),
    ]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


def test_secret_key_can_be_changed_while_people_are_logged_in(make_portal):
    old = make_portal().browser()
    old.log_in("member")
    _, refresh_token = old.tokens()
    new = make_portal(
        secret_key=b"another-secret-of-32-characters!",
        set_up=lambda app: app.config.update(SECRET_KEY_FALLBACKS=[SECRET]),
    ).browser()
    new.client.set_cookie(
        "__Host-session",
        old.client.get_cookie("__Host-session", domain="portal.test").value,
        domain="portal.test",
    )
    assert new.page() == (200, "Hello Mel Member")
    assert new.post("/logout", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    # the sealed token could be opened, so it was revoked
    with pytest.raises(ProviderError, match="invalid_grant"):
        old.portal.client.refresh(refresh_token)


def test_log_names_an_address_that_is_not_the_configured_one(make_portal, caplog):
    browser = make_portal().browser()
    browser.portal.base_url = "http://192.0.2.1:8000"
    status, _, reasons = browser.failure(browser.get("/login/peeringdb/callback?code=x&state=y"))
    assert (status, reasons) == (400, [])
    here = "http://192.0.2.1:8000/login/peeringdb/callback"
    assert f"This page was asked for as {here}, and the redirect" in caplog.text
    assert f"the redirect URI is {PORTAL}/login/peeringdb/callback" in caplog.text


def test_template_of_the_application_replaces_the_failure_page(make_portal, tmp_path):
    (tmp_path / "peeringdb_oauth").mkdir()
    (tmp_path / "peeringdb_oauth" / "failure.html").write_text(
        "Sorry {{ page.status }} {{ page.code }} {{ peeringdb.login_url }}"
    )
    browser = make_portal(
        set_up=lambda app: setattr(app, "template_folder", str(tmp_path))
    ).browser()
    answer = browser.log_in("member", consent=False)
    assert (answer.status_code, answer.text) == (403, "Sorry 403 cancelled /login/peeringdb?next=/")


def test_the_pages_are_in_the_language_of_the_visitor(browser):
    answer = browser.get("/login/peeringdb/callback", headers={"Accept-Language": "de"})
    assert '<html lang="de">' in answer.text
    assert "Diese Anmeldung wurde nicht hier begonnen" in answer.text
    assert "Mit PeeringDB anmelden" in answer.text
    assert answer.headers["Content-Language"] == "de"
    assert "Accept-Language" in answer.headers["Vary"]


def test_the_language_can_be_fixed(make_portal):
    browser = make_portal(language="en").browser()
    answer = browser.get("/login/peeringdb/callback", headers={"Accept-Language": "de"})
    assert '<html lang="en">' in answer.text
    assert "This login was not started here" in answer.text
    assert "Accept-Language" not in answer.headers.get("Vary", "")


def test_the_page_for_another_account_has_two_steps(browser, sandbox):
    answer = browser.get("/login/peeringdb?next=/me&prompt=select_account")
    assert answer.status_code == 200
    assert f'href="{sandbox.url}/logout" target="_blank" rel="noopener"' in answer.text
    assert 'href="/login/peeringdb?next=/me&amp;prompt=login"' in answer.text


def test_page_says_that_peeringdb_is_not_available(portal, browser, caplog):
    asked = browser.start()
    callback = portal.sandbox.log_in("member", asked)
    portal.sandbox.fault("error_500", path="/oauth2/token/")
    assert browser.failure(browser.get(callback))[:2] == (502, "PeeringDB is not available")
    assert "TransportError" in caplog.text
    assert browser.page() == (200, "Hello visitor")


def test_application_under_a_path_with_a_prefix_for_the_login(make_portal):
    portal = make_portal(
        base_url=f"{PORTAL}/members", path="/auth/login/peeringdb/callback", url_prefix="auth/"
    )
    browser = portal.browser()
    wanted = browser.get("/me")
    assert wanted.location == "/members/auth/login/peeringdb?next=/members/me"
    answer = browser.log_in("member", "/auth/login/peeringdb?next=/members/me")
    assert answer.location == "/members/me"
    assert browser.page("/me")[0] == 200
    assert (
        browser.post("/auth/logout", headers={"Sec-Fetch-Site": "same-origin"}).location
        == "/members/"
    )


def test_signals_are_sent(portal, browser):
    browser.log_in("member")
    browser.get("/as64500")
    portal.sandbox.change("member", networks={64500: 15})
    browser.log_in("member", "/login/peeringdb?prompt=login")
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    told = [(name, event.kind, event.user.id, event.asn) for name, event in portal.events]
    assert told == [
        ("logged-in", "login", 2, None),
        ("login-refused", "refused", 2, 64500),
        ("session-ended", "session_ended", 2, None),
        ("logged-in", "login", 2, None),
        ("rights-changed", "rights_changed", 2, None),
        ("session-ended", "session_ended", 2, None),
        ("logged-out", "logout", 2, None),
    ]
    assert portal.events[1][1].reasons == ("AS64500: you may read this network but not update it",)
    changed = portal.events[4][1]
    assert (changed.previous.asns, changed.user.asns) == ((64500, 64501, 65550), (64500,))


def test_receiver_of_a_signal_sees_the_new_user(portal, browser):
    seen = []
    portal.app.before_request(lambda: seen.append(current_user.name if current_user else None))

    def receiver(_, event):
        seen.append((event.kind, current_user.name if current_user else None))

    with (
        logged_in.connected_to(receiver, portal.app),
        logged_out.connected_to(receiver, portal.app),
    ):
        browser.log_in("member")
        asked = browser.start()
        seen.clear()
        browser.come_back("orgadmin", asked)
        browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert seen == ["Mel Member", ("login", "Ada Admin"), "Ada Admin", ("logout", None)]


def test_receiver_of_a_signal_can_be_a_coroutine_function(portal, browser):
    seen = []

    async def receiver(_, event):
        seen.append(event.user.name)

    with logged_in.connected_to(receiver, portal.app):
        browser.log_in("member")
    assert seen == ["Mel Member"]
