"""Reasons are sentences with a code, and stay so when they are copied and pickled."""

import copy
import json
import pickle

import pytest

from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.reasons import Reason

REASON = Reason("no port at AS64500", code="no_port", asn=64500, cause="order a port")


def parts(reason):
    return str(reason), reason.code, reason.asn, reason.cause


def test_a_reason_is_its_sentence():
    assert REASON == "no port at AS64500"
    assert repr(REASON) == "'no port at AS64500'"
    assert f"{REASON}." == "no port at AS64500."
    assert json.dumps([REASON]) == '["no port at AS64500"]'
    assert {REASON: 1}["no port at AS64500"] == 1


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        *(
            lambda reason, protocol=protocol: pickle.loads(pickle.dumps(reason, protocol))  # noqa: S301
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
    ],
)
def test_a_reason_can_be_copied_and_pickled(duplicate):
    copied = duplicate(REASON)
    assert type(copied) is Reason
    assert parts(copied) == ("no port at AS64500", "no_port", 64500, "order a port")


def test_plain_text_is_a_reason_of_the_application():
    assert parts(Reason.of("closed today")) == ("closed today", "refused", None, "")
    assert Reason.of(REASON) is REASON


@pytest.mark.parametrize(
    ("text", "sentence"), [("closed", "Closed"), ("AS64500: no", "AS64500: no"), ("", "")]
)
def test_a_sentence_begins_with_a_capital_letter(text, sentence):
    reason = Reason(text, code="x", asn=64500, cause="y")
    assert parts(reason.sentence) == (sentence, "x", 64500, "y")


def test_an_error_has_reasons_whatever_it_was_given():
    error = AccessDenied("closed today", REASON)
    assert [parts(reason) for reason in error.reasons] == [
        ("closed today", "refused", None, ""),
        parts(REASON),
    ]
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert [parts(reason) for reason in copied.reasons] == list(map(parts, error.reasons))
    assert str(error) == "closed today; no port at AS64500"
