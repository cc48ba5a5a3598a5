"""The errors that refuse a bearer token, and their WWW-Authenticate headers."""

import logging

import pytest

from peeringdb_oauth.bearer.challenge import (
    challenge,
    insufficient_scope,
    invalid_id_token,
    invalid_token,
    missing_token,
)
from peeringdb_oauth.errors import InvalidIDToken


def test_a_missing_token_has_no_error_code():
    error = missing_token()
    assert str(error) == "no token was sent"
    assert error.www_authenticate == 'Bearer realm="PeeringDB"'


def test_an_invalid_token_has_its_reason_in_the_header():
    error = invalid_token("too old")
    assert str(error) == "too old"
    assert error.www_authenticate == (
        'Bearer realm="PeeringDB", error="invalid_token", error_description="too old"'
    )


def test_a_missing_scope_is_named():
    error = insufficient_scope("networks", "amr")
    text = (
        "this token was not granted the scope networks amr: log in again, with an application that"
        " asks for it"
    )
    [reason] = error.reasons
    assert (reason, reason.code, reason.asn) == (text, "insufficient_scope", None)
    assert error.www_authenticate == (
        'Bearer realm="PeeringDB", error="insufficient_scope", '
        f'error_description="{text}", scope="networks amr"'
    )


@pytest.mark.parametrize(
    ("check", "message", "for_callers", "level"),
    [
        ("exp", "it has expired, or the clock here is fast", "it has expired", logging.INFO),
        ("alg", "wrong: choose RS256 at PeeringDB", "wrong", logging.WARNING),
        ("aud", "it is not for us", "it is not for us", logging.INFO),
    ],
)
def test_what_operators_can_do_is_only_in_the_log(caplog, check, message, for_callers, level):
    caplog.set_level(logging.INFO, "peeringdb_oauth")
    error = invalid_id_token(InvalidIDToken(message, check=check))
    assert str(error) == for_callers
    assert error.www_authenticate == challenge("invalid_token", for_callers)
    assert caplog.record_tuples == [
        ("peeringdb_oauth", level, f"a bearer token was refused: {message}")
    ]


def test_what_cannot_be_quoted_is_a_question_mark():
    assert challenge("invalid_token", 'a"b\\c\r\nd\u00e9') == (
        'Bearer realm="PeeringDB", error="invalid_token", error_description="a?b?c??d?"'
    )
