"""The cookie of one host, and a Cookie header without ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.gateway.session_cookie import SessionCookie, parse_cookies, without_ours
from peeringdb_oauth.web import Sealer

SEALER = Sealer("0123456789abcdef0123456789abcdef")
SESSION = {"peeringdb": {"id": "x"}}


def cookie_at(origin, max_age=43200.0):
    return SessionCookie(SEALER, origin, max_age=max_age)


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("https://lg.example.net", "__Host-peeringdb_gateway"),
        ("https://lg.example.net:8443", "__Host-peeringdb_gateway_8443"),
        ("http://127.0.0.1:8080", "peeringdb_gateway_8080"),
        ("http://localhost", "peeringdb_gateway_80"),
    ],
)
def test_a_session_that_was_sealed_is_read_at_its_host_only(origin, name):
    cookie = cookie_at(origin)
    [written] = cookie.write({}, SESSION)
    assert (written.name, written.max_age, written.secure) == (
        name,
        43200,
        origin.startswith("https"),
    )
    assert cookie.read({name: written.value}) == SESSION
    other = cookie_at("https://other.example.net")
    assert other.read({name: written.value, other.name: written.value}) == {}


def test_a_cookie_is_set_only_where_the_session_has_changed():
    cookie = cookie_at("https://lg.example.net")
    assert cookie.write(SESSION, dict(SESSION)) == ()
    [deleted] = cookie.write(SESSION, {})
    assert (deleted.value, deleted.max_age) == ("", 0)


def test_a_session_without_a_limit_has_a_cookie_that_lasts():
    [written] = cookie_at("https://lg.example.net", None).write({}, SESSION)
    assert written.max_age == 400 * 86400


@pytest.mark.parametrize("value", ["", "x", "x" * 5000, SEALER.seal("other", SESSION)])
def test_what_we_have_not_sealed_is_no_session(value):
    cookie = cookie_at("https://lg.example.net")
    assert cookie.read({cookie.name: value}) == {}


def test_what_is_no_session_is_none():
    cookie = cookie_at("https://lg.example.net")
    value = SEALER.seal("gateway session 1 at https://lg.example.net", ["x"])
    assert cookie.read({cookie.name: value}) == {}


@pytest.mark.parametrize(
    ("header", "left"),
    [
        ("", ""),
        ("a=b", "a=b"),
        ("\xa0a=b; XaX=c", "\xa0a=b; XaX=c"),
        ("a=b; __Host-peeringdb_gateway=x", "a=b"),
        ("__Host-peeringdb_gateway=x; a=b;c=d", "a=b; c=d"),
        ("__Host-peeringdb_gateway_8443=x; a=b", "a=b"),
        ("peeringdb_gateway_8080=x; a=b; peeringdb_gateway_4180=y", "a=b"),
        ("__Host-peeringdb-login-0123456789abcdef=x; peeringdb-login-1=y; a=b", "a=b"),
        ("__Host-peeringdb_gateway", ""),
        (' __Host-peeringdb_gateway ="x;y"; a', 'y"; a'),
        ("\t__Host-peeringdb_gateway=x", ""),
        ("x__Host-peeringdb_gateway=x; Peeringdb=y", "x__Host-peeringdb_gateway=x; Peeringdb=y"),
        ('a="; __Host-peeringdb_gateway=x; "', 'a="; "'),
    ],
)
def test_the_application_gets_none_of_our_cookies(header, left):
    assert without_ours(header) == left


NAMES = st.sampled_from(["a", "__Host-peeringdb_gateway", "peeringdb_gateway_80", "b c", ""])
VALUES = st.text(st.characters(codec="latin-1", exclude_characters=";"), max_size=5)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_whatever_is_left_has_none_of_ours(pairs):
    left = without_ours(";".join(f"{name}={value}" for name, value in pairs))
    assert not [name for name in parse_cookies(left) if "peeringdb_gateway" in name]


def test_of_two_cookies_with_one_name_the_first_counts():
    assert parse_cookies("a=1; b ; a=2;c = 3") == {"a": "1", "c": "3"}


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ('"x"', "x"),
        ('""', ""),
        ('"', '"'),
        ('"x', '"x'),
        ('x"', 'x"'),
        ("xx", "xx"),
        ("x=y", "x=y"),
        (' \t"x" \t', "x"),
        ("\xa0x\xa0", "\xa0x\xa0"),
        ("XxX", "XxX"),
    ],
)
def test_quotes_around_a_value_are_taken_off(sent, value):
    assert parse_cookies(f"a={sent}; \tb =1") == {"a": value, "b": "1"}


def test_a_name_is_never_taken_for_a_similar_one():
    """Another host of the domain can set a cookie with such a space before the name."""
    assert parse_cookies("\xa0a=1; Xa=2; aX=3; a=4") == {
        "\xa0a": "1",
        "Xa": "2",
        "aX": "3",
        "a": "4",
    }


def test_the_age_of_a_cookie_is_in_whole_seconds():
    [written] = cookie_at("https://lg.example.net", 60.9).write({}, SESSION)
    assert (written.max_age, type(written.max_age)) == (60, int)
