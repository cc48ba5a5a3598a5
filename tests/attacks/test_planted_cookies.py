"""Another host of the domain plants a cookie that a framework takes for one of ours.

Browsers let no other host set a cookie whose name begins with ``__Host-``. But
Starlette and Django remove Unicode spaces before a name, and take the last cookie of a
name. Each cookie is judged by the header as the browser has sent it.
"""

import pytest

from peeringdb_oauth.web import Visit, is_genuine, without_impostors

NAME = "__Host-session"
# Headers as frameworks see them: a byte beyond ASCII is one character or several.
PLANTED = [
    f"{NAME}=mine; \xa0{NAME}=theirs",
    f"\xa0{NAME}=theirs",
    f"\x85{NAME}=theirs; {NAME}=mine",
    f"{NAME}=mine; \u2000{NAME}=theirs",
    f"{NAME}=mine; {NAME}\xa0=theirs",
    f"{NAME}=mine; \x1f{NAME}=theirs",
    f"{NAME}=mine; \xe2\x80\x80{NAME}=theirs",  # U+2000 in UTF-8
    f"{NAME}=mine; {NAME}=theirs",
    f"{NAME}=theirs; {NAME}=mine; {NAME}=theirs",
]


def visit(header, value, name=NAME):
    return Visit(
        method="GET",
        origin="https://portal.example.net",
        root="",
        path="/",
        query_string="",
        query={},
        headers={},
        cookie_header=header,
        cookies={} if value is None else {name or NAME: value},
        session={},
        session_cookie=name,
        rotate=lambda: None,
    )


@pytest.mark.parametrize("header", PLANTED)
def test_a_planted_cookie_is_never_trusted(header):
    assert not is_genuine(header, NAME, "theirs")
    assert not visit(header, "theirs").is_trusted


@pytest.mark.parametrize("header", PLANTED[:-2])
def test_only_the_genuine_cookie_stays_in_the_header(header):
    left = without_impostors(f"a=1; {header}; b=2", NAME)
    assert [pair.strip(" ") for pair in left.split(";")] == [
        "a=1",
        *([f"{NAME}=mine"] if "mine" in header else []),
        "b=2",
    ]


@pytest.mark.parametrize("header", PLANTED[-2:])
def test_none_of_several_cookies_of_the_same_name_stays(header):
    """A browser has only one."""
    assert without_impostors(f"a=1; {header}", NAME) == "a=1"
    assert not is_genuine(header, NAME, "mine")


@pytest.mark.parametrize(
    "header",
    [
        f"{NAME}=mine",
        f"a=1;{NAME}=mine;b=2",
        f" \t{NAME} = mine ",
        f'{NAME}="mine"',
        f"{NAME}X=theirs; {NAME}=mine",
        f"{NAME}=mine; __é=1; __Host-=1; __Secure-x\xa0=1; =1; __",
        f"{NAME}=mine; \xa0__Host-session2=theirs",
        f"{NAME}=mine; {NAME}",  # a cookie without a name
        f"{NAME}=mine; \xa0{NAME}=theirs",  # the framework took the genuine one
    ],
)
def test_foreign_cookies_log_nobody_out(header):
    assert visit(header, "mine").is_trusted


@pytest.mark.parametrize("value", ["a=b==", "XmineX", "", "\xa0mine\xa0"])
def test_a_genuine_cookie_may_have_any_value(value):
    assert is_genuine(f"{NAME}={value}", NAME, value)
    assert not is_genuine(f"{NAME}={value}", NAME, "mine")


@pytest.mark.parametrize("header", ["", "__é=1", "a=b"])
def test_a_visit_without_a_session_is_trusted(header):
    assert visit(header, None).is_trusted


def test_a_cookie_without_a_name_is_not_taken_for_ours():
    assert not is_genuine(f"{NAME}; {NAME}=mine", NAME, "")
    assert without_impostors(f"{NAME}; {NAME}=mine", NAME) == f" {NAME}=mine"


def test_a_name_without_a_prefix_is_not_protected_by_browsers():
    """Two applications below different paths of a host may both use it."""
    header = "session=mine; session=of-another-path"
    assert visit(header, "mine", name="session").is_trusted
    assert without_impostors(header, "session") == header


def test_a_framework_may_not_tell_the_name_of_its_cookie():
    assert visit(f"\xa0{NAME}=theirs", "theirs", name=None).is_trusted
