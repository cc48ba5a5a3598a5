"""Login, callback and logout in a Django project, with its sessions and signals."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import translation
from reading import tokens_in

from peeringdb_oauth import AccessRule, ProviderError, TokenRejected

SIGNED_COOKIES = "django.contrib.sessions.backends.signed_cookies"


@pytest.fixture
def application():
    from peeringdb_oauth.integrations.django.application import application

    return application


@pytest.fixture
def tokens_of(application):
    """``tokens_of(visitor)``: the access token and the refresh token of a login.

    Only the application can read them: they are encrypted in the session.
    """

    def tokens_of(visitor):
        from django.conf import settings

        config = application().client.config
        return tokens_in(visitor.session["peeringdb"], config, settings.SECRET_KEY)

    return tokens_of


@pytest.fixture
def assert_dead(application):
    """``assert_dead(tokens)``: PeeringDB accepts neither of them."""

    def assert_dead(tokens):
        access_token, refresh_token = tokens
        with pytest.raises(TokenRejected):
            application().client.fetch_user(access_token)
        with pytest.raises(ProviderError, match="invalid_grant"):
            application().client.refresh(refresh_token)

    return assert_dead


def state_of(url):
    return parse_qs(urlsplit(url).query)["state"][0]


def test_a_login_returns_to_the_page_that_required_it(visitor):
    answer = visitor.get("/me?x=1&y=%C3%A4")
    assert (answer.status_code, answer["Location"]) == (
        302,
        "/login/peeringdb?next=/me%3Fx%3D1%26y%3D%25C3%25A4",
    )
    answer = visitor.log_in("member", "?next=/me%3Fx%3D1%26y%3D%25C3%25A4")
    assert (answer.status_code, answer["Location"], answer["Cache-Control"]) == (
        302,
        "/me?x=1&y=%C3%A4",
        "no-store",
    )
    assert visitor.get("/me").json() == {
        "id": 2,
        "name": "Mel Member",
        "asns": [64500, 64501, 65550],
        "amr": ["pwd", "otp", "mfa"],
        "account": "peeringdb-2",
    }


def test_a_login_without_next_goes_to_login_redirect_url(configure, make_visitor):
    configure(LOGIN_REDIRECT_URL="/account")
    assert make_visitor().log_in("member")["Location"] == "/account"


def test_login_redirect_url_may_be_the_name_of_a_view(configure, make_visitor):
    configure(LOGIN_REDIRECT_URL="admin:index")
    assert make_visitor().log_in("member")["Location"] == "/admin/"


def test_login_required_of_django_starts_the_login(visitor):
    answer = visitor.get("/account")
    assert answer["Location"] == "/login/peeringdb?next=/account"
    assert visitor.log_in("member", "?next=/account")["Location"] == "/account"
    assert visitor.get("/account").json() == {"username": "peeringdb-2"}


def test_login_and_logout_work_with_login_required_middleware(configure, make_visitor):
    settings = configure()
    middleware = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    configure(MIDDLEWARE=middleware)
    visitor = make_visitor()
    assert visitor.log_in("member", "?next=/me")["Location"] == "/me"
    assert visitor.get("/me").json()["id"] == 2
    token = visitor.client.cookies["csrftoken"].value
    assert visitor.post("/logout", token=token).status_code == 303
    assert visitor.post("/logout", token=token).status_code == 303, "logout itself needs no login"


def test_two_logins_in_one_browser_do_not_disturb_each_other(visitor):
    first = visitor.callback("member", "?next=/me")
    second = visitor.callback("member", "?next=/account")
    assert visitor.get(second)["Location"] == "/account"
    assert visitor.get(first)["Location"] == "/me"
    assert visitor.get("/me").json()["id"] == 2


@pytest.mark.parametrize(
    ("secure", "name", "at"),
    [
        (False, "peeringdb-login-", "http://localhost"),
        (True, "__Host-peeringdb-login-", "https://members.test"),
    ],
    ids=["http", "https"],
)
def test_the_login_cookie_has_the_right_flags(configure, make_visitor, secure, name, at):
    configure(REDIRECT_URI=f"{at}/login/peeringdb/callback")
    visitor = make_visitor()
    host = at.rpartition("/")[2]
    answer = visitor.client.get("/login/peeringdb", secure=secure, headers={"host": host})
    [cookie] = answer.cookies.values()
    assert cookie.key.startswith(name)
    flags = (
        cookie["path"],
        cookie["httponly"],
        cookie["samesite"],
        bool(cookie["secure"]),
        cookie["max-age"],
        cookie["domain"],
    )
    assert flags == ("/", True, "Lax", secure, 600, "")


def test_the_callback_keeps_the_login_cookie_for_ten_minutes(visitor):
    callback = visitor.callback("member")
    [name] = visitor.client.cookies
    cookie = visitor.get(callback).cookies[name]
    assert (cookie["max-age"], cookie["path"], cookie["httponly"]) == (600, "/", True)


def test_a_login_works_on_https(configure, make_visitor, pdb):
    configure(
        REDIRECT_URI="https://members.test/login/peeringdb/callback", SESSION_COOKIE_SECURE=True
    )
    client = make_visitor().client
    at = {"secure": True, "headers": {"host": "members.test"}}
    url = client.get("/login/peeringdb", **at)["Location"]
    parts = urlsplit(pdb.log_in("member", url))
    assert parts.netloc == "members.test"
    answer = client.get(f"{parts.path}?{parts.query}", **at)
    session = answer.cookies["sessionid"]
    assert (bool(session["secure"]), bool(session["httponly"]), session["samesite"]) == (
        True,
        True,
        "Lax",
    )
    assert client.get("/me", **at).json()["id"] == 2


def test_no_cookie_and_no_page_contains_a_secret(configure, make_visitor, tokens_of, application):
    configure(SESSION_ENGINE=SIGNED_COOKIES)
    visitor = make_visitor()
    callback = visitor.callback("member")
    [cookie] = visitor.client.cookies.values()
    verifier = application().flow._context.pending._open(cookie.value).request.code_verifier
    code = parse_qs(urlsplit(callback).query)["code"][0]
    answers = [
        visitor.get(callback),
        visitor.get("/"),
        visitor.get("/me"),
        visitor.get("/edit/64500"),
    ]
    shown = "".join(f"{answer.headers} {answer.cookies} {answer.content}" for answer in answers)
    # `visitor.session` decodes the session cookie.
    readable = json.dumps(visitor.session)
    assert visitor.session["peeringdb"]["user"][0] == 2
    secrets = [verifier, code, *tokens_of(visitor), application().client.config.client_secret]
    assert all(len(secret) >= 20 for secret in secrets)
    assert not [secret for secret in secrets if secret in shown + readable]


def test_each_login_gives_the_session_a_new_id_and_keeps_its_data(visitor):
    visitor.client.get("/form")
    session = visitor.client.session
    session["basket"] = "full"
    session.save()
    before = session.session_key
    visitor.client.cookies["sessionid"] = before
    visitor.log_in("member")
    first = visitor.client.session.session_key
    visitor.log_in("member")
    assert len({before, first, visitor.client.session.session_key}) == 3
    assert visitor.session["basket"] == "full", (
        "the visitor keeps the data of the time before the login"
    )
    from django.contrib.sessions.models import Session

    assert Session.objects.count() == 1


def test_a_login_of_another_person_clears_the_session(visitor):
    visitor.log_in("member")
    session = visitor.client.session
    session["basket"] = "full"
    session.save()
    visitor.log_in("orgadmin")
    assert "basket" not in visitor.session
    assert visitor.get("/me").json()["account"] == "peeringdb-1"


def test_a_login_changes_the_csrf_token(visitor):
    visitor.get("/form")
    before = visitor.client.cookies["csrftoken"].value
    visitor.log_in("member")
    assert visitor.client.cookies["csrftoken"].value != before


@pytest.mark.parametrize("method", ["post", "head", "put"])
@pytest.mark.parametrize("path", ["/login/peeringdb", "/login/peeringdb/callback"])
def test_login_and_callback_accept_get_only(visitor, method, path):
    """A program that checks a link with HEAD must not use up the login."""
    visitor.client.handler.enforce_csrf_checks = False
    assert getattr(visitor.client, method)(path).status_code == 405


def test_logout_refuses_get(visitor):
    visitor.log_in("member")
    assert visitor.get("/logout").status_code == 405
    assert visitor.get("/me").status_code == 200


def test_a_cancelled_login_is_refused_with_a_reason(visitor, watch, pdb):
    person = pdb.add_person("Never Mind")
    answer = visitor.get(visitor.callback(person.login, consent=False))
    assert answer.status_code == 403
    assert b"You cancelled the login" in answer.content
    assert (watch.kinds, watch.seen[0][1]["user"]) == (["login_refused"], None)


def test_a_forged_callback_is_refused(visitor, make_visitor):
    callback = make_visitor().callback("member")
    answer = visitor.get(callback)
    assert answer.status_code == 400
    assert b"This login was not started here" in answer.content
    assert visitor.get("/me").status_code == 302


def test_the_same_callback_leads_to_the_page_while_somebody_is_logged_in(visitor):
    callback = visitor.callback("member", "?next=/me")
    for _ in range(2):
        answer = visitor.get(callback)
        assert (answer.status_code, answer["Location"]) == (302, "/me")
    assert visitor.get("/me").json()["id"] == 2
    del visitor.client.cookies["sessionid"]
    answer = visitor.get(callback)
    assert answer.status_code == 400
    assert b"This login was used already" in answer.content


@pytest.mark.parametrize("is_async", [False, True])
def test_the_page_to_return_to_keeps_what_browsers_send_as_it_is(is_async):
    from django.contrib.sessions.backends.cache import SessionStore
    from django.test import AsyncRequestFactory, RequestFactory

    from peeringdb_oauth.integrations.django.visits import to_visit

    raw = "q={a|b}^\\caf\u00e9"
    if is_async:
        request = AsyncRequestFactory().get(f"/me?{raw}")
    else:
        request = RequestFactory().get("/me", QUERY_STRING=raw.encode().decode("latin-1"))
    request.session = SessionStore()
    assert to_visit(request).address == "/me?q=%7Ba%7Cb%7D%5E%5Ccaf%C3%A9"


def test_a_request_in_the_background_starts_no_login(visitor):
    background = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    for path in ("/me", "/login/peeringdb?next=/me"):
        answer = visitor.client.get(path, headers=background)
        assert (answer.status_code, dict(answer.cookies)) == (401, {})
        assert answer.json()["login_url"] == "/login/peeringdb?next=/me"


@pytest.mark.parametrize("logout", ["/logout", "/django-logout"])
def test_a_permission_that_is_missing_is_no_endless_circle(visitor, logout):
    wanted = visitor.get("/permitted")["Location"]
    assert wanted == "/login/peeringdb?next=/permitted"
    assert visitor.log_in("member", "?next=/permitted")["Location"] == "/permitted"
    assert visitor.get("/permitted")["Location"] == wanted
    answer = visitor.get(wanted)
    assert answer.status_code == 403
    assert b"You are logged in as Mel Member and may not see this page" in answer.content
    assert b'action="/logout"' in answer.content
    visitor.post(logout)
    assert visitor.get(wanted).status_code == 302


def test_head_does_not_use_a_callback(visitor):
    callback = visitor.callback("member")
    assert visitor.client.head(callback).status_code == 405
    assert visitor.get(callback).status_code == 302


def test_a_login_that_took_too_long_is_refused(clocked, make_visitor):
    visitor = make_visitor()
    callback = visitor.callback("member")
    clocked.ahead = 601
    answer = visitor.get(callback)
    assert answer.status_code == 400
    assert b"A login has to end within ten minutes" in answer.content


def test_a_callback_with_a_repeated_parameter_is_refused(visitor):
    callback = visitor.callback("member")
    assert visitor.get(f"{callback}&code=other").status_code == 400


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ("unverified", b"PeeringDB has not verified your account"),
        ("emailunconf", b"your email address is not confirmed"),
    ],
)
def test_an_unverified_person_reads_why_and_gets_no_account(visitor, watch, person, reason):
    from django.contrib.auth.models import User

    answer = visitor.log_in(person)
    assert answer.status_code == 403
    assert reason in answer.content
    assert visitor.get("/me").status_code == 302
    assert not User.objects.exists()
    assert watch.kinds == ["login_refused"]


def test_an_error_of_peeringdb_is_answered_with_502(visitor, pdb):
    callback = visitor.callback("member")
    pdb.fault("error_500", path="/profile/v1", times=1)
    answer = visitor.get(callback)
    assert answer.status_code == 502
    assert b"PeeringDB is not available" in answer.content


def test_a_request_for_json_is_answered_with_json(visitor):
    answer = visitor.get("/me", accept="application/json")
    assert (answer.status_code, answer["Cache-Control"]) == (401, "no-store")
    assert answer.json() == {
        "code": "logged_out",
        "title": "You are not logged in",
        "reasons": [],
        "advice": "Log in with PeeringDB to go on.",
        "login_url": "/login/peeringdb?next=/me",
    }


def test_the_log_names_an_address_that_differs_from_the_redirect_uri(visitor, caplog):
    answer = visitor.get("/login/peeringdb/callback?state=lost&code=abc", host="127.0.0.1")
    assert "http://127.0.0.1/login/peeringdb/callback" in caplog.text
    assert "http://localhost/login/peeringdb/callback" in caplog.text
    assert "/login/peeringdb/callback" not in answer.content.decode()


def test_logout_needs_the_csrf_token_of_django(visitor):
    visitor.log_in("member")
    assert visitor.post("/logout", token="wrong" * 8).status_code == 403
    assert visitor.get("/me").status_code == 200


def test_logout_needs_the_csrf_token_without_csrf_middleware_too(configure, make_visitor):
    settings = configure()
    configure(MIDDLEWARE=[one for one in settings.MIDDLEWARE if "Csrf" not in one])
    visitor = make_visitor()
    visitor.log_in("member")
    assert visitor.post("/logout", token="wrong" * 8).status_code == 403
    assert visitor.get("/me").status_code == 200
    assert (
        visitor.post("/logout", token="wrong" * 8, **{"sec-fetch-site": "same-origin"}).status_code
        == 403
    ), "the decision is that of Django"


@pytest.mark.parametrize("path", ["/logout", "/django-logout", "/leave"])
def test_every_logout_ends_both_logins_and_revokes_the_tokens_once(
    visitor, tokens_of, assert_dead, watch, path
):
    visitor.log_in("member")
    tokens = tokens_of(visitor)
    watch.seen.clear()
    answer = visitor.get(path) if path == "/leave" else visitor.post(path)
    assert answer.status_code in (200, 302, 303)
    assert watch.kinds == ["session_ended", "logged_out"]
    assert watch.seen[0][1]["event"].reason == "logout"
    assert_dead(tokens)
    assert visitor.get("/me").status_code == 302
    assert visitor.get("/account").status_code == 302
    assert visitor.session == {}


def test_a_logout_by_code_of_the_project_needs_no_csrf_token(
    visitor, tokens_of, assert_dead, watch
):
    """Such as a view that is exempt from Django's protection."""
    from django.contrib import auth
    from django.contrib.auth.models import User
    from django.test import RequestFactory

    visitor.log_in("member")
    tokens = tokens_of(visitor)
    request = RequestFactory().post("/", headers={"sec-fetch-site": "cross-site"})
    request.session, request.user = visitor.client.session, User.objects.get()
    auth.logout(request)
    assert watch.kinds == ["logged_in", "session_ended", "logged_out"]
    assert_dead(tokens)


