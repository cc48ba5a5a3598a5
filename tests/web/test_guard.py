"""Guards: the AS number of a request, bearer tokens, and their refusals."""

import asyncio
import logging
from types import SimpleNamespace

import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.config import SCOPES
from peeringdb_oauth.cost import STRANGERS, Payer
from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidResponse,
    ProviderError,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web import (
    NO_ASN,
    Guard,
    Refused,
    bearer_token,
    find_asn,
    parse_asn,
    private,
    refuse_token,
    require_token,
    verify_token,
)

NO_STORE = {"Cache-Control": "no-store"}
TOKEN = "an-access-token"
HERE = "198.51.100.7"


def refuse(error, *, path="/api/x", debug=False):
    return refuse_token(error, path=path, debug=debug)


# --- a view's conditions --------------------------------------------------------------


def test_the_rule_of_the_login_says_what_an_account_must_have_verified():
    login_rule = AccessRule(
        verified_user=False, verified_email=False, asn=64500, mfa=True, perms=Permission.UPDATE
    )
    guard = Guard.of(None).under(login_rule)
    assert guard.rule == AccessRule(verified_user=False, verified_email=False)
    assert Guard.of(None).under(AccessRule()).rule == AccessRule()


@pytest.mark.parametrize(
    ("asn", "in_the_rule", "in_the_guard"),
    [
        (64500, (64500,), None),
        ([64500, 64501], (64500, 64501), None),
        ("asn", None, "asn"),
        (len, None, len),
    ],
)
def test_constants_are_part_of_the_rule(asn, in_the_rule, in_the_guard):
    guard = Guard.of(asn, perms=Permission.UPDATE, manage_sessions=True, mfa=True, max_age=60)
    assert guard == Guard(
        rule=AccessRule(asn=in_the_rule, perms=Permission.UPDATE, manage_sessions=True, mfa=True),
        asn=in_the_guard,
        max_age=60,
    )


@pytest.mark.parametrize("conditions", [{"perms": Permission.UPDATE}, {"manage_sessions": True}])
def test_permissions_without_a_network_are_refused(conditions):
    with pytest.raises(ConfigurationError) as caught:
        Guard.of(None, **conditions)
    assert caught.value.problems == (
        "asn: missing, and perms and manage_sessions are about a network",
    )


@pytest.mark.parametrize("max_age", ["60", -1, True, float("nan"), [60]])
def test_a_max_age_that_is_not_a_number_of_seconds_is_refused(max_age):
    with pytest.raises(ConfigurationError) as caught:
        Guard.of(None, max_age=max_age)
    assert caught.value.problems == ("max_age: must be a number of seconds, such as 60, or None",)


@pytest.mark.parametrize("max_age", [None, 0, 0.5, 60])
def test_a_max_age_is_a_number_of_seconds(max_age):
    assert Guard.of(None, max_age=max_age).max_age == max_age


@pytest.mark.parametrize("asn", ["64500", "", "a b"])
def test_a_text_that_is_not_the_name_of_an_argument_is_refused(asn):
    with pytest.raises(ConfigurationError, match=f"asn: '{asn}' cannot be the name of an argument"):
        Guard.of(asn)


@pytest.mark.parametrize("asn", [0, [], (64500, "64501"), 1.5])
def test_a_constant_that_is_not_an_as_number_is_refused(asn):
    with pytest.raises(ConfigurationError, match="asn must be"):
        Guard.of(asn)


@pytest.mark.parametrize(
    ("guard", "missing", "condition"),
    [
        (Guard.of(64500), "networks", "asn"),
        (Guard.of("asn"), "networks", "asn"),
        (Guard.of(len), "networks", "asn"),
        (Guard.of(None), "email", "verified_email"),
        (Guard.of(None, mfa=True), "amr", "mfa"),
    ],
)
def test_a_scope_that_lacks_what_the_guard_reads_is_refused(guard, missing, condition):
    scope = [word for word in SCOPES if word != missing]
    with pytest.raises(ConfigurationError) as caught:
        guard.check_scope(scope, where="the view peering")
    assert caught.value.problems == (
        (
            f"scope: {missing!r} is missing, and the view peering asks for {condition};"
            f" add {missing!r}"
        ),
    )
    guard.check_scope(SCOPES, where="the view peering")


