import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.answer_builder import AnswerBuilder, Paths
from peeringdb_oauth.web.failures import FORGED, LOGGED_OUT, LOGIN_ENDED, NO_COOKIE, UNAVAILABLE
from peeringdb_oauth.web.languages import LABELS, choose
from peeringdb_oauth.web.style_sheet import STYLE_SHEET_VERSION
from peeringdb_oauth.web.visit import Answer, Cookie, Page, Visit

REDIRECT_URI = "https://portal.example.net/login/peeringdb/callback"
PEERINGDB = "https://auth.peeringdb.com"
BUILDER = AnswerBuilder(redirect_uri=REDIRECT_URI, base_url=PEERINGDB)
BECAUSE = Reason("Because.", code="no_port", asn=64500)


def visit(path="/networks/64500", **changes):
    fields = {
        "method": "GET",
        "origin": "https://portal.example.net",
        "root": "",
        "path": path,
        "query_string": "",
        "query": {},
        "headers": {"Accept": "text/html,*/*;q=0.8"},
        "cookie_header": "",
        "cookies": {},
        "session": {},
        "session_cookie": None,
        "rotate": lambda: None,
    }
    return Visit(**fields | changes)


PROGRAM = {"Accept": "application/json"}
SCRIPT = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
LOGIN = "/login/peeringdb"


def page(**fields):
    """A page in English that names nothing but a login that leads home."""
    defaults = {
        "status": 200,
        "reasons": (),
        "login_url": f"{LOGIN}?next=/",
        "other_account_url": f"{LOGIN}?next=/&prompt=select_account",
        "style_url": f"{LOGIN}/style.css?{STYLE_SHEET_VERSION}",
        "language": "en",
        "labels": LABELS,
    }
    return Page(**defaults | fields)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        REDIRECT_URI,
        "https://portal.example.net/behind/a/prefix/login/peeringdb/callback",
        f"{REDIRECT_URI}?tenant=1",
    ],
)
def test_takes_a_redirect_uri_that_leads_to_the_callback(redirect_uri):
    assert (
        AnswerBuilder(redirect_uri=redirect_uri, base_url=PEERINGDB).origin
        == "https://portal.example.net"
    )


@pytest.mark.parametrize(
    "redirect_uri",
    ["https://portal.example.net/callback", f"{REDIRECT_URI}/", "https://portal.example.net"],
)
def test_the_error_for_a_wrong_redirect_uri_says_what_to_set(redirect_uri):
    with pytest.raises(ConfigurationError) as refused:
        AnswerBuilder(redirect_uri=redirect_uri, base_url=PEERINGDB)
    [problem] = refused.value.problems
    assert problem == (
        "redirect_uri: must end in /login/peeringdb/callback, where this application takes"
        " callbacks, such as https://portal.example.net/login/peeringdb/callback; set it"
        " (PEERINGDB_OAUTH_REDIRECT_URI), and register the same at PeeringDB"
    )


def test_a_redirect_uri_may_be_encoded():
    paths = Paths(callback="/zurück")
    AnswerBuilder(
        redirect_uri="https://portal.example.net/zur%C3%BCck", base_url=PEERINGDB, paths=paths
    )


def test_refuses_a_language_without_a_catalogue():
    with pytest.raises(ConfigurationError, match="language: must be None or one of en, de"):
        AnswerBuilder(redirect_uri=REDIRECT_URI, base_url=PEERINGDB, language="xx")


FAILURE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
IN_ENGLISH = {"Content-Language": "en", "Vary": "Accept-Language"}


def test_a_page_that_is_opened_with_get_only_says_so():
    assert BUILDER.wrong_method(visit(method="HEAD")) == Answer(
        status=405,
        headers={"Cache-Control": "no-store", "Allow": "GET"} | IN_ENGLISH,
        json={
            "code": "wrong_method",
            "title": "This page is opened with GET only",
            "reasons": [],
            "advice": "Follow a link to it.",
            "login_url": None,
        },
    )


def test_a_redirect_must_not_be_cached():
    answer = BUILDER.redirect("/x")
    assert (answer.status, answer.location, answer.headers, answer.page, answer.json) == (
        302,
        "/x",
        {"Cache-Control": "no-store"},
        None,
        None,
    )


