"""The callback: which one gives its code, and that each login counts once."""

import math
import re
from dataclasses import replace
from urllib.parse import quote, urlencode

import pytest
from django.utils.datastructures import MultiValueDict
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import CombinedMultiDict, ImmutableMultiDict, MultiDict

from peeringdb_oauth.authorization import LIFETIME, create_authorization_request
from peeringdb_oauth.callback import MAX_CALLBACK, UsedCodes, checked_code, code_key, read_callback
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import InvalidResponse, LoginDenied, ProviderError, StateMismatch
from peeringdb_oauth.metadata import PEERINGDB

NOW = 1_800_000_000.5
CONFIG = ClientConfig(
    client_id="portal",
    client_secret="s3cret",
    redirect_uri="https://portal.example.net/callback?tenant=a&b",
)


def create():
    return create_authorization_request(CONFIG, PEERINGDB, now=NOW)


REQUEST, OTHER = create(), create()


def read(callback, request=REQUEST, now=NOW + 1):
    return read_callback(request, callback, issuer=PEERINGDB.issuer, now=now)


def refused(callback, error=InvalidResponse, **changes):
    """The check that refused a callback."""
    with pytest.raises(InvalidResponse) as caught:
        read(callback, **changes)
    assert type(caught.value) is error
    assert caught.value.__cause__ is None
    return caught.value.check


def back(request=REQUEST, **parameters):
    """A callback URL, as PeeringDB makes it."""
    parameters = {"code": "c0de", "state": request.state} | parameters
    return f"https://portal.example.net/callback?{urlencode(parameters, doseq=True)}"


class StarletteLike(dict):
    """Subscription gives one value, `getlist` all; iteration gives names."""

    def getlist(self, name):
        return dict.__getitem__(self, name)

    def __getitem__(self, name):
        return self.getlist(name)[-1]


class AiohttpLike(StarletteLike):
    """As multidict's: with `getall`, and iteration gives a name once for each value."""

    getall = StarletteLike.getlist
    getlist = None

    def __getitem__(self, name):
        return self.getall(name)[0]

    def __iter__(self):
        return (name for name in self.keys() for _ in self.getall(name))


MAPPINGS = {
    "lists": dict,
    "tuples": lambda parameters: {name: tuple(values) for name, values in parameters.items()},
    "werkzeug": MultiDict,
    "flask": ImmutableMultiDict,
    "werkzeug values": lambda parameters: CombinedMultiDict([MultiDict(parameters), MultiDict()]),
    "django": MultiValueDict,  # QueryDict is one
    "starlette": StarletteLike,
    "aiohttp": AiohttpLike,
    "url": lambda parameters: f"/callback?{urlencode(parameters, doseq=True)}",
}
every_mapping = pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)


@every_mapping
def test_a_callback_gives_its_code(mapping):
    assert read(mapping({"code": ["c0de"], "state": [REQUEST.state]})) == "c0de"


@every_mapping
@pytest.mark.parametrize("name", ["code", "error", "error_description", "error_uri", "iss"])
def test_refuses_a_parameter_that_is_repeated(mapping, name):
    parameters = {"code": ["c0de"], "state": [REQUEST.state]} | {name: ["a", "a"]}
    assert refused(mapping(parameters)) == name


@every_mapping
def test_refuses_a_state_that_is_repeated(mapping):
    assert (
        refused(mapping({"code": ["c0de"], "state": [REQUEST.state] * 2}), StateMismatch) == "state"
    )


@every_mapping
def test_unknown_parameters_are_ignored(mapping):
    assert (
        read(
            mapping(
                {
                    "code": ["c0de"],
                    "state": [REQUEST.state],
                    "session_state": ["a", "b"],
                    "tenant": [""],
                }
            )
        )
        == "c0de"
    )


def test_a_plain_mapping_of_strings_gives_its_code():
    assert read({"code": "c0de", "state": REQUEST.state}) == "c0de"


@pytest.mark.parametrize(
    "around",
    [
        "https://portal.example.net/callback?{}",
        "/callback?{}",
        "?{}",
        "https://portal.example.net/?{}#code=x",
    ],
)
def test_a_callback_url_may_be_full_or_relative(around):
    assert read(around.format(f"code=c0de&state={REQUEST.state}")) == "c0de"


@pytest.mark.parametrize("code", ["Tm9NRBnhPoUnr67P3d6RQ6wMi1Z8Em", "._-", "x" * 128, "1"])
def test_a_code_comes_out_as_peeringdb_sent_it(code):
    assert read(back(code=code)) == checked_code(code) == code


def test_what_stands_in_the_fragment_is_no_parameter():
    assert (
        refused(
            f"https://portal.example.net/callback#?code=c0de&state={REQUEST.state}", StateMismatch
        )
        == "state"
    )