def test_a_guard_that_is_about_no_network_reads_no_networks():
    scope = [word for word in SCOPES if word != "networks"]
    assert Guard.of(None).check_scope(scope, where="the view peering") is None


# --- the AS number of a request -------------------------------------------------------


@pytest.fixture
def find(make_driver):
    """``find(source, arguments)``: the AS number that a guard finds."""

    def find(source, arguments=(), *request):
        guard = Guard.of(source)
        return make_driver({}).run(
            find_asn(guard.asn_of(dict(arguments), *request, where="the URL"))
        )

    return find


@pytest.mark.parametrize("source", [None, 64500, (64500, 64501)])
def test_a_request_has_no_as_number_if_the_rule_names_it(find, source):
    assert find(source, {"asn": 64511}) is None


@pytest.mark.parametrize(
    ("argument", "number"),
    [(64500, 64500), ("64500", 64500), ("AS64500", "AS64500"), ("", ""), (None, NO_ASN)],
)
def test_an_argument_has_the_number(find, argument, number):
    assert find("asn", {"asn": argument, "other": 64511}) == number


@pytest.mark.parametrize(
    ("arguments", "names"),
    [({}, "none"), ({"other": 1}, "other"), ({"other": 1, "page": 2}, "other, page")],
)
def test_the_error_for_a_missing_argument_names_those_that_there_are(find, arguments, names):
    with pytest.raises(ConfigurationError) as caught:
        find("asn", arguments)
    assert caught.value.problems == (
        f"asn: there is no 'asn' among the URL; write the name of one of them ({names})",
    )


@pytest.mark.parametrize(
    ("found", "number"), [(64500, 64500), ("64500", 64500), (0, 0), ("", ""), (None, NO_ASN)]
)
def test_a_function_finds_the_number(find, found, number):
    assert find({"/x": found}.get, {}, "/x") == number


def test_a_coroutine_function_finds_the_number(provider):
    async def find(request):
        return f"{request}00"

    async def run():
        async with AsyncClient(provider.config) as client:
            return await client.run(find_asn(Guard.of(find).asn_of({}, 645, where="")))

    assert asyncio.run(run()) == 64500


def test_every_rule_refuses_a_number_that_was_not_found():
    user = User(
        id=1,
        verified_user=True,
        verified_email=True,
        networks=(Network(id=1, asn=64500, name="Net", perms=Permission.READ),),
    )
    for rule in (AccessRule(), AccessRule(asn=64500)):
        assert rule.check(user)
        [reason] = rule.check(user, asn=NO_ASN).reasons
        assert "not an AS number" in reason


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("64500", 64500),
        (64500, 64500),
        ("4294967295", 4294967295),
        (None, None),
        ("AS64500", "AS64500"),
    ],
)
def test_parse_asn(text, number):
    assert parse_asn(text) == number


