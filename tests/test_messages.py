"""Requests and responses as values: what is sent, what is JSON, what `repr` hides."""

import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth import __version__
from peeringdb_oauth.cost import Cost, Purpose
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse, parse_json

URL = "https://auth.peeringdb.com/x"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def answer(body, content_type="application/json"):
    return HTTPResponse(status=200, headers={"content-type": content_type}, body=body)


def test_a_request_without_a_form_is_a_get_without_a_body():
    request = HTTPRequest(url=URL)
    assert (request.method, request.body) == ("GET", None)
    assert request.headers == {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"peeringdb-oauth/{__version__}",
    }


def test_a_request_with_a_form_is_a_post_of_it():
    request = HTTPRequest(url=URL, form={"client_secret": "a b&c=d+%ü", "code": "1"})
    assert (request.method, request.headers["Content-Type"]) == (
        "POST",
        "application/x-www-form-urlencoded",
    )
    assert request.body == b"client_secret=a+b%26c%3Dd%2B%25%C3%BC&code=1"


def test_an_empty_form_is_still_a_post():
    assert (HTTPRequest(url=URL, form={}).method, HTTPRequest(url=URL, form={}).body) == (
        "POST",
        b"",
    )


def test_the_bearer_header_is_spelt_as_peeringdb_wants_it():
    assert HTTPRequest(url=URL, bearer="t0ken").headers["Authorization"] == "Bearer t0ken"
    assert "Content-Type" not in HTTPRequest(url=URL, bearer="t0ken").headers


def test_a_request_takes_one_from_the_budget_unless_it_says_otherwise():
    assert HTTPRequest(url=URL).cost == Cost(purpose=Purpose.LOGIN, payers=(), requests=1)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1),
        st.text(st.characters(codec="utf-8"), min_size=1),
    )
)
def test_a_form_arrives_as_it_was_sent(form):
    body = HTTPRequest(url=URL, form=form).body
    assert {name: [value] for name, value in form.items()} == parse_qs(body.decode("ascii"))


def test_a_repr_shows_neither_form_nor_token_nor_answer():
    request = HTTPRequest(url=URL, form={"client_secret": "s3cret"}, bearer="t0ken")
    response = HTTPResponse(status=200, headers={"set-cookie": "s3cret"}, body=b"t0ken")
    for text in (repr(request), repr(response)):
        assert "s3cret" not in text
        assert "t0ken" not in text


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        " application/json ;x",
        "application/jwk-set+json",
    ],
)
def test_a_json_object_is_read(content_type):
    assert answer(b'{"a": [1, null]}', content_type).json_object() == {"a": [1, None]}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "text/plain; charset=utf-8",
        "",
        "application/jsonp",
        "application/json+x",
        "text/html\r\n\x1b[31m",
    ],
)
def test_an_answer_of_another_type_is_refused_whatever_it_holds(content_type):
    with pytest.raises(InvalidResponse, match="answered 200") as caught:
        answer(b"{}", content_type).json_object()
    assert caught.value.check == "content-type"
    assert str(caught.value).isprintable()


def test_an_answer_without_a_type_is_refused():
    with pytest.raises(InvalidResponse) as caught:
        HTTPResponse(status=200, headers={}, body=b"{}").json_object()
    assert caught.value.check == "content-type"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"[]",
            b'"{}"',
            b"null",
            b"1",
            b"{",
            b"{}x",
            b"{'a': 1}",
            b'{"a": NaN}',
            b'{"a": -Infinity}',
            b"\xff",
            b"\xef\xbb\xbf{}",
        ),
        *(
            '{"a": 1}'.encode("utf-16"),
            b'{"a":' * 100_000,
            b"[" * 100_000,
            b'{"a": ' + b"1" * 5000 + b"}",
        ),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_anything_but_a_json_object_is_refused(body):
    with pytest.raises(InvalidResponse, match="not a JSON object") as caught:
        answer(body).json_object()
    assert caught.value.check == "json"
    assert caught.value.__cause__ is None


@given(st.binary())
def test_any_bytes_are_an_object_or_refused(body):
    try:
        assert isinstance(answer(body).json_object(), dict)
    except InvalidResponse as error:
        assert error.check == "json"  # noqa: PT017 - either may happen


@given(JSON)
def test_json_is_read_as_it_was_written(value):
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_python_alone_would_accept_or_choke_on_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_json(text)