def test_a_logout_goes_to_the_home_page(visitor):
    visitor.log_in("member")
    answer = visitor.post("/logout")
    assert (answer.status_code, answer["Location"], answer["Cache-Control"]) == (
        303,
        "/",
        "no-store",
    )


def test_a_logout_goes_to_logout_redirect_url(configure, make_visitor):
    configure(LOGOUT_REDIRECT_URL="admin:index")
    visitor = make_visitor()
    visitor.log_in("member")
    assert visitor.post("/logout")["Location"] == "/admin/"


def test_a_logout_that_cannot_revoke_the_tokens_says_so_in_its_event(visitor, pdb, watch):
    visitor.log_in("member")
    pdb.fault("error_500", path="/oauth2/revoke_token/", times=1)
    assert visitor.post("/logout").status_code == 303
    name, sent = watch.seen[-1]
    assert name == "logged_out"
    assert sent["event"].reasons[0].startswith("PeeringDB could not be told")
    assert visitor.get("/me").status_code == 302


def test_a_logout_of_a_local_account_works_with_wrong_settings(configure, make_visitor, watch):
    """It sends no signal and reads no setting of ours."""
    from django.contrib.auth.models import User

    configure(REDIRECT_URI="nonsense")
    visitor = make_visitor()
    visitor.client.force_login(
        User.objects.create(username="local"), backend="django.contrib.auth.backends.ModelBackend"
    )
    assert visitor.post("/django-logout").status_code == 302
    assert watch.seen == []