def test_a_redirect_sets_cookies_and_may_follow_a_form():
    cookies = (Cookie(name="a", value="b", max_age=60, secure=True),)
    answer = BUILDER.redirect("/x", cookies=cookies, status=303)
    assert (answer.status, answer.cookies) == (303, cookies)


@pytest.mark.parametrize(
    ("name", "account", "home_url"),
    [("Ada Admin", "You are logged in as Ada Admin.", "/"), (None, "", None)],
)
def test_the_page_for_another_account_leads_over_the_logout_of_peeringdb(name, account, home_url):
    assert BUILDER.other_account(visit(), "/networks/64500", name) == Answer(
        status=200,
        headers=FAILURE_HEADERS | IN_ENGLISH,
        page=page(
            template="peeringdb_oauth/other_account.html",
            title="Use another PeeringDB account",
            advice="PeeringDB remembers who is logged in there. So log out there first.",
            login_url=f"{LOGIN}?next=/networks/64500&prompt=login",
            other_account_url=f"{LOGIN}?next=/networks/64500&prompt=select_account",
            peeringdb_logout_url="https://auth.peeringdb.com/logout",
            account=account,
            home_url=home_url,
        ),
    )


@pytest.mark.parametrize(
    ("name", "title"),
    [("Ada Admin", "You are logged in as Ada Admin"), (None, "You are not logged in")],
)
def test_the_status_page_says_who_is_logged_in(name, title):
    assert BUILDER.status(visit(), name) == Answer(
        status=200,
        headers=FAILURE_HEADERS | IN_ENGLISH,
        page=page(
            template="peeringdb_oauth/status.html",
            title=title,
            advice="",
            home_url=None,
            offers_login=name is None,
            offers_logout=name is not None,
        ),
    )
    assert BUILDER.status(visit(headers=PROGRAM), name) == Answer(
        status=200,
        headers={"Cache-Control": "no-store"} | IN_ENGLISH,
        json={"logged_in": name is not None, "title": title},
    )


@pytest.mark.parametrize(
    ("user", "said", "form_url"),
    [
        (None, "Your account ada is not connected to PeeringDB.", "/connect/peeringdb"),
        (
            User(id=7, name="Ada Admin"),
            "Your account ada is connected to Ada Admin at PeeringDB (number 7).",
            "/disconnect/peeringdb",
        ),
        (
            User(id=7),
            "Your account ada is connected to user 7 at PeeringDB (number 7).",
            "/disconnect/peeringdb",
        ),
    ],
)
def test_the_page_about_a_connection_makes_it_or_ends_it(user, said, form_url):
    assert BUILDER.connection(visit(root="/portal"), account="ada", user=user) == Answer(
        status=200,
        headers=FAILURE_HEADERS | IN_ENGLISH,
        page=page(
            template="peeringdb_oauth/connection.html",
            title="Your account and PeeringDB",
            advice=said,
            login_url="",
            other_account_url="",
            home_url="/portal/",
            form_url=f"/portal{form_url}",
            is_connected=user is not None,
            style_url=f"/portal{LOGIN}/style.css?{STYLE_SHEET_VERSION}",
        ),
    )


def test_the_page_about_a_connection_is_below_the_mount():
    assert BUILDER.connection_url(visit(root="/portal")) == "/portal/connect/peeringdb"


def test_a_page_of_the_application_has_its_own_template_and_labels():
    made = BUILDER.page(
        visit(),
        "gateway/help.html",
        "Log in with PeeringDB",
        "You are not logged in",
        name="Ada Admin",
        return_path="/x",
        labels={"again": "Log in again"},
    )
    assert made == Answer(
        status=200,
        headers=FAILURE_HEADERS | IN_ENGLISH,
        page=page(
            template="gateway/help.html",
            title="Log in with PeeringDB",
            advice="You are not logged in",
            login_url=f"{LOGIN}?next=/x",
            other_account_url=f"{LOGIN}?next=/x&prompt=select_account",
            peeringdb_logout_url="https://auth.peeringdb.com/logout",
            account="You are logged in as Ada Admin.",
            home_url="/",
            labels=LABELS | {"again": "Log in again"},
        ),
    )


