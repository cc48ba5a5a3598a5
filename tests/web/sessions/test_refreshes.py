"""One refresh of a session's tokens, step by step."""

import logging
from dataclasses import replace

import pytest

from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import (
    ProviderError,
    RecordsUnavailable,
    RightsUnknown,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.sessions import Ending

TOKEN, REVOKE = "/oauth2/token/", "/oauth2/revoke_token/"
BUSY = "^PeeringDB is being asked about you already: try again in a moment$"
ENDED = "^this session has ended: log in again$"


@pytest.fixture
def new(recording):
    """The tokens that PeeringDB answers with."""
    return recording("token-success-no-openid").json


@pytest.fixture
def mine(site):
    """The lease of a session that has a refresh token."""
    return site.run(site.sessions.claim(site.load(site.begin())))


@pytest.fixture
def refresh(site, mine):
    return lambda: site.run(site.refreshes.refresh(mine))


def refuses(error):
    headers = {"content-type": "application/json"}
    return HTTPResponse(status=400, headers=headers, body=b'{"error": "%s"}' % error.encode())


def revoked(site):
    """The tokens that were revoked, and for which purpose."""
    return [
        (request.form["token"], request.cost.purpose)
        for request in site.driver.sent
        if request.url.endswith(REVOKE)
    ]


def refuse():
    raise RecordsUnavailable("the store of the sessions does not answer")


@pytest.mark.parametrize("is_refreshable", [True, False])
def test_a_session_with_a_refresh_token_can_be_refreshed(site, is_refreshable):
    login = site.load(site.begin(is_refreshable=is_refreshable))
    assert site.refreshes.are_possible(login) is is_refreshable
    assert not site.refreshes.are_possible(replace(login, tokens=""))


def test_a_refresh_takes_the_part_of_rechecks_and_ends_before_the_lease(site, refresh):
    refresh()
    [request] = site.driver.sent
    assert request.form["refresh_token"] == "refresh-1"
    assert request.cost == Cost(purpose=Purpose.RECHECK, payers=(Payer.of_rechecks(1),))
    assert request.within == 15


def test_the_new_tokens_are_stored(site, refresh, mine, new, clock):
    clock.now += 10
    login = refresh()
    stored = site.run(site.sessions.fresh(mine))
    for one in (login, stored):
        token = site.tokens.open(one)
        assert (token.access_token, token.refresh_token) == (
            new["access_token"],
            new["refresh_token"],
        )
        assert one.expires_at == int(clock.now) + new["expires_in"]
        assert one.lease == mine.lease


def test_the_lease_lasts_twenty_seconds_from_the_refresh_on(refresh, clock):
    clock.now += 15
    assert refresh().lease_until == clock.now + 20


def test_who_has_lost_the_lease_does_not_refresh(site, refresh, mine, clock):
    clock.now += 20
    site.run(site.sessions.claim(mine))
    with pytest.raises(RightsUnknown, match=BUSY):
        refresh()
    assert site.driver.sent == []


def test_a_session_that_has_ended_is_not_refreshed_and_its_tokens_are_revoked(site, refresh, mine):
    site.run(site.sessions.end(mine, Ending(reason="logout")))
    with pytest.raises(TokenRejected, match=ENDED):
        refresh()
    site.driver.settle()
    assert revoked(site) == [("refresh-1", Purpose.CLEAN_UP)]


def test_tokens_that_are_gone_meanwhile_end_the_refresh(site, refresh, mine):
    site.run(site.sessions.change(mine, lambda stored: replace(stored, tokens="")))
    with pytest.raises(TokenRejected, match=ENDED):
        refresh()
    assert site.driver.sent == []


def test_a_refresh_token_that_peeringdb_refuses_ends_the_login(site, refresh):
    site.answers[TOKEN] = refuses("invalid_grant")
    with pytest.raises(TokenRejected, match=r"^PeeringDB has ended this login: log in again$"):
        refresh()


@pytest.mark.parametrize(
    ("answer", "error"),
    [(refuses("invalid_client"), ProviderError), (TransportError("down"), TransportError)],
)
def test_another_failure_is_passed_on(site, refresh, mine, answer, error):
    site.answers[TOKEN] = answer
    with pytest.raises(error):
        refresh()
    assert site.tokens.open(site.run(site.sessions.fresh(mine))).refresh_token == "refresh-1"


# --- the session changes while PeeringDB is asked -------------------------------------


@pytest.fixture
def during(site):
    """``during(function)``: it is called before PeeringDB answers a refresh."""
    answer = site.driver._answer

    def wrap(happen):
        def answer_after(request):
            if request.url.endswith(TOKEN):
                happen()
            return answer(request)

        site.driver._answer = answer_after

    return wrap


def test_an_answer_after_the_lease_is_given_back(site, refresh, mine, during, new):
    def be_late():
        site.clock.now += 20
        site.run(site.sessions.claim(mine))

    during(be_late)
    with pytest.raises(RightsUnknown, match=BUSY):
        refresh()
    assert revoked(site) == [(new["refresh_token"], Purpose.LOGIN)]
    assert site.tokens.open(site.run(site.sessions.fresh(mine))).refresh_token == "refresh-1"


def test_tokens_of_a_session_that_has_ended_meanwhile_are_revoked(site, refresh, mine, during, new):
    reason = Reason("AS64500 is not yours", code="no_network")
    ending = Ending(reason="rule", reasons=(reason, reason))
    during(lambda: site.run(site.sessions.end(mine, ending)))
    with pytest.raises(TokenRejected, match=r"^AS64500 is not yours; AS64500 is not yours$"):
        refresh()
    assert revoked(site) == [(new["refresh_token"], Purpose.CLEAN_UP)]
    assert site.run(site.sessions.fresh(mine)).tokens == ""


# --- the store goes down while PeeringDB is asked -------------------------------------


@pytest.fixture
def pauses(site, clock):
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        clock.now += seconds

    site.driver.pause = pause
    return pauses


@pytest.fixture
def unstored(site, refresh, mine, during, pauses):  # noqa: ARG001 - the store is tried
    """A refresh whose tokens the store has not taken."""
    during(lambda: setattr(site.records, "before_put", refuse))
    with pytest.raises(RecordsUnavailable):
        refresh()
    [step] = site.driver.later
    assert step.name == f"store tokens {mine.key}"


@pytest.mark.usefixtures("unstored")
def test_new_tokens_are_given_back_when_the_lease_is_over(site, pauses, new, caplog):
    caplog.set_level(logging.ERROR)
    site.driver.settle()
    assert pauses == [0.5] * 40
    assert revoked(site) == [(new["refresh_token"], Purpose.LOGIN)]
    assert caplog.messages == [
        "the store of the sessions did not take the new tokens of user 1: their session ends"
    ]


@pytest.mark.usefixtures("unstored")
@pytest.mark.parametrize("tries", [1, 40])
def test_new_tokens_are_stored_as_soon_as_the_store_takes_them(site, mine, pauses, new, tries):
    def put():
        if len(pauses) < tries:
            refuse()

    site.records.before_put = put
    site.driver.settle()
    assert len(pauses) == tries
    stored = site.run(site.sessions.fresh(mine))
    assert site.tokens.open(stored).refresh_token == new["refresh_token"]
    assert revoked(site) == []


def test_new_tokens_that_were_stored_without_an_answer_are_not_given_back(
    site, mine, during, new, pauses
):
    put = site.records.put

    def put_without_answer(record, *, expected):
        put(record, expected=expected)
        site.records.put = put
        refuse()

    during(lambda: setattr(site.records, "put", put_without_answer))
    with pytest.raises(RecordsUnavailable):
        site.run(site.refreshes.refresh(mine))
    site.clock.now += 20  # the lease has ended
    site.run(site.sessions.claim(mine))
    site.driver.settle()
    stored = site.run(site.sessions.fresh(mine))
    assert site.tokens.open(stored).refresh_token == new["refresh_token"]
    assert (len(pauses), revoked(site)) == (1, [])
