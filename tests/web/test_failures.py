"""What a person, a program and the operator are told of each failure."""

import logging
import re
from pathlib import Path

import pytest

from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    LoginDenied,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    StateMismatch,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.failures import (
    CONNECT_ENDED,
    CONNECTED_ALREADY,
    CONNECTED_ELSEWHERE,
    FAILURES,
    LOGGED_OUT,
    NO_OTHER_LOGIN,
    SESSION_ENDED,
    cause_of,
    failure_of,
    log_cause,
    not_for,
    reasons_of,
    session_ended,
    to_json,
)
from peeringdb_oauth.web.remedies import REMEDIES
from peeringdb_oauth.web.sessions.stored_login import Ending


@pytest.mark.parametrize(
    ("error", "status", "code", "title"),
    [
        (LoginDenied("no", error="access_denied"), 403, "cancelled", "You cancelled the login"),
        (StateMismatch("no"), 400, "unknown_login", "This login was not started here"),
        (StateMismatch("no", check="used"), 400, "login_used", "This login was used already"),
        (
            ProviderError("no", error="invalid_grant", status=400),
            400,
            "login_used",
            "This login was used already",
        ),
        (AccessDenied("no"), 403, "forbidden", "You have no access here"),
        (AccessDenied(), 403, "forbidden", "You have no access here"),
        (TokenRejected("no"), 401, "login_ended", "Your login has ended"),
        (RateLimited("no", retry_after=3), 503, "peeringdb_busy", "PeeringDB asks us to wait"),
        (
            RateLimited("no", retry_after=3, for_caller=True),
            429,
            "rate_limited",
            "Too many logins or checks within a minute",
        ),
        (TransportError("no"), 502, "peeringdb_unavailable", "PeeringDB is not available"),
        (
            ProviderError("no", error="invalid_client"),
            502,
            "peeringdb_refused",
            "PeeringDB refused this site",
        ),
        (
            InvalidIDToken("no", check="aud"),
            502,
            "invalid_id_token",
            "PeeringDB's answer cannot be trusted",
        ),
        (ConfigurationError("no"), 500, "misconfigured", "The login is not set up right"),
        (PeeringDBOAuthError("no"), 502, "invalid_answer", "PeeringDB's answer cannot be used"),
        (
            InvalidResponse("no", check="networks[0].asn"),
            502,
            "invalid_answer",
            "PeeringDB's answer cannot be used",
        ),
    ]
    + [
        (
            InvalidResponse("no", check=check),
            400,
            "login_incomplete",
            "This login cannot be completed",
        )
        for check in ("authorization_request", "callback", "code", "error", "iss", "scope")
    ]
    + [
        (
            InvalidResponse("no", check="created_at"),
            400,
            "login_expired",
            "This login took too long",
        )
    ],
)
def test_every_error_has_its_status_code_and_heading(error, status, code, title):
    failure = failure_of(error)
    assert (failure.status, failure.code, failure.title) == (status, code, title)
    assert failure.advice.endswith(".")


@pytest.mark.parametrize("for_caller", [True, False])
def test_who_has_to_wait_reads_for_how_long(for_caller):
    failure = failure_of(RateLimited("no", retry_after=60.2, for_caller=for_caller))
    assert failure.advice.endswith("Try again in 61 seconds.")


def test_a_person_whom_the_application_refuses_reads_their_name():
    failure = not_for("Ada Admin")
    assert (failure.code, failure.status) == ("wrong_account", 403)
    assert failure.title == "You are logged in as Ada Admin and may not see this page"


def test_a_form_in_a_session_that_has_ended_is_told_why():
    assert session_ended(Ending(reason="idle")) == (
        SESSION_ENDED,
        ("You did not use this site for a while",),
    )
    reasons = (Reason("AS64500: you may not read it"),)
    assert session_ended(Ending(reason="rule", reasons=reasons)) == (SESSION_ENDED, reasons)


# --- what a person reads of a refusal -------------------------------------------------


def refusal(*reasons):
    return failure_of(AccessDenied(*reasons))


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        (Reason("x", code="needs_read", asn=64500), "You may not read AS64500"),
        (
            Reason("AS64500: you may read this network but not x", code="needs_update", asn=64500),
            "You may read AS64500, not change it",
        ),
        (
            Reason("AS64500: you may not update it", code="needs_update", asn=64500),
            "You may not change AS64500",
        ),
        (Reason("x", code="needs_update"), "You have no access here"),  # without a number
        (Reason("x", code="not_affiliated", asn=64500), "You are not affiliated with AS64500"),
        (Reason("x", code="a_port_is_missing", asn=64500), "You have no access here"),
    ],
)
def test_the_title_fits_the_reason(reason, title):
    assert refusal(reason).title == title


@pytest.mark.parametrize(
    "failure", [CONNECTED_ELSEWHERE, CONNECTED_ALREADY, CONNECT_ENDED, NO_OTHER_LOGIN]
)
def test_a_refusal_to_connect_accounts_has_a_page_of_its_own(failure):
    reason = Reason("x", code=failure.code)
    assert refusal(reason) == refusal(reason, reason) == failure


def test_a_refusal_for_different_reasons_has_the_general_page():
    taken = Reason("x", code=CONNECTED_ELSEWHERE.code)
    assert refusal(taken, "closed").code == "forbidden"
    assert refusal(taken, Reason("x", code=CONNECT_ENDED.code)).code == "forbidden"