def test_a_page_of_the_application_names_nobody_and_leads_home_unless_told_otherwise():
    made = BUILDER.page(visit(), "help.html", "Help", "Read it.").page
    assert (made.account, made.login_url, made.labels) == ("", f"{LOGIN}?next=/", LABELS)


def test_a_page_of_the_application_is_in_the_language_of_the_visitor():
    title, advice, label = "Log in again", "Log out", "Back to the start page"
    german = visit(headers={"Accept-Language": "de"})
    made = BUILDER.page(german, "help.html", title, advice, name="Ada", labels={"back": label})
    assert (made.page.title, made.page.advice) == ("Neu anmelden", "Abmelden")
    assert made.page.account == "Sie sind als Ada angemeldet."
    assert made.page.labels["back"] == made.page.labels["start_page"] != label
    assert made.headers["Content-Language"] == made.page.language == "de"


@pytest.mark.parametrize(
    ("logged_in", "name", "account"),
    [
        (True, "Ada Admin", "You are logged in as Ada Admin."),
        (False, "Ada Admin", "PeeringDB knows you as Ada Admin."),
        (False, "", ""),
    ],
)
def test_a_page_names_the_account_and_offers_the_logout(logged_in, name, account):
    page = BUILDER.failure(visit(), FORGED, logged_in=logged_in, name=name).page
    assert (page.account, page.offers_logout) == (account, logged_in)


def test_a_person_gets_a_page_with_links():
    answer = BUILDER.failure(
        visit(), FORGED, (BECAUSE,), logged_in=True, headers={"Retry-After": "3"}
    )
    assert (answer.status, answer.location) == (403, None)
    assert answer.headers == FAILURE_HEADERS | IN_ENGLISH | {"Retry-After": "3"}
    assert answer.page == page(
        status=403,
        code="form_refused",
        title=FORGED.title,
        reasons=(BECAUSE,),
        advice=FORGED.advice,
        login_url=f"{LOGIN}?next=/networks/64500&prompt=login",
        other_account_url=f"{LOGIN}?next=/networks/64500&prompt=select_account",
        home_url="/",
        offers_login=False,
        offers_logout=True,
    )


def test_a_failure_may_lead_to_another_page():
    made = BUILDER.failure(visit(), LOGGED_OUT, logged_in=False, return_path="/x").page
    assert made.login_url == f"{LOGIN}?next=/x"
    assert made.other_account_url == f"{LOGIN}?next=/x&prompt=select_account"


def test_the_page_has_no_link_home_for_people_who_are_not_logged_in():
    assert BUILDER.failure(visit(), FORGED, logged_in=False).page.home_url is None


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("text/html,application/xhtml+xml,application/json;q=0.1", True),
        ("*/*", True),
        ("", True),
        ("application/json", False),
        ("application/problem+json", False),
    ],
)
def test_a_program_gets_json(accept, is_page):
    answer = BUILDER.failure(visit(headers={"Accept": accept}), FORGED, (BECAUSE,), logged_in=False)
    assert (answer.page is not None) == is_page
    expected = {
        "code": "form_refused",
        "title": FORGED.title,
        "reasons": [{"code": "no_port", "asn": 64500, "text": "Because."}],
        "advice": FORGED.advice,
        "login_url": "/login/peeringdb?next=/networks/64500",
    }
    assert answer.json == expected  # also beside a page, for Flask-RESTX
    assert (answer.status, answer.headers) == (403, FAILURE_HEADERS | IN_ENGLISH)


@pytest.mark.parametrize(
    "headers",
    [
        SCRIPT,
        {"Accept": "text/html", "HX-Request": "true"},
        {"Accept": "text/html", "X-Requested-With": "XMLHttpRequest"},
    ],
)
def test_a_script_of_a_page_gets_json(headers):
    answer = BUILDER.failure(visit(headers=headers), FORGED, logged_in=False)
    assert (answer.page, answer.json["code"]) == (None, "form_refused")


def test_a_request_without_accept_gets_a_page():
    assert BUILDER.failure(visit(headers={}), FORGED, logged_in=False).page