def test_signals_carry_the_request_the_event_and_the_user(visitor, watch):
    from peeringdb_oauth.web import Event

    visitor.log_in("orgadmin")
    visitor.get("/named/64511")
    visitor.post("/logout")
    assert watch.kinds == ["logged_in", "login_refused", "session_ended", "logged_out"]
    for _, sent in watch.seen:
        assert (sent["sender"], sent["user"].id, sent["event"].user.id) == (Event, 1, 1)
    (_, arrived), (_, refused), *_ = watch.seen
    assert (arrived["request"].path, arrived["request"].user.username) == (
        "/login/peeringdb/callback",
        "peeringdb-1",
    )
    assert (refused["event"].asn, refused["event"].reasons) == (
        64511,
        ("You are not affiliated with AS64511 at PeeringDB",),
    )


def test_long_lists_of_networks_work_with_every_session_engine(configure, make_visitor):
    for engine in (
        SIGNED_COOKIES,
        "django.contrib.sessions.backends.db",
        "django.contrib.sessions.backends.cache",
    ):
        configure(SESSION_ENGINE=engine)
        visitor = make_visitor()
        visitor.log_in("manynets")
        assert len(visitor.client.cookies["sessionid"].value) < 4000
        assert len(visitor.get("/me").json()["asns"]) == 300