@pytest.mark.parametrize("code", ["invalid_asn", "network_not_allowed", "no_network"])
def test_nobody_is_told_to_log_in_again_for_a_wrong_number(code):
    failure = refusal(Reason("x", code=code, asn=64500))
    assert not failure.offers_login
    assert "log in" not in failure.advice.lower()


@pytest.mark.parametrize("code", ["needs_second_factor", "second_factor_unknown"])
def test_peeringdb_asks_for_the_second_factor_in_the_next_login(code):
    failure = refusal(Reason("x", code=code))
    assert (failure.offers_login, failure.prompts) == (True, True)
    assert "second factor" in failure.advice


def test_several_reasons_have_the_title_of_the_first_and_the_advice_of_all():
    failure = refusal(
        Reason("x", code="unverified_email"),
        Reason("x", code="needs_second_factor"),
        Reason("x", code="needs_second_factor"),
    )
    assert failure.title == "Your email address is not confirmed"
    assert failure.advice == (
        f"{REMEDIES['unverified_email'].advice} {REMEDIES['needs_second_factor'].advice}"
    )
    assert (failure.offers_login, failure.prompts) == (True, True)


def test_a_login_does_not_help_if_one_reason_stays():
    reasons = Reason("x", code="unverified_email"), Reason("x", code="invalid_asn")
    assert not refusal(*reasons).offers_login


def test_reasons_are_sentences():
    assert reasons_of(AccessDenied("you may not", "AS64500: no")) == ("You may not", "AS64500: no")


@pytest.mark.parametrize(
    "error",
    [
        TransportError("choose the algorithm RS256"),
        ConfigurationError("client_secret: missing"),
        ProviderError("check client_secret", error="invalid_client", status=401),
        StateMismatch("set PEERINGDB_OAUTH_REDIRECT_URI"),
        TokenRejected("lacks the scope 'profile'"),
    ],
)
def test_the_message_of_an_error_is_for_the_operator(error):
    assert reasons_of(error) == ()
    assert cause_of(error) == f"{type(error).__name__}: {error}"
    assert str(error) not in str(to_json(failure_of(error), login_url=None))


def test_the_cause_of_a_refusal_is_that_of_its_reasons():
    with_cause = Reason("x", code="email_unknown", cause="the scope 'email' is missing")
    assert cause_of(AccessDenied("closed", with_cause)) == "the scope 'email' is missing"
    assert cause_of(AccessDenied("closed")) == ""
    other = Reason("x", code="second_factor_unknown", cause="the scope 'amr' is missing")
    assert cause_of(AccessDenied(with_cause, other)) == (
        "the scope 'email' is missing; the scope 'amr' is missing"
    )


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (TransportError("gone"), logging.WARNING),
        (InvalidResponse("no code", check="code"), logging.WARNING),
        (LoginDenied("cancelled"), logging.INFO),
        (StateMismatch("unknown"), logging.INFO),
    ],
)
def test_what_visitors_cause_is_a_detail_of_the_log(error, level, caplog):
    with caplog.at_level(logging.INFO, "peeringdb_oauth"):
        assert log_cause(error, failure_of(error)) == cause_of(error)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (level, cause_of(error))
    ]


def test_a_program_gets_the_failure_as_json():
    reason = Reason("AS64500: you may not read it", code="needs_read", asn=64500)
    body = {
        "code": "logged_out",
        "title": "You are not logged in",
        "reasons": [{"code": "needs_read", "asn": 64500, "text": "AS64500: you may not read it"}],
        "advice": "Log in with PeeringDB to go on.",
        "login_url": "/login/peeringdb",
    }
    assert to_json(LOGGED_OUT, (reason,), login_url="/login/peeringdb") == body
    for_developers = to_json(LOGGED_OUT, login_url=None, cause="TransportError: down")
    assert for_developers == body | {
        "reasons": [],
        "login_url": None,
        "cause": "TransportError: down",
    }


# --- the documented codes -------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "refusals.md"


def table(heading):
    """The rows below a heading of the page: the cells of each, without backticks."""
    text = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \|(.*)\|$", text, re.MULTILINE)
    return [(code, [cell.strip() for cell in cells.split("|")]) for code, cells in rows]


def test_the_page_lists_all_failures_with_their_status():
    assert [(code, cells[0].split(",")[0]) for code, cells in table("Codes")] == [
        (failure.code, str(failure.status)) for failure in FAILURES
    ]


def test_the_page_lists_the_codes_of_all_reasons():
    assert [code for code, _ in table("Codes of reasons")] == [*REMEDIES, "invalid_token"]


def test_codes_are_words_and_no_code_is_used_twice():
    codes = [failure.code for failure in FAILURES]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("[a-z_]+", code) for code in (*codes, *REMEDIES))


# Words that mean something to the people who run a site only.
OPERATORS = re.compile(r"scope|secret|redirect|PEERINGDB_OAUTH|RS256|client_id|base_url|rule")


def test_no_page_tells_a_person_what_only_the_operator_can_do():
    texts = [text for failure in FAILURES for text in (failure.title, failure.advice)]
    texts += [text for remedy in REMEDIES.values() for text in (remedy.title, remedy.advice)]
    assert [text for text in texts if OPERATORS.search(text)] == []