# --- bearer tokens --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER  abc ", "abc"),
        ("Bearer a b", "a b"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_bearer_token_reads_the_header(authorization, token):
    assert bearer_token(authorization) == token


@pytest.fixture
def answers(clock, provider):  # noqa: ARG001 - sets the clock
    """What PeeringDB answers."""
    introspection = {
        "active": True,
        "scope": "profile email networks",
        "exp": int(clock.now) + 36000,
        "client_id": "conf-rs256",
    }
    return {"/oauth2/introspect/": introspection, "/profile/v1": "profile-orgadmin"}


@pytest.fixture
def driver(make_driver, answers):
    return make_driver(answers)


@pytest.fixture
def ask(provider, driver):
    """``ask(check, token, source, arguments)``: send a token to a guarded view.

    ``check``: `require_token` or `verify_token`.
    """
    verifier = BearerVerifier(SimpleNamespace(provider=provider, run=driver.run))

    def ask(check, token, source=None, arguments=(), *, debug=False, **conditions):
        guard = Guard.of(source, **conditions)
        asn = guard.asn_of(dict(arguments), where="the URL")
        shown = {"path": "/api/x", "debug": debug} if check is require_token else {}
        return driver.run(check(verifier, token, guard, asn=asn, address=HERE, **shown))

    return ask


@pytest.mark.parametrize("check", [require_token, verify_token])
@pytest.mark.parametrize("source", [None, 64500, "asn", lambda: "64500"])
def test_a_good_token_gives_its_user(ask, check, source):
    conditions = {"perms": Permission.UPDATE} if source else {}
    assert ask(check, TOKEN, source, {"asn": 64500}, **conditions).id == 1


@pytest.mark.parametrize("source", [64511, "asn", lambda: 64511, lambda: None])
def test_a_network_of_other_people_is_refused(ask, source):
    with pytest.raises(AccessDenied):
        ask(verify_token, TOKEN, source, {"asn": "64511"})
    with pytest.raises(Refused) as caught:
        ask(require_token, TOKEN, source, {"asn": "64511"})
    assert caught.value.answer.status == 403


@pytest.mark.parametrize("token", [None, "", "no ASCII: ä"])
def test_the_function_is_not_called_without_a_good_token(ask, token):
    looked = []
    with pytest.raises(Refused) as caught:
        ask(require_token, token, lambda: looked.append(token))
    assert caught.value.answer.status == 401
    assert looked == []


@pytest.mark.parametrize("check", [require_token, verify_token])
@pytest.mark.parametrize("source", [64511, lambda: 64511])
def test_the_address_of_the_caller_pays_for_an_unknown_token(ask, driver, check, source):
    with pytest.raises((AccessDenied, Refused)):
        ask(check, TOKEN, source)
    assert driver.sent[0].cost.payers == (Payer.of_address(HERE), STRANGERS)


def test_a_refused_call_is_logged_with_its_path(ask, caplog):
    with pytest.raises(Refused):
        ask(require_token, TOKEN, 64511)
    assert [one.peeringdb_path for one in audit(caplog)] == ["/api/x"]


@pytest.mark.parametrize("debug", [True, False])
def test_only_in_debug_mode_a_refused_call_is_told_the_cause(ask, answers, debug):
    answers["/profile/v1"] = TransportError("down")
    with pytest.raises(Refused) as caught:
        ask(require_token, TOKEN, debug=debug)
    assert caught.value.answer.json.get("cause") == ("TransportError: down" if debug else None)


def test_a_token_is_looked_up_when_the_last_answer_is_older_than_max_age(ask, driver, clock):
    ask(require_token, TOKEN, max_age=30)
    before = len(driver.sent)
    clock.now += 29
    ask(require_token, TOKEN, max_age=30)
    assert len(driver.sent) == before
    clock.now += 1
    ask(require_token, TOKEN, max_age=30)
    assert len(driver.sent) == before + 2


@pytest.mark.parametrize(
    ("error", "status", "headers", "code", "reasons"),
    [
        (
            TokenRejected("it has expired"),
            401,
            {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            "invalid_token",
            [("invalid_token", None, "It has expired")],
        ),
        (
            TokenRejected("no token was sent", www_authenticate="Bearer"),
            401,
            {"WWW-Authenticate": "Bearer"},
            "token_missing",
            [],
        ),
        (AccessDenied("you may not"), 403, {}, "forbidden", [("refused", None, "You may not")]),
        (
            AccessDenied(Reason("scope", code="insufficient_scope"), www_authenticate="Bearer x"),
            403,
            {"WWW-Authenticate": "Bearer x"},
            "forbidden",
            [("insufficient_scope", None, "Scope")],
        ),
        (RateLimited("wait", retry_after=2.1), 503, {"Retry-After": "3"}, "peeringdb_busy", []),
        (
            RateLimited("wait", retry_after=2.1, for_caller=True),
            429,
            {"Retry-After": "3"},
            "rate_limited",
            [],
        ),
        (TransportError("down"), 503, {"Retry-After": "30"}, "peeringdb_unavailable", []),
        (ProviderError("refused"), 502, {}, "peeringdb_refused", []),
        (InvalidResponse("what?", check="json"), 502, {}, "invalid_answer", []),
        (ConfigurationError("client_secret: missing"), 500, {}, "misconfigured", []),
    ],
)
def test_every_error_has_its_status_headers_and_json(error, status, headers, code, reasons):
    answer = refuse(error)
    assert (answer.status, answer.headers, answer.page) == (status, NO_STORE | headers, None)
    body = answer.json
    assert (body["code"], body["login_url"]) == (code, None)
    assert [(reason["code"], reason["asn"], reason["text"]) for reason in body["reasons"]] == (
        reasons
    )
    assert body["title"]
    assert body["advice"].endswith(".")
    assert "cause" not in body


def audit(caplog):
    return [one for one in caplog.records if one.name == "peeringdb_oauth.audit"]


@pytest.mark.parametrize(
    ("error", "code", "reason_code", "said"),
    [
        (TokenRejected("it has expired"), "invalid_token", "invalid_token", "It has expired"),
        (AccessDenied("you may not"), "forbidden", "refused", "You may not"),
        (
            RateLimited("wait", retry_after=2, for_caller=True),
            "rate_limited",
            "rate_limited",
            "Too many logins or checks within a minute",
        ),
    ],
)
def test_a_refused_token_is_a_line_in_the_audit_log(caplog, error, code, reason_code, said):
    refuse(error, path="/api/a\nb")
    [line] = audit(caplog)
    assert line.getMessage() == (
        f"login with PeeringDB: refused, nobody known, path /api/a%0Ab: {said}"
    )
    assert (line.peeringdb_code, line.peeringdb_reason_codes) == (code, (reason_code,))


@pytest.mark.parametrize(
    "error",
    [
        TokenRejected("no token was sent", www_authenticate="Bearer"),
        TransportError("down"),
        ConfigurationError("client_secret: missing"),
    ],
)
def test_a_missing_token_and_failures_of_others_are_not_in_the_audit_log(caplog, error):
    refuse(error)
    assert audit(caplog) == []


@pytest.mark.parametrize(
    ("challenge", "error"),
    [
        ('Bearer realm="PeeringDB", error="invalid_token", error_description="x"', "invalid_token"),
        ('Bearer error="insufficient_scope"', "insufficient_scope"),
        ('Bearer realm="PeeringDB"', None),
    ],
)
def test_the_json_has_the_error_of_the_header(challenge, error):
    assert refuse(TokenRejected("x", www_authenticate=challenge)).json.get("error") == error


def test_in_debug_mode_the_json_has_the_cause():
    answer = refuse(ConfigurationError("client_secret: missing"), debug=True)
    assert answer.json["cause"] == "ConfigurationError: client_secret: missing"


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (TokenRejected("no"), []),
        (AccessDenied("no"), []),
        (AccessDenied(Reason("no", code="email_unknown", cause="no scope")), ["no scope"]),
        (TransportError("down"), ["TransportError: down"]),
    ],
)
def test_errors_that_the_caller_did_not_cause_are_logged(error, logged, caplog):
    with caplog.at_level(logging.WARNING, "peeringdb_oauth"):
        refuse(error)
    records = [one for one in caplog.records if one.name == "peeringdb_oauth"]
    assert [record.getMessage() for record in records] == logged


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, "private"),
        ("", "private"),
        ("max-age=60", "private, max-age=60"),
        ("public, max-age=60, s-maxage=600", "private, max-age=60"),
        ("no-cache", "private, no-cache"),
        ("no-store", "no-store"),
        ("No-Store, max-age=0", "No-Store, max-age=0"),
        ("max-age=60, Private", "max-age=60, Private"),
        ('private="Set-Cookie"', 'private, private="Set-Cookie"'),
    ],
)
def test_no_shared_cache_may_keep_a_guarded_page(given, sent):
    assert private(given) == sent