def test_a_page_that_needs_a_login_redirects_to_it():
    answer = BUILDER.ask_to_log_in(visit(query_string="q=a%20b&page=2"))
    assert (answer.status, answer.location) == (
        302,
        "/login/peeringdb?next=/networks/64500%3Fq%3Da%2520b%26page%3D2",
    )


@pytest.mark.parametrize("changes", [{"method": "POST"}, {"headers": PROGRAM}])
def test_forms_and_programs_get_401_instead_of_a_redirect(changes):
    answer = BUILDER.ask_to_log_in(visit(**changes))
    assert (answer.status, answer.location) == (401, None)
    assert answer.page or answer.json


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_no_person_opens_gets_401_as_json(method):
    answer = BUILDER.ask_to_log_in(visit(method=method, headers=SCRIPT))
    assert (answer.status, answer.location, answer.page) == (401, None, None)
    assert answer.headers == {"Cache-Control": "no-store"} | IN_ENGLISH
    back = "/networks/64500" if method == "GET" else "/"
    assert answer.json == {
        "code": "logged_out",
        "title": "You are not logged in",
        "reasons": [],
        "advice": "Log in with PeeringDB to go on.",
        "login_url": f"/login/peeringdb?next={back}",
    }


def test_htmx_is_told_where_the_person_can_log_in():
    headers = {"HX-Request": "true", "HX-Current-URL": "/networks/64500?tab=2"}
    answer = BUILDER.ask_to_log_in(visit("/fragment", headers=headers))
    assert (answer.status, answer.location) == (401, None)
    assert (
        answer.headers
        == {"Cache-Control": "no-store", "HX-Redirect": f"{LOGIN}?next=/networks/64500%3Ftab%3D2"}
        | IN_ENGLISH
    )


def test_a_part_of_a_page_may_name_where_the_login_leads():
    answer = BUILDER.ask_to_log_in(visit("/part", headers={"HX-Request": "true"}), "/x")
    assert answer.json["login_url"] == answer.headers["HX-Redirect"] == f"{LOGIN}?next=/x"


def test_a_form_that_cannot_be_sent_a_second_time_gets_a_page():
    answer = BUILDER.ask_to_log_in(visit(method="POST"))
    assert (answer.page.code, answer.page.offers_logout) == ("logged_out", False)


@pytest.mark.parametrize(
    ("name", "status", "code", "title", "home_url"),
    [
        (None, 400, "no_cookie", NO_COOKIE.title, None),
        ("Ada", 403, "wrong_account", "You are logged in as Ada and may not see this page", "/"),
    ],
)
def test_a_circle_of_logins_ends_at_a_page_with_the_reason(*, name, status, code, title, home_url):
    answer = BUILDER.brake(visit(LOGIN), "/x", name)
    made = answer.page
    assert (answer.status, made.code, made.title, made.home_url) == (status, code, title, home_url)
    assert made.login_url == f"{LOGIN}?next=/x&prompt=login"
    assert made.other_account_url == f"{LOGIN}?next=/x&prompt=select_account"
    assert (made.offers_login, made.offers_logout) == (name is None, name is not None)


@pytest.mark.parametrize(("name", "code"), [(None, "no_cookie"), ("Ada", "wrong_account")])
def test_a_program_in_a_circle_of_logins_gets_json(name, code):
    answer = BUILDER.brake(visit(LOGIN, headers=PROGRAM), "/x", name)
    assert (answer.page, answer.json["code"]) == (None, code)


@pytest.mark.parametrize(
    ("fixed", "of_framework", "accepted", "language", "of_buttons"),
    [
        ("de", None, "en", "de", "de"),
        ("de", "en", "en", "de", "de"),
        (None, "de", "en", "de", "de"),
        (None, None, "de", "de", "en"),  # a cache may keep the rest of the page
        (None, None, "xx", "en", "en"),
    ],
)
def test_the_language_is_the_applications_or_the_frameworks_or_the_visitors(
    *, fixed, of_framework, accepted, language, of_buttons
):
    builder = AnswerBuilder(redirect_uri=REDIRECT_URI, base_url=PEERINGDB, language=fixed)
    seen = visit(language=of_framework, headers={"Accept-Language": accepted})
    answer = builder.failure(seen, LOGGED_OUT, logged_in=False)
    assert answer.page.language == answer.headers["Content-Language"] == language
    assert answer.page.labels == choose(language).labels
    assert ("Vary" in answer.headers) == (fixed is None and of_framework is None)
    assert builder.labels(seen) == choose(of_buttons).labels