@pytest.mark.parametrize("code", ["", "x" * 1025, "a\nb", "a\r\nX: y", "a\0", "é", "\x7f", "\t"])
def test_refuses_a_code_that_can_be_none(code):
    assert refused(back(code=code)) == "code"
    assert refused({"code": code, "state": REQUEST.state}) == "code"


@pytest.mark.parametrize("code", [None, 5, b"c0de", ["c0de"], ""])
def test_a_code_that_is_no_text_is_refused(code):
    with pytest.raises(InvalidResponse) as caught:
        checked_code(code)
    assert caught.value.check == "code"


def test_refuses_a_callback_without_a_code():
    assert refused({"state": REQUEST.state}) == "code"
    assert refused({"state": REQUEST.state, "code": []}) == "code"


@pytest.mark.parametrize("raw", ["c0\nde", "c0\tde", "c0\rde"])
def test_a_line_break_in_a_raw_url_is_not_taken_out(raw):
    assert refused(f"/callback?code={raw}&state={REQUEST.state}") == "code"


@pytest.mark.parametrize("state", [[], [""], ["x"], ["\ud800"], ["é"], ["x" * 43]])
def test_refuses_another_state(state):
    assert refused({"code": "c0de", "state": state}, StateMismatch) == "state"


def test_refuses_a_missing_state_even_if_none_was_stored():
    unset = replace(REQUEST, state="")
    for callback in ({"code": "c0de"}, {"code": "c0de", "state": ""}, "/callback?code=c0de&state="):
        assert refused(callback, StateMismatch, request=unset) == "state"


@pytest.mark.parametrize("end", [-1, 1])
def test_refuses_a_state_that_is_nearly_right(end):
    state = REQUEST.state[:end] if end < 0 else REQUEST.state + "A"
    assert refused(back(state=state), StateMismatch) == "state"


@pytest.mark.parametrize(
    "others",
    [
        {"error": "access_denied"},
        {"error": "server_error"},
        {"error": ["a", "b"]},
        {"iss": "https://attacker.example.net"},
        {"code": ["a", "b"]},
        {"code": ""},
    ],
)
def test_the_state_is_compared_before_anything_else(others):
    assert refused(back(state="wrong", **others), StateMismatch) == "state"
    assert refused(back(state="wrong", **others), StateMismatch, now=NOW + LIFETIME + 1) == "state"


@pytest.mark.parametrize("seconds", [-60, 0, LIFETIME])
def test_a_login_is_good_for_ten_minutes_and_for_clocks_that_are_a_minute_apart(seconds):
    assert read(back(), now=NOW + seconds) == "c0de"


@pytest.mark.parametrize("seconds", [-60.5, LIFETIME + 0.5])
def test_refuses_a_login_that_is_older_or_from_the_future(seconds):
    assert refused(back(), now=NOW + seconds) == "created_at"


@pytest.mark.parametrize("created_at", [math.nan, math.inf, -math.inf, 10**400, -1, 0])
def test_refuses_a_login_that_was_started_at_no_possible_time(created_at):
    assert refused(back(), request=replace(REQUEST, created_at=created_at)) == "created_at"


def test_an_issuer_is_not_needed_but_must_be_peeringdbs():
    assert read(back(iss="https://auth.peeringdb.com/oauth2")) == "c0de"


@pytest.mark.parametrize(
    "iss",
    [
        "",
        "https://auth.peeringdb.com",
        "https://auth.peeringdb.com/oauth2/",
        "https://www.peeringdb.com/oauth2",
    ],
)
def test_refuses_another_issuer_also_for_an_error(iss):
    assert refused(back(iss=iss)) == "iss"
    assert refused({"state": REQUEST.state, "error": "access_denied", "iss": iss}) == "iss"


def failure(**parameters):
    with pytest.raises(ProviderError) as caught:
        read({"state": REQUEST.state} | parameters)
    return caught.value


def test_cancelling_is_a_denied_login():
    error = failure(
        error="access_denied", error_description="The resource owner denied the request"
    )
    assert (type(error), error.error, error.status) == (LoginDenied, "access_denied", None)
    assert str(error) == "the login was cancelled at PeeringDB"


@pytest.mark.parametrize(
    "word",
    [
        "invalid_scope",
        "invalid_request",
        "unauthorized_client",
        "server_error",
        "temporarily_unavailable",
    ],
)
def test_any_other_error_is_the_providers(word):
    error = failure(error=word, error_description="Something is wrong")
    assert (type(error), error.error, error.status) == (ProviderError, word, None)
    assert str(error) == f"PeeringDB refused the login: {word}"


@pytest.mark.parametrize(
    "word", ["", "access_denied ", "Access denied", "<b>", "a\nb", "é", "\ud800", "x" * 65, "a-b"]
)
def test_refuses_an_error_that_is_no_word(word):
    assert refused({"state": REQUEST.state, "error": word}) == "error"


@pytest.mark.parametrize("code", ["c0de", ""])
@pytest.mark.parametrize("word", ["access_denied", ""])
def test_refuses_code_and_error_together(code, word):
    assert refused(back(code=code, error=word)) == "error"


