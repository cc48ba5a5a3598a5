import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.answer_builder import AnswerBuilder, Paths
from peeringdb_oauth.web.failures import FORGED, LOGGED_OUT, LOGIN_ENDED, UNAVAILABLE
from peeringdb_oauth.web.visit import Visit

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
    with pytest.raises(
        ConfigurationError,
        match=r"such as https://portal\.example\.net/login/peeringdb/callback; set it",
    ):
        AnswerBuilder(redirect_uri=redirect_uri, base_url=PEERINGDB)


FAILURE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
IN_ENGLISH = {"Content-Language": "en", "Vary": "Accept-Language"}


def test_a_redirect_must_not_be_cached():
    answer = BUILDER.redirect("/x")
    assert (answer.status, answer.location, answer.headers, answer.page, answer.json) == (
        302,
        "/x",
        {"Cache-Control": "no-store"},
        None,
        None,
    )


@pytest.mark.parametrize(
    ("name", "account", "home_url"),
    [("Ada Admin", "You are logged in as Ada Admin.", "/"), (None, "", None)],
)
def test_the_page_for_another_account_leads_over_the_logout_of_peeringdb(name, account, home_url):
    answer = BUILDER.other_account(visit(), "/networks/64500", name)
    page = answer.page
    assert (answer.status, answer.headers) == (200, FAILURE_HEADERS | IN_ENGLISH)
    assert page.template == "peeringdb_oauth/other_account.html"
    assert page.peeringdb_logout_url == "https://auth.peeringdb.com/logout"
    assert page.login_url == "/login/peeringdb?next=/networks/64500&prompt=login"
    assert (page.account, page.home_url) == (account, home_url)


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
    page = answer.page
    assert (page.status, page.code, page.title, page.reasons, page.advice) == (
        403,
        "form_refused",
        FORGED.title,
        (BECAUSE,),
        FORGED.advice,
    )
    assert page.login_url == "/login/peeringdb?next=/networks/64500&prompt=login"
    assert page.other_account_url == "/login/peeringdb?next=/networks/64500&prompt=select_account"
    assert page.home_url == "/"


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


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
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


@pytest.mark.parametrize(
    "changes", [{"method": "POST"}, {"headers": {"Accept": "application/json"}}]
)
def test_forms_and_programs_get_401_instead_of_a_redirect(changes):
    answer = BUILDER.ask_to_log_in(visit(**changes))
    assert (answer.status, answer.location) == (401, None)
    assert answer.page or answer.json


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_no_person_opens_gets_401_as_json(method):
    headers = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    answer = BUILDER.ask_to_log_in(visit(method=method, headers=headers))
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
    assert answer.headers["HX-Redirect"] == "/login/peeringdb?next=/networks/64500%3Ftab%3D2"


@pytest.mark.parametrize(
    ("address", "back"),
    [
        ("/login/peeringdb", "/"),
        ("/login/peeringdb?next=/x", "/"),
        ("/login/peeringdb/callback?code=secret", "/"),
        ("/logout#x", "/"),
        ("/login/%70eeringdb", "/"),
        ("/login/other", "/login/other"),
        ("//evil.example", "/"),
    ],
)
def test_a_login_never_returns_to_its_own_pages(address, back):
    assert BUILDER.return_path(visit(), address) == back


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
    script = {"Accept": "application/json"}
    assert BUILDER.here(visit("/api", headers=script)) == "/api"
    assert BUILDER.here(visit("/api", headers=script | ON_A_PAGE)) == "/networks/64500?tab=2"
    assert BUILDER.here(visit("/page", headers=ON_A_PAGE)) == "/page"


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}])
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


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}])
def test_the_login_that_is_offered_prompts_where_the_failure_says_so(headers):
    failure = LOGGED_OUT._replace(prompts=True)
    answer = BUILDER.failure(visit(headers=headers), failure, logged_in=False)
    url = answer.page.login_url if answer.page else answer.json["login_url"]
    assert url == "/login/peeringdb?next=/networks/64500&prompt=login"


@pytest.mark.parametrize("debug", [True, False])
def test_only_an_application_in_debug_mode_tells_the_cause(debug):
    said = "choose RS256" if debug else ""
    arguments = {"logged_in": False, "cause": "choose RS256"}
    answer = BUILDER.failure(visit(debug=lambda: debug), UNAVAILABLE, **arguments)
    assert answer.page.cause == said
    json = {"Accept": "application/json"}
    answer = BUILDER.failure(visit(headers=json, debug=lambda: debug), UNAVAILABLE, **arguments)
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


def test_the_text_for_the_log_names_an_address_that_differs_from_the_redirect_uri():
    why = BUILDER.why_unknown(
        visit("/login/peeringdb/callback", origin="http://localhost:8000", root="/x")
    )
    assert (
        "asked for as http://localhost:8000/x/login/peeringdb/callback, and the redirect URI is "
        + REDIRECT_URI
        in why
    )
    assert "Set PEERINGDB_OAUTH_REDIRECT_URI" in why


def test_the_text_for_the_log_says_nothing_about_settings_if_the_address_is_right():
    why = BUILDER.why_unknown(visit("/login/peeringdb/callback"))
    assert "started at another address than https://portal.example.net" in why
    assert "PEERINGDB_OAUTH" not in why