# --- where things lead ----------------------------------------------------------------


def test_a_callback_that_leads_to_a_page_of_the_application_is_right():
    asked = []
    BUILDER.check_callback(visit(has_page=lambda path: asked.append(path) or True))
    assert asked == ["/login/peeringdb/callback"]


@pytest.mark.parametrize(
    ("root", "page"),
    [("", "/login/peeringdb/callback"), ("/behind", "/a/login/peeringdb/callback"), ("", "/back")],
)
def test_a_proxy_may_remove_the_beginning_of_the_callbacks_path(root, page):
    paths = Paths(callback="/back" if page == "/back" else "/login/peeringdb/callback")
    builder = AnswerBuilder(
        redirect_uri=f"https://portal.example.net/behind/a{paths.callback}?tenant=1",
        base_url=PEERINGDB,
        paths=paths,
    )
    builder.check_callback(visit(root=root, has_page=page.__eq__))


def test_the_error_for_a_callback_that_leads_nowhere_says_what_to_set():
    with pytest.raises(ConfigurationError) as refused:
        BUILDER.check_callback(visit(root="/portal", has_page=lambda _: False))
    [problem] = refused.value.problems
    assert problem == (
        "redirect_uri: /login/peeringdb/callback is no page of this application, which takes"
        " callbacks at /portal/login/peeringdb/callback. Something is mounted or has a prefix: set"
        ' callback_path, such as to "/callback", and let the redirect URI have what stands before'
        " it, too"
    )


def test_a_callback_below_the_mount_of_the_application_is_not_at_the_mount_itself():
    builder = AnswerBuilder(
        redirect_uri="https://portal.example.net/portal/back",
        base_url=PEERINGDB,
        paths=Paths(callback="/portal/back"),  # so it is at /portal/portal/back
    )
    with pytest.raises(ConfigurationError, match="/portal/back is no page of this application"):
        builder.check_callback(visit(root="/portal", has_page="/portal/back".__eq__))


@pytest.mark.parametrize(
    ("paths", "has_start_page", "home", "after_logout"),
    [
        ({}, True, "/portal/", "/portal/"),
        ({}, False, f"/portal{LOGIN}/status", f"/portal{LOGIN}/status"),
        ({"home": "/start"}, True, "/portal/start", "/portal/start"),
        ({"home": "/start", "after_logout": "/bye"}, True, "/portal/start", "/portal/bye"),
        ({"after_logout": "https://example.net/"}, True, "/portal/", "https://example.net/"),
    ],
)
def test_a_login_and_a_logout_lead_home(paths, has_start_page, home, after_logout):
    builder = AnswerBuilder(redirect_uri=REDIRECT_URI, base_url=PEERINGDB, paths=Paths(**paths))
    mounted = visit(root="/portal", has_page=lambda path: has_start_page and path == "/")
    assert (builder.home(mounted), builder.after_logout(mounted)) == (home, after_logout)


def test_the_pages_of_the_login_can_be_below_a_prefix():
    below = Paths(home="/start", after_logout="/bye").below("/auth")
    assert below == Paths(
        login="/auth/login/peeringdb",
        callback="/auth/login/peeringdb/callback",
        logout="/auth/logout",
        home="/start",
        after_logout="/bye",
        status="/auth/login/peeringdb/status",
        style="/auth/login/peeringdb/style.css",
        connect="/auth/connect/peeringdb",
        disconnect="/auth/disconnect/peeringdb",
    )


@pytest.mark.parametrize(
    ("origin", "is_elsewhere"),
    [
        ("https://portal.example.net", False),
        ("https://Portal.example.net:443", False),
        ("https://portal.example.net:80", True),
        ("https://portal.example.net:8443", True),
        ("http://portal.example.net", True),
        ("https://www.portal.example.net", True),
    ],
)
def test_an_origin_is_compared_as_browsers_write_it(origin, is_elsewhere):
    assert BUILDER.is_elsewhere(visit(origin=origin)) == is_elsewhere


