"""Attacks on the callback. Each is refused by its check before a request is sent.

PeeringDB refuses the code of another login that comes with the right state, because it
does not fit our code_verifier.
"""

from urllib.parse import quote

import pytest
from flow_driver import FlowDriver

from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import InvalidResponse, LoginDenied, ProviderError, StateMismatch
from peeringdb_oauth.flows import log_in
from peeringdb_oauth.provider import Provider

SECRET = "s3cret-of-portal"
CODE = "c0de0fTheVictim"


@pytest.fixture
def provider(clock):
    config = ClientConfig(
        client_id="portal", client_secret=SECRET, redirect_uri="https://portal.example.net/callback"
    )
    return Provider(config, clock)


@pytest.fixture
def request_(provider):
    return provider.authorization_request(scope=None, prompt=None)


def callback(state, *more, code=CODE):
    return "https://portal.example.net/callback?" + "&".join(
        [f"code={code}", f"state={state}", *more]
    )


def sends_a_request(provider, request, back):
    """Whether a callback gets as far as the token endpoint, which refuses the code."""
    driver = FlowDriver({"/oauth2/token/": "token-error-bogus-code"})
    try:
        driver.run(log_in(provider, request, back))
    except ProviderError as error:
        assert error.error == "invalid_grant"  # noqa: PT017 - other errors send nothing
    return driver.paths() == ["/oauth2/token/"]


def refused(provider, request, back, error=InvalidResponse):
    """Return the error of a login that sends nothing.

    Its message has no secret and nothing from the attacker.
    """
    driver = FlowDriver({})
    with pytest.raises((InvalidResponse, ProviderError)) as caught:
        driver.run(log_in(provider, request, back))
    assert driver.sent == []
    assert type(caught.value) is error
    assert str(caught.value).isprintable()
    for secret in (SECRET, CODE, request.state, request.code_verifier, "attacker", "<", "evil"):
        assert secret not in str(caught.value)
    return caught.value


def test_an_honest_callback_is_accepted(provider, request_):
    assert sends_a_request(provider, request_, callback(request_.state))


# State: RFC 6749 section 10.12


def test_a_forged_state(provider, request_):
    assert refused(provider, request_, callback("forged" * 8), StateMismatch).check == "state"


def test_an_empty_state(provider, request_):
    assert refused(provider, request_, callback(""), StateMismatch).check == "state"


def test_no_state(provider, request_):
    assert (
        refused(
            provider, request_, f"https://portal.example.net/callback?code={CODE}", StateMismatch
        ).check
        == "state"
    )


def test_a_session_whose_state_was_emptied(request_):
    with pytest.raises(InvalidResponse) as caught:
        AuthorizationRequest.from_dict(request_.to_dict() | {"state": ""})
    assert caught.value.check == "authorization_request"


def test_the_right_state_beside_a_wrong_one(provider, request_):
    for more in (f"state={request_.state}", "state=evil"):
        assert (
            refused(provider, request_, callback(request_.state, more), StateMismatch).check
            == "state"
        )


def test_a_state_in_other_letters(provider, request_):
    assert (
        refused(provider, request_, callback(request_.state.swapcase()), StateMismatch).check
        == "state"
    )


def test_a_state_with_lone_surrogates(provider, request_):
    assert (
        refused(provider, request_, {"code": CODE, "state": "\udcff"}, StateMismatch).check
        == "state"
    )


def test_a_state_in_percent_encoding_that_is_no_text(provider, request_):
    assert refused(provider, request_, callback("%ff%fe")).check == "callback"


def test_two_browsers_that_swapped_their_callbacks(provider):
    alice, bob = (provider.authorization_request(scope=None, prompt=None) for _ in range(2))
    assert refused(provider, alice, callback(bob.state), StateMismatch).check == "state"
    assert refused(provider, bob, callback(alice.state), StateMismatch).check == "state"


def test_the_state_of_another_client(provider, request_, clock):
    other = Provider(
        ClientConfig(client_id="attacker", redirect_uri="https://attacker.example.net/callback"),
        clock,
    )
    foreign = other.authorization_request(scope=None, prompt=None)
    assert refused(provider, request_, callback(foreign.state), StateMismatch).check == "state"


def test_a_wrong_state_hides_behind_no_error_and_no_issuer(provider, request_):
    for more in ("error=access_denied", "iss=https://attacker.example.net"):
        assert refused(provider, request_, callback("forged", more), StateMismatch).check == "state"


# Time and reuse


def test_a_replayed_callback(provider, request_):
    assert sends_a_request(provider, request_, callback(request_.state))
    assert refused(provider, request_, callback(request_.state), StateMismatch).check == "used"


def test_a_code_of_somebody_else_does_not_use_up_their_login(provider, request_):
    attackers = provider.authorization_request(scope=None, prompt=None)
    assert sends_a_request(provider, attackers, callback(attackers.state))
    assert sends_a_request(provider, request_, callback(request_.state))


def test_an_error_does_not_use_up_the_login(provider, request_):
    for error, kind in (("access_denied", LoginDenied), ("server_error", ProviderError)):
        refused(provider, request_, {"state": request_.state, "error": error}, kind)
    assert sends_a_request(provider, request_, callback(request_.state))


