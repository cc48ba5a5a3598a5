"""The code and the reason with which a refused WebSocket is closed."""

import pytest

from peeringdb_oauth.web import Answer, close_code, close_reason


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, 4400),
        (401, 4401),
        (403, 4403),
        (429, 1013),
        (499, 4499),
        (500, 1011),
        (502, 1013),
        (503, 1013),
    ],
)
def test_each_status_has_its_close_code(status, code):
    assert close_code(status) == code


def because(*texts):
    reasons = [{"text": text} for text in texts]
    return Answer(status=403, json={"title": "No", "reasons": reasons})


def test_the_reason_has_the_sentences_of_a_refusal():
    assert close_reason(because("You may not read AS64500", "Never")) == (
        "You may not read AS64500; Never"
    )


def test_a_refusal_without_sentences_has_its_title():
    assert close_reason(because()) == "No"
    assert close_reason(Answer(status=401, json={"title": "No"})) == "No"


@pytest.mark.parametrize("answer", [Answer(status=401), Answer(status=401, json={"code": "x"})])
def test_an_answer_that_says_nothing_has_no_reason(answer):
    assert close_reason(answer) == ""


def test_a_reason_has_at_most_123_bytes():
    assert close_reason(because("ä" * 50, "b" * 100)) == "ä" * 50 + "; " + "b" * 21
    assert close_reason(because("ä" * 99)) == "ä" * 61