@pytest.mark.parametrize(
    "callback",
    [
        None,
        5,
        b"/callback?code=c0de",
        [("code", "c0de")],
        {"code": 5, "state": "x"},
        {"code": None},
        {"code": [b"c0de"]},
        {b"code": b"c0de"},
        {5: "x"},
        {"code": {"a": 1}},
        "/callback?code=%ff",
        "/callback?" + "&a=1" * 51,
    ],
)
def test_refuses_what_is_no_callback(callback):
    assert refused(callback) == "callback"


def test_an_unreadable_query_is_told_from_what_is_no_url():
    for callback, reason in (
        ("/callback?code=%ff", "query is not one"),
        (None, "must be the full URL or the mapping"),
    ):
        with pytest.raises(InvalidResponse, match=reason):
            read(callback)


def padded(length):
    start = back() + "&padding="
    return start + "x" * (length - len(start))


def test_a_callback_has_a_limit_in_any_form():
    assert read(padded(MAX_CALLBACK)) == "c0de"
    assert refused(padded(MAX_CALLBACK + 1)) == "callback"
    parameters = {"code": "c0de", "state": REQUEST.state}
    space = MAX_CALLBACK - len("".join(f"{name}{value}" for name, value in parameters.items()))
    assert read(parameters | {"": ["x" * (space - 1), "x"]}) == "c0de"
    assert refused(parameters | {"": ["x" * space, "x"]}) == "callback"
    assert refused(parameters | {"y": "x" * space}) == "callback"


def outcome(callback):
    """A code, or one of the three refusals; anything else is a failure of the test."""
    try:
        code = read(callback)
    except (InvalidResponse, ProviderError) as error:
        assert str(error).isprintable()  # noqa: PT017 - either may happen
    else:
        assert re.fullmatch(r"[\x20-\x7e]+", code)


TEXT = st.text(st.characters()) | st.sampled_from(
    [REQUEST.state, "c0de", "access_denied", PEERINGDB.issuer, ""]
)
NAMES = st.sampled_from(["code", "state", "error", "error_description", "iss"]) | st.text(
    st.characters()
)


@given(TEXT)
def test_any_text_is_a_callback_or_refused(text):
    outcome(text)
    outcome(f"/callback?state={REQUEST.state}&{text}")


@given(st.lists(st.tuples(NAMES, TEXT)))
def test_any_query_is_a_callback_or_refused(pairs):
    text = "&".join(
        f"{quote(name, errors='surrogatepass')}={quote(value, errors='surrogatepass')}"
        for name, value in pairs
    )
    outcome(f"/callback?{text}")
    outcome(f"/callback?{text}&state={REQUEST.state}")


@given(
    st.dictionaries(
        NAMES | st.integers() | st.none(),
        TEXT | st.none() | st.lists(TEXT | st.integers()) | st.tuples(TEXT) | st.binary(),
    )
)
def test_any_mapping_is_a_callback_or_refused(mapping):
    outcome(mapping)
    outcome(mapping | {"state": REQUEST.state})


# --- used codes -----------------------------------------------------------------------


def is_used(codes, key, now=NOW):
    try:
        codes.check(key, now)
    except StateMismatch as error:
        return error.check == "used"
    return False


def test_a_code_is_used_for_ten_minutes():
    codes = UsedCodes()
    codes.add("one", NOW)
    assert is_used(codes, "one", NOW + LIFETIME)
    assert not is_used(codes, "one", NOW + LIFETIME + 1)
    assert not is_used(codes, "other")


def test_the_memory_is_bounded_and_forgets_the_oldest():
    codes = UsedCodes(limit=3)
    for number in range(5):
        codes.add(str(number), NOW)
    assert [is_used(codes, str(number)) for number in range(5)] == [False, False, True, True, True]


def test_what_is_expired_is_forgotten():
    codes = UsedCodes()
    codes.add("one", NOW)
    codes.add("two", NOW + LIFETIME)
    assert len(codes._used) == 2
    codes.add("three", NOW + LIFETIME + 1)
    assert len(codes._used) == 2


def test_the_key_of_a_code_names_its_login():
    keys = {
        code_key(REQUEST, "c0de"),
        code_key(REQUEST, "other"),
        code_key(OTHER, "c0de"),
        code_key(replace(REQUEST, code_verifier="w" * 43), "c0de"),
    }
    assert len(keys) == 4
    assert not any("c0de" in key for key in keys)


def test_the_memory_is_only_looked_into_under_its_lock():
    codes, locked = UsedCodes(), []

    class Watched(str):
        __slots__ = ()

        def __hash__(self):
            locked.append(codes._lock._lock.locked())
            return super().__hash__()

    codes.check(Watched("x"), NOW)
    codes.add(Watched("x"), NOW)
    assert set(locked) == {True}