def test_without_https_80_is_the_port_that_browsers_leave_out():
    builder = AnswerBuilder(
        redirect_uri="http://localhost:80/login/peeringdb/callback", base_url=PEERINGDB
    )
    assert not builder.is_elsewhere(visit(origin="http://localhost"))
    assert builder.is_elsewhere(visit(origin="http://localhost:443"))


@pytest.mark.parametrize(
    ("headers", "allowed", "is_foreign"),
    [
        ({"Origin": "https://portal.example.net"}, None, False),
        ({"Origin": "https://behind.example.net"}, None, False),  # where the visit itself is
        ({"Origin": "https://other.example.net"}, None, True),
        ({"Origin": "https://other.example.net:443"}, ("https://OTHER.example.net",), False),
        ({"Origin": "https://portal.example.net"}, ("https://other.example.net",), True),
        ({"Origin": "null"}, None, True),
        ({}, None, True),
    ],
)
def test_the_origin_of_a_request_tells_whether_another_site_sent_it(headers, allowed, is_foreign):
    sent = visit(origin="https://behind.example.net", headers=headers)
    assert BUILDER.is_foreign(sent, allowed) == is_foreign


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({"next": "/x?a=b&c", "prompt": "login", "o": "1"}, "&next=/x%3Fa%3Db%26c&prompt=login"),
        ({"prompt": "select_account"}, "&prompt=select_account"),
        ({"prompt": "none"}, ""),
        ({}, ""),
    ],
)
@pytest.mark.parametrize("below", ["", "/behind/a/prefix"])
def test_a_login_at_another_address_is_redirected_once(below, query, kept):
    site = f"https://portal.example.net{below}"
    builder = AnswerBuilder(redirect_uri=f"{site}{LOGIN}/callback", base_url=PEERINGDB)
    assert builder.redirect_to_origin(visit(query=query)) == Answer(
        status=302, headers={"Cache-Control": "no-store"}, location=f"{site}{LOGIN}?moved=1{kept}"
    )


@pytest.mark.parametrize(
    ("address", "back"),
    [
        ("/login/peeringdb", "/"),
        ("/login/peeringdb?next=/x", "/"),
        ("/login/peeringdb/callback?code=secret", "/"),
        ("/logout#x", "/"),
        ("/disconnect/peeringdb", "/"),
        ("/connect/peeringdb", "/connect/peeringdb"),
        ("/login/%70eeringdb", "/"),
        ("/login/other", "/login/other"),
        ("//evil.example", "/"),
    ],
)
def test_a_login_never_returns_to_its_own_pages(address, back):
    assert BUILDER.return_path(visit(), address) == back


def test_a_page_with_a_long_address_loses_its_query():
    builder = AnswerBuilder(redirect_uri=REDIRECT_URI, base_url=PEERINGDB, longest_path=20)
    assert builder.return_path(visit(), "/networks/64500?a=1") == "/networks/64500?a=1"
    assert builder.return_path(visit(), "/networks/64500?a=100") == "/networks/64500"


def test_a_path_beyond_ascii_is_encoded():
    assert BUILDER.here(visit("/net/Ünïcode x/")) == "/net/%C3%9Cn%C3%AFcode%20x/"


ON_A_PAGE = {"Referer": "https://portal.example.net/networks/64500?tab=2"}


@pytest.mark.parametrize(
    ("headers", "back"),
    [
        ({}, "/"),
        ({"Referer": ""}, "/"),
        ({"Referer": "https://portal.example.net"}, "/"),  # all that another site tells
        ({"Referer": "https://evil.example/x"}, "/"),
        ({"Referer": "https://portal.example.net/login/peeringdb/callback?code=x"}, "/"),
        (ON_A_PAGE, "/networks/64500?tab=2"),
    ],
)
def test_a_login_after_a_form_returns_to_the_page_with_the_form(headers, back):
    assert BUILDER.here(visit("/delete", method="POST", headers=headers)) == back


def test_a_login_after_a_request_of_a_script_returns_to_the_page_of_the_script():
    assert BUILDER.here(visit("/api", headers=PROGRAM)) == "/api"
    assert BUILDER.here(visit("/api", headers=PROGRAM | ON_A_PAGE)) == "/networks/64500?tab=2"
    assert BUILDER.here(visit("/page", headers=ON_A_PAGE)) == "/page"