def test_a_replay_out_of_a_restored_session(provider, request_):
    stored = request_.to_dict()
    assert sends_a_request(
        provider, AuthorizationRequest.from_dict(stored), callback(request_.state)
    )
    assert (
        refused(
            provider,
            AuthorizationRequest.from_dict(stored),
            callback(request_.state),
            StateMismatch,
        ).check
        == "used"
    )


def test_a_forged_callback_does_not_use_up_the_honest_one(provider, request_):
    refused(provider, request_, callback("forged"), StateMismatch)
    assert sends_a_request(provider, request_, callback(request_.state))


def test_an_expired_login(provider, request_, clock):
    clock.now += 601
    assert refused(provider, request_, callback(request_.state)).check == "created_at"


def test_a_login_from_the_future(provider, request_, clock):
    clock.now -= 61
    assert refused(provider, request_, callback(request_.state)).check == "created_at"


# Mixed and malformed answers


def test_code_and_error_together(provider, request_):
    assert (
        refused(provider, request_, callback(request_.state, "error=access_denied")).check
        == "error"
    )


def test_an_empty_error_beside_a_code(provider, request_):
    assert refused(provider, request_, callback(request_.state, "error=")).check == "error"


def test_a_mixed_up_issuer(provider, request_):  # RFC 9207 section 2.4
    for iss in (
        "https://attacker.example.net",
        "https://auth.peeringdb.com",
        "https://auth.peeringdb.com/oauth2/",
        "",
    ):
        assert (
            refused(provider, request_, callback(request_.state, f"iss={quote(iss)}")).check
            == "iss"
        )


def test_two_issuers(provider, request_):
    right = f"iss={quote(provider.metadata.issuer)}"
    assert (
        refused(
            provider, request_, callback(request_.state, right, "iss=https://attacker.example.net")
        ).check
        == "iss"
    )


def test_a_mixed_up_issuer_of_an_error(provider, request_):
    back = {
        "state": request_.state,
        "error": "access_denied",
        "iss": "https://attacker.example.net",
    }
    assert refused(provider, request_, back).check == "iss"


def test_two_codes(provider, request_):
    assert refused(provider, request_, callback(request_.state, "code=evil")).check == "code"


def test_no_code(provider, request_):
    assert refused(provider, request_, {"state": request_.state}).check == "code"


def test_an_empty_code(provider, request_):
    assert refused(provider, request_, callback(request_.state, code="")).check == "code"


def test_line_breaks_and_other_control_characters_in_a_code(provider, request_):
    for code in (
        "evil%0d%0aHost: attacker.example.net",
        "evil%00",
        "evil%1b[31m",
        "evil%7f",
        "evil\r\n",
        "evil%c2%85",
    ):
        assert refused(provider, request_, callback(request_.state, code=code)).check == "code"


def test_a_code_that_would_add_fields_to_the_form(provider, request_):
    back = {"code": "x&redirect_uri=https://attacker.example.net", "state": request_.state}
    assert refused(provider, request_, back).check == "code"


def test_a_code_that_would_have_a_firewall_refuse_us_all(provider, request_):
    back = {"code": "<script>attacker</script>", "state": request_.state}
    assert refused(provider, request_, back).check == "code"


def test_an_oversized_callback(provider, request_):
    assert (
        refused(provider, request_, callback(request_.state, "padding=" + "x" * 10_000)).check
        == "callback"
    )
    assert (
        refused(provider, request_, {"code": CODE, "state": request_.state, "x" * 10_000: ""}).check
        == "callback"
    )


def test_an_oversized_code(provider, request_):
    assert refused(provider, request_, callback(request_.state, code="x" * 1025)).check == "code"


def test_a_flood_of_parameters(provider, request_):
    assert (
        refused(
            provider, request_, callback(request_.state, *(f"{number}=" for number in range(60)))
        ).check
        == "callback"
    )


# Words in the answer


def test_cancelling_is_another_error_than_a_refusal_by_the_provider(provider, request_):
    assert (
        refused(
            provider, request_, {"state": request_.state, "error": "access_denied"}, LoginDenied
        ).error
        == "access_denied"
    )
    assert (
        refused(
            provider, request_, {"state": request_.state, "error": "server_error"}, ProviderError
        ).error
        == "server_error"
    )


def test_text_that_is_smuggled_into_a_page_or_a_log_by_the_error(provider, request_):
    for error in (
        "<script>evil()</script>",
        "evil\r\nSet-Cookie: a=b",
        "evil\x1b[2J",
        "Please call +1 555 0100, evil says",
        "\u202eevil",
    ):
        assert (
            refused(provider, request_, {"state": request_.state, "error": error}).check == "error"
        )


def test_text_that_is_smuggled_in_by_the_error_description_or_uri(provider, request_):
    words = {"error_description": "<b>evil</b>\r\n", "error_uri": "https://attacker.example.net/"}
    for word, error in (("access_denied", LoginDenied), ("server_error", ProviderError)):
        refused(provider, request_, {"state": request_.state, "error": word} | words, error)