@pytest.mark.parametrize(
    ("engine", "in_session"),
    [(SIGNED_COOKIES, 0), ("django.contrib.sessions.backends.db", 300)],
    ids=["in cookies", "on the server"],
)
def test_only_a_session_on_the_server_has_room_for_a_long_list_of_networks(
    configure, make_visitor, engine, in_session
):
    configure(SESSION_ENGINE=engine)
    visitor = make_visitor()
    visitor.log_in("manynets")
    *_, networks = visitor.session["peeringdb"]["user"]
    assert len(networks) == in_session


def test_a_missing_second_factor_is_asked_for_once_and_then_refused(visitor):
    visitor.log_in("member", second_factor="backup")
    answer = visitor.get("/mfa")
    assert (answer.status_code, answer["Location"]) == (
        302,
        "/login/peeringdb?next=/mfa&prompt=login",
    )
    visitor.log_in("member", "?next=/mfa&prompt=login", second_factor="backup")
    answer = visitor.get("/mfa")
    assert answer.status_code == 403
    assert b"without a second factor" in answer.content
    visitor.log_in("member", "?next=/mfa&prompt=login")
    assert visitor.get("/mfa").content == b"with a second factor"


def test_a_login_rule_with_mfa_asks_once_for_the_second_factor(configure, make_visitor):
    configure(RULE=AccessRule(mfa=True))
    visitor = make_visitor()
    visitor.log_in("member")
    answer = visitor.log_in("member", "?next=/me", second_factor="backup")
    assert answer["Location"] == "/login/peeringdb?next=/me&prompt=login"
    assert visitor.get("/account").status_code == 302, (
        "until then Django has nobody logged in either"
    )
    assert (
        visitor.log_in("member", "?next=/me&prompt=login", second_factor="backup").status_code
        == 403
    )