@pytest.mark.parametrize("headers", [{}, PROGRAM])
@pytest.mark.parametrize(
    ("failure", "logged_in", "offered"),
    [
        (LOGIN_ENDED, True, True),
        (UNAVAILABLE, True, False),
        (UNAVAILABLE, False, True),  # there is nothing else to try again
        (FORGED, True, False),
    ],
)
def test_a_login_is_offered_where_it_can_help(headers, failure, logged_in, offered):
    answer = BUILDER.failure(visit(headers=headers), failure, logged_in=logged_in)
    url = f"/login/peeringdb?next=/networks/64500{'&prompt=login' if logged_in else ''}"
    if answer.page:
        assert (answer.page.offers_login, answer.page.login_url) == (offered, url)
    else:
        assert answer.json["login_url"] == (url if offered else None)


@pytest.mark.parametrize("headers", [{}, PROGRAM])
def test_the_login_that_is_offered_prompts_where_the_failure_says_so(headers):
    failure = LOGGED_OUT._replace(prompts=True)
    answer = BUILDER.failure(visit(headers=headers), failure, logged_in=False)
    url = answer.page.login_url if answer.page else answer.json["login_url"]
    assert url == "/login/peeringdb?next=/networks/64500&prompt=login"


def test_without_a_cause_there_is_none_to_tell():
    answer = BUILDER.failure(visit(debug=lambda: True), UNAVAILABLE, logged_in=False)
    assert (answer.page.cause, "cause" in answer.json) == ("", False)


@pytest.mark.parametrize("debug", [True, False])
def test_only_an_application_in_debug_mode_tells_the_cause(debug):
    said = "choose RS256" if debug else ""
    arguments = {"logged_in": False, "cause": "choose RS256"}
    answer = BUILDER.failure(visit(debug=lambda: debug), UNAVAILABLE, **arguments)
    assert answer.page.cause == said
    answer = BUILDER.failure(visit(headers=PROGRAM, debug=lambda: debug), UNAVAILABLE, **arguments)
    assert answer.json.get("cause", "") == said


def test_a_mounted_application_stays_below_its_mount():
    mounted = visit("/x", root="/portal")
    assert BUILDER.home(mounted) == "/portal/"
    assert (
        BUILDER.login_url(mounted, BUILDER.here(mounted))
        == "/portal/login/peeringdb?next=/portal/x"
    )
    assert BUILDER.return_path(mounted, "/portal/logout") == "/portal/"


def test_paths_can_be_changed():
    paths = Paths(login="/in", callback="/in/back", logout="/out", home="/start")
    builder = AnswerBuilder(
        redirect_uri="https://portal.example.net/in/back", base_url=PEERINGDB, paths=paths
    )
    assert builder.login_url(visit(), "/x") == "/in?next=/x"
    assert builder.return_path(visit(), "/in/back") == "/start"


UNKNOWN = (
    "no login of this browser is waiting for this answer: it was used already, took longer than ten"
    " minutes, was started at another address than https://portal.example.net, or the browser keeps"
    " no cookies"
)


def test_the_text_for_the_log_names_an_address_that_differs_from_the_redirect_uri():
    elsewhere = visit("/login/peeringdb/callback", origin="http://localhost:8000", root="/x")
    assert not BUILDER.is_callback(elsewhere)
    assert BUILDER.why_unknown(elsewhere) == (
        f"{UNKNOWN}. This page was asked for as http://localhost:8000/x/login/peeringdb/callback,"
        f" and the redirect URI is {REDIRECT_URI}. Set PEERINGDB_OAUTH_REDIRECT_URI to the address"
        " that people use, and register the same at PeeringDB; a proxy in between must pass on Host"
        " and X-Forwarded-Proto"
    )


@pytest.mark.parametrize("query", ["", "?tenant=1"])
def test_the_text_for_the_log_says_nothing_about_settings_if_the_address_is_right(query):
    builder = AnswerBuilder(redirect_uri=f"{REDIRECT_URI}{query}", base_url=PEERINGDB)
    right = visit("/login/peeringdb/callback")
    assert builder.is_callback(right)
    assert builder.why_unknown(right) == UNKNOWN
