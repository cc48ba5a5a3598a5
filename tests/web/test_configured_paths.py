"""The paths of the login's pages, as an application configures them."""

import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.web.answer_builder import Paths
from peeringdb_oauth.web.configured_paths import configured_paths

SITE = "https://portal.example.net"
USUAL = f"{SITE}/login/peeringdb/callback"


def problems(redirect_uri=USUAL, **arguments):
    with pytest.raises(ConfigurationError) as refused:
        configured_paths(redirect_uri, **arguments)
    return refused.value.problems


def test_the_usual_paths_need_no_setting():
    assert configured_paths(USUAL) == Paths()


def test_the_callback_is_the_path_of_the_redirect_uri():
    assert configured_paths(f"{SITE}/o%C3%A4uth/done").callback == "/oäuth/done"


def test_below_a_mount_point_the_usual_callback_stays_the_usual_one():
    assert configured_paths(f"{SITE}/portal/login/peeringdb/callback") == Paths()


def test_all_pages_are_below_the_prefix():
    redirect_uri = f"{SITE}/auth/login/peeringdb/callback"
    assert configured_paths(redirect_uri, prefix="/auth") == Paths().below("/auth")


def test_a_callback_path_is_below_the_prefix():
    paths = configured_paths(f"{SITE}/x/auth/done", callback_path="/done", prefix="/auth")
    assert paths.callback == "/auth/done"
    assert paths.login == "/auth/login/peeringdb"


def test_the_redirect_uri_must_end_in_the_callback_path():
    assert problems(callback_path="/done", prefix="/auth") == (
        "redirect_uri: must end in /auth/done, the callback_path",
    )


@pytest.mark.parametrize(
    "path",
    ["", "/", "/login/peeringdb", "/logout", "/login/peeringdb/status", "/a/../b", "/<x>", "/{x}"],
)
def test_a_callback_has_a_path_of_its_own(path):
    problem = "must have a path of its own for the callback, such as /login/peeringdb/callback"
    assert problems(SITE + path) == (f"redirect_uri: {problem}",)
    assert problems(SITE + path, callback_path=path) == (f"callback_path: {problem}",)


def test_a_login_and_a_logout_lead_where_the_application_says():
    paths = configured_paths(USUAL, login_redirect_url="/in?a=b", logout_redirect_url="/out")
    assert (paths.home, paths.after_logout) == ("/in?a=b", "/out")


@pytest.mark.parametrize("url", ["https://www.example.net/", "http://localhost:8000"])
def test_a_logout_may_lead_to_another_site(url):
    assert configured_paths(USUAL, logout_redirect_url=url).after_logout == url


@pytest.mark.parametrize("url", ["https://www.example.net/", "//example.net", "in", "", 5])
def test_a_login_leads_to_a_page_of_this_site(url):
    assert problems(login_redirect_url=url) == (
        'login_redirect_url: must be a path that begins with "/"',
    )


@pytest.mark.parametrize(
    "url", ["//example.net", "https:///x", "javascript:alert(1)", "out", "", 5, "x https://a"]
)
def test_a_logout_leads_to_a_page_or_a_url(url):
    assert problems(logout_redirect_url=url) == (
        'logout_redirect_url: must be a path that begins with "/", or a URL with https',
    )


def test_all_problems_are_reported_at_once():
    found = problems(callback_path="done", login_redirect_url="", logout_redirect_url="")
    assert [problem.partition(":")[0] for problem in found] == [
        "redirect_uri",
        "callback_path",
        "login_redirect_url",
        "logout_redirect_url",
    ]