@pytest.mark.parametrize("person", ["themselves", "somebody else"])
def test_the_refusal_page_does_not_name_the_person_logged_in_before(
    configure, make_visitor, pdb, person, tmp_path
):
    (tmp_path / "peeringdb_oauth").mkdir()
    (tmp_path / "peeringdb_oauth" / "failure.html").write_text(
        "{{ user.username|default:'nobody' }}: {{ page.title }}"
    )
    settings = configure()
    configure(
        TEMPLATES=[settings.TEMPLATES[0] | {"DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
    )
    visitor = make_visitor()
    before = pdb.add_person("Once Verified").login
    visitor.log_in(before)
    pdb.change(before, verified_user=False)
    answer = visitor.log_in(before if person == "themselves" else "unverified")
    assert answer.content == b"nobody: PeeringDB has not verified your account"
    assert "peeringdb" not in visitor.session
    assert visitor.get("/account").status_code == 302


def test_a_project_can_replace_the_templates(configure, make_visitor, tmp_path):
    (tmp_path / "peeringdb_oauth").mkdir()
    (tmp_path / "peeringdb_oauth" / "failure.html").write_text(
        "{{ page.status }} {{ page.title }} {{ peeringdb.login_url }}"
    )
    settings = configure()
    configure(
        TEMPLATES=[settings.TEMPLATES[0] | {"DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
    )
    answer = make_visitor().get("/login/peeringdb/callback?state=forged")
    assert answer.content.startswith(b"400 This login was not started here /login/peeringdb?next=/")


def test_the_pages_are_in_the_active_language_of_django(visitor):
    with translation.override("de"):
        answer = visitor.get("/login/peeringdb/callback")
        page = visitor.get("/").content.decode()
    assert '<html lang="de">' in answer.content.decode()
    assert "Diese Anmeldung wurde nicht hier begonnen" in answer.content.decode()
    assert answer["Content-Language"] == "de"
    assert "Mit PeeringDB anmelden" in page


@pytest.mark.parametrize("active", [None, "en-us", "fr"])
def test_the_header_does_not_decide_about_the_language_in_django(visitor, active):
    with translation.override(active):
        answer = visitor.get("/login/peeringdb/callback", accept_language="de")
    assert "This login was not started here" in answer.content.decode()
    assert answer["Content-Language"] == "en"
    assert "Accept-Language" not in answer.get("Vary", "")


def test_the_page_for_another_account_has_two_steps(visitor, pdb):
    answer = visitor.get("/login/peeringdb?next=/me&prompt=select_account")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert f'href="{pdb.url}/logout" target="_blank" rel="noopener"' in page
    assert 'href="/login/peeringdb?next=/me&amp;prompt=login"' in page


def test_the_buttons_work_in_pages_of_the_project(visitor):
    assert b'href="/login/peeringdb?next=/"' in visitor.get("/").content
    visitor.log_in("member")
    page = visitor.get("/").content.decode()
    assert "Mel Member as peeringdb-2" in page
    assert 'action="/logout"' in page
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert visitor.post("/logout", token=token).status_code == 303
    assert b"/login/peeringdb" in visitor.get("/").content


@pytest.mark.usefixtures("visitor")
def test_a_page_without_the_buttons_does_not_read_the_session():
    from django.test import RequestFactory

    from peeringdb_oauth.integrations.django.context_processors import peeringdb

    assert set(peeringdb(RequestFactory().get("/"))) == {"peeringdb"}, (
        "this request has no session at all"
    )


def test_the_login_works_below_a_path(configure, make_visitor, pdb):
    """As behind a proxy that serves the project at /members."""
    from django.urls import get_script_prefix, set_script_prefix

    redirect_uri = "http://localhost/members/login/peeringdb/callback"
    application = pdb.register(redirect_uri)
    configure(
        REDIRECT_URI=redirect_uri,
        CLIENT_ID=application.client_id,
        CLIENT_SECRET=application.client_secret,
    )
    prefix = get_script_prefix()
    set_script_prefix("/members/")  # as the server does
    visitor = make_visitor(SCRIPT_NAME="/members")
    try:
        assert visitor.get("/me")["Location"] == "/members/login/peeringdb?next=/members/me"
        callback = visitor.callback("member", "?next=/members/me").removeprefix("/members")
        assert visitor.get(callback)["Location"] == "/members/me"
        assert visitor.get("/me").json()["id"] == 2
        assert visitor.post("/logout")["Location"] == "/members/"
    finally:
        set_script_prefix(prefix)


# --- cookies that another host has planted --------------------------------------------


@pytest.fixture
def on_https(configure):
    """The session's cookie has a name that no other host can set."""
    return configure(
        REDIRECT_URI="https://members.test/login/peeringdb/callback",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_NAME="__Host-session",
    )


@pytest.fixture
def session_of(on_https, make_visitor, pdb):  # noqa: ARG001 - sets up the settings
    """``session_of("member")``: the session key of somebody who has logged in."""

    def session_of(person):
        client = make_visitor().client
        url = client.get("/login/peeringdb", **AT)["Location"]
        parts = urlsplit(pdb.log_in(person, url))
        client.get(f"{parts.path}?{parts.query}", **AT)
        return client.cookies["__Host-session"].value

    return session_of


AT = {"secure": True, "headers": {"host": "members.test"}}


def get_with(make_visitor, cookies, path="/me"):
    """A page for a browser that sends this header, as WSGI servers decode it."""
    return make_visitor().client.get(path, HTTP_COOKIE=cookies.encode().decode("latin-1"), **AT)


@pytest.mark.parametrize("space", ["\xa0", "\u2000", "\u3000"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_genuine_session_counts_beside_a_planted_one(session_of, make_visitor, space, order):
    mine, theirs = session_of("member"), session_of("orgadmin")
    pairs = [f"__Host-session={mine}", f"{space}__Host-session={theirs}"]
    answer = get_with(make_visitor, "; ".join(pairs[::order]))
    assert answer.json()["id"] == 2
    assert dict(answer.cookies) == {}
    for key in (mine, theirs):
        assert get_with(make_visitor, f"__Host-session={key}").status_code == 200


def test_a_planted_session_is_nobodys_and_stays_in_the_database(session_of, make_visitor):
    theirs = session_of("orgadmin")
    for path in ("/me", "/account"):
        answer = get_with(make_visitor, f"\u2000__Host-session={theirs}", path)
        assert answer.status_code == 302
        assert "__Host-session" not in answer.cookies
    assert get_with(make_visitor, f"__Host-session={theirs}").json()["id"] == 1


def test_a_foreign_cookie_with_a_strange_name_logs_nobody_out(session_of, make_visitor):
    mine = session_of("member")
    for _ in range(2):
        answer = get_with(make_visitor, f"__é=1; __Host-session={mine}; \u2000__Host-x=1")
        assert answer.json()["id"] == 2


def test_two_sessions_of_the_same_name_are_nobodys(session_of, make_visitor):
    """No browser has them."""
    mine, theirs = session_of("member"), session_of("orgadmin")
    cookies = f"__Host-session={mine}; __Host-session={theirs}"
    assert get_with(make_visitor, cookies).status_code == 302
    assert get_with(make_visitor, cookies, "/account").status_code == 302


def test_without_our_middleware_a_planted_session_is_nobodys_too(
    session_of, make_visitor, configure, on_https
):
    theirs = session_of("orgadmin")
    configure(
        REDIRECT_URI="https://members.test/login/peeringdb/callback",
        MIDDLEWARE=[one for one in on_https.MIDDLEWARE if "PeeringDB" not in one],
    )
    assert get_with(make_visitor, f"\u2000__Host-session={theirs}").status_code == 302
    assert get_with(make_visitor, f"__Host-session={theirs}").json()["id"] == 1


def test_a_planted_csrf_cookie_does_not_count(make_visitor, configure):
    configure(
        REDIRECT_URI="https://members.test/login/peeringdb/callback",
        CSRF_COOKIE_NAME="__Host-csrftoken",
    )
    token = "a" * 32
    answer = make_visitor().client.post(
        "/logout",
        {"csrfmiddlewaretoken": token},
        HTTP_COOKIE=f"\xa0__Host-csrftoken={token}",
        secure=True,
        headers={"host": "members.test", "origin": "https://members.test"},
    )
    assert answer.status_code == 403


def test_forms_have_the_token_of_the_genuine_csrf_cookie(make_visitor, configure):
    configure(
        REDIRECT_URI="https://members.test/login/peeringdb/callback",
        CSRF_COOKIE_NAME="__Host-csrftoken",
    )
    genuine = f"__Host-csrftoken={'a' * 32}"
    planted = f"\u2000__Host-csrftoken={'b' * 32}"
    assert "__Host-csrftoken" in get_with(make_visitor, planted, "/form").cookies
    page = str(get_with(make_visitor, f"{genuine}; {planted}", "/form").content)
    answer = make_visitor().client.post(
        "/logout",
        {"csrfmiddlewaretoken": page.partition('value="')[2].partition('"')[0]},
        HTTP_COOKIE=genuine,
        secure=True,
        headers={"host": "members.test", "origin": "https://members.test"},
    )
    assert answer.status_code == 303


def test_another_middleware_may_have_asked_for_the_account(
    session_of, make_visitor, configure, on_https
):
    theirs = session_of("orgadmin")
    middleware = list(on_https.MIDDLEWARE)
    middleware.insert(-1, "members_area.middleware.asks_for_the_account")
    configure(REDIRECT_URI="https://members.test/login/peeringdb/callback", MIDDLEWARE=middleware)
    for path in ("/me", "/account"):
        answer = get_with(make_visitor, f"\u2000__Host-session={theirs}", path)
        assert answer.status_code == 302


def test_a_copied_cookie_counts_no_more_after_the_logout(configure, make_visitor):
    configure(SESSION_ENGINE=SIGNED_COOKIES)
    visitor = make_visitor()
    visitor.log_in("member")
    copy = visitor.client.cookies["sessionid"].value
    assert visitor.post("/logout").status_code == 303
    visitor.client.cookies["sessionid"] = copy
    assert visitor.get("/account").status_code == 302
    visitor.client.cookies["sessionid"] = copy
    assert visitor.get("/me").status_code == 302


# --- headers --------------------------------------------------------------------------


def test_failure_pages_cannot_be_framed(visitor):
    answer = visitor.get("/login/peeringdb/callback")
    assert (answer["X-Frame-Options"], answer["Content-Security-Policy"]) == (
        "DENY",
        "frame-ancestors 'none'",
    )
    assert (answer["X-Content-Type-Options"], answer["Referrer-Policy"]) == (
        "nosniff",
        "same-origin",
    )


def test_shared_caches_may_not_keep_guarded_pages(visitor):
    visitor.log_in("orgadmin")
    assert [visitor.get(path)["Cache-Control"] for path in ("/me", "/edit/64500")] == [
        "private",
        "private",
    ]
    assert not visitor.get("/").has_header("Cache-Control")
