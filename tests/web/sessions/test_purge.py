"""How sessions are ended, and what a purge finishes, step by step."""

import logging
from dataclasses import replace

import pytest
from session_site import Site
from stored_sessions import token_response

from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import RecordsUnavailable, TransportError
from peeringdb_oauth.profile import MAX_ID, User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web import SessionPolicy
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.sessions import CookieSessions, Ending
from peeringdb_oauth.web.sessions.endings import Endings

REVOKE = "/oauth2/revoke_token/"
REASON = Reason("AS64500 is not yours", code="no_network", asn=64500)


@pytest.fixture
def login(site):
    return site.load(site.begin())


@pytest.fixture
def other(provider, clock, make_driver, site):
    """Another process of the site."""
    other = Site(provider, clock, make_driver)
    other.sessions._vault = site.sessions._vault
    return other


def end(site, login, reason="logout", **arguments):
    return site.run(site.endings.end(login, reason, **arguments))


def purge(site, **arguments):
    return site.run(site.endings.purge(**arguments))


def costs(site):
    return [request.cost for request in site.driver.sent]


def paid_by_logouts(purpose, user_id=1):
    return Cost(purpose=purpose, payers=(Payer.of_logouts(user_id),))


def stored(site, login):
    return site.run(site.sessions.fresh(login))


def refuse():
    raise RecordsUnavailable("the store of the sessions does not answer")


# --- one session ends -----------------------------------------------------------------


def test_a_session_ends_once_and_its_end_is_told_once(site, login, clock):
    ended = end(site, login, "rule", reasons=(REASON,))
    assert ended.ending == Ending(reason="rule", reasons=(REASON,), at=clock.now)
    assert end(site, login) is None
    assert site.events == [
        Event(kind="session_ended", user=User(id=1), reason="rule", reasons=(REASON,))
    ]
    assert [step.name for step in site.driver.later] == [f"revoke {login.key}"]


def test_an_end_is_recorded_for_an_audit(site, login, caplog):
    caplog.set_level(logging.INFO, "peeringdb_oauth.audit")
    end(site, login)
    assert [record.peeringdb_event for record in caplog.records] == ["session_ended"]


def test_the_framework_is_told_of_an_end_that_a_request_has_caused(site, login):
    told = []
    end(site, login, tell=told.append)
    assert [event.reason for event in told] == ["logout"]
    assert site.events == []


def test_the_tokens_are_revoked_behind_the_answer(site, login):
    end(site, login)
    assert site.driver.sent == []
    site.driver.settle()
    assert [request.form["token"] for request in site.driver.sent] == ["refresh-1"]
    assert costs(site) == [paid_by_logouts(Purpose.CLEAN_UP)]
    assert stored(site, login).tokens == ""


def test_the_tokens_of_a_session_that_is_being_rechecked_are_left_to_that_process(site, login):
    mine = site.run(site.sessions.claim(login))
    assert end(site, login) is not None
    assert site.driver.later == []
    site.run(site.endings.end_leased(mine, "rule", (REASON,)))  # it has ended already
    assert site.driver.later == []


def test_the_process_that_rechecks_a_session_ends_it_and_revokes_its_tokens(site, login):
    mine = site.run(site.sessions.claim(login))
    site.run(site.endings.end_leased(mine, "rule", (REASON,)))
    assert [(event.reason, event.reasons) for event in site.events] == [("rule", (REASON,))]
    site.driver.settle()
    assert costs(site) == [paid_by_logouts(Purpose.CLEAN_UP)]


def test_a_logout_revokes_the_tokens_before_its_answer(site, login):
    ended = site.run(site.endings.note(login, "logout", reasons=(REASON,)))
    assert site.driver.later == []
    site.run(site.endings.revoke(ended))
    assert costs(site) == [paid_by_logouts(Purpose.LOGIN)]
    assert [event.reasons for event in site.events] == [(REASON,)]


def test_tokens_that_could_not_be_revoked_are_kept(site, login):
    site.answers[REVOKE] = TransportError("down")
    end(site, login)
    with pytest.raises(TransportError):
        site.driver.settle()
    assert stored(site, login).tokens == login.tokens


def test_tokens_that_nobody_can_open_are_forgotten(site, login):
    change = site.sessions.change(login, lambda stored: replace(stored, tokens="garbage"))
    end(site, site.run(change))
    site.driver.settle()
    assert (site.driver.sent, stored(site, login).tokens) == ([], "")


def test_the_tokens_of_a_session_in_a_cookie_are_revoked_once(site, login, provider):
    """A copy of the cookie may come again and again after the logout."""
    cookies = CookieSessions(provider, SessionPolicy())
    endings = Endings(provider, site.tokens, cookies, tell=site.events.append)
    for _ in range(2):
        site.run(endings.revoke(login))
    assert len(site.driver.sent) == 1
    site.run(site.endings.revoke(login))  # a store knows what is done
    assert len(site.driver.sent) == 2


# --- tokens without a session ---------------------------------------------------------


def keep(site, number):
    site.run(site.endings.revoke_at_purge(site.sessions, token_response(number)))


def revoked(site):
    return [request.form["token"] for request in site.driver.sent]


def test_tokens_without_a_session_are_revoked_by_a_purge(site, other, clock):
    keep(site, 1)
    clock.now += 60
    assert purge(other) == 0
    assert revoked(other) == ["refresh-1"]
    assert costs(other) == [paid_by_logouts(Purpose.CLEAN_UP, MAX_ID)]
    clock.now += 60
    assert (purge(other), revoked(other)) == (1, ["refresh-1"])


def test_tokens_are_kept_while_the_store_does_not_answer(site, clock):
    site.records.before_put = refuse
    for number in (1, 2):
        with pytest.raises(RecordsUnavailable):
            keep(site, number)
    with pytest.raises(RecordsUnavailable):
        purge(site)
    site.records.before_put = lambda: None
    purge(site)
    clock.now += 60
    purge(site)
    assert sorted(revoked(site)) == ["refresh-1", "refresh-2"]


def test_a_process_keeps_the_tokens_of_a_thousand_logins(site):
    site.records.before_put = refuse
    for number in range(1001):
        with pytest.raises(RecordsUnavailable):
            keep(site, number)
    site.records.before_put = lambda: None
    purge(site)
    assert len(site.records.of_owner(f"user:{MAX_ID}")) == 1000


# --- purge ----------------------------------------------------------------------------


def test_without_a_store_there_is_nothing_to_purge(site, provider):
    cookies = CookieSessions(provider, SessionPolicy())
    endings = Endings(provider, site.tokens, cookies, tell=site.events.append)
    assert site.run(endings.purge()) == 0


def test_one_process_purges_for_half_a_minute(site, other, clock):
    assert purge(site) == 0
    site.begin()
    clock.now += 7200 - 30
    assert purge(site) == 0
    clock.now += 29
    assert purge(other) == 0
    clock.now += 1
    assert purge(other) == 1
    assert [event.reason for event in other.events] == ["idle"]


def test_a_purge_ends_all_sessions_that_are_over(site, clock):
    for _ in range(3):
        site.begin()
    clock.now += 7200
    assert purge(site) == 3
    assert [event.reason for event in site.events] == ["idle"] * 3
    assert len(site.driver.later) == 3


@pytest.mark.parametrize(("arguments", "limit"), [({}, 1000), ({"limit": 5}, 5)])
def test_a_purge_looks_at_a_thousand_sessions_or_as_many_as_it_is_told(site, arguments, limit):
    purge(site, **arguments)
    assert site.records.limits == [limit]


def test_a_session_that_has_ended_meanwhile_is_not_counted(site, other, login, clock):
    clock.now += 7200
    [due] = site.run(site.sessions.due(10))
    end(other, login)
    assert site.run(site.endings._finish(site.sessions, due)) == 0


def test_a_session_that_a_new_policy_lets_live_is_looked_at_later(other, login, clock):
    other.sessions._policy = SessionPolicy(idle_timeout=20_000)
    clock.now += 7200
    assert purge(other) == 0
    assert stored(other, login).ending is None
    assert stored(other, login).due_at == login.seen_at + 20_000


def test_an_end_that_another_program_has_noted_is_told_once(site, other, login):
    site.run(site.sessions.end(login, Ending(reason="operator", is_told=False)))
    [untold] = site.run(site.sessions.due(10))
    assert purge(site) == 0
    assert [(event.kind, event.reason, event.user) for event in site.events] == [
        ("session_ended", "operator", User(id=1))
    ]
    assert costs(site) == [paid_by_logouts(Purpose.CLEAN_UP)]
    other.run(other.endings._finish(other.sessions, untold))
    assert other.events == []


def test_an_end_is_told_although_its_tokens_are_revoked(site, login):
    ended = site.run(site.sessions.end(login, Ending(reason="operator", is_told=False)))
    site.run(site.sessions.note_revoked(ended))
    assert purge(site) == 0
    assert [event.reason for event in site.events] == ["operator"]
    assert site.driver.sent == []


def test_a_session_that_lives_is_not_told(site, login):
    """Its record may have been replaced since it was found."""
    untold = replace(login, ending=Ending(reason="operator", is_told=False))
    site.run(site.endings._tell_untold(untold))
    assert site.events == []


def test_a_purge_tries_to_revoke_tokens_until_peeringdb_answers(site, login, clock, caplog):
    caplog.set_level(logging.INFO, "peeringdb_oauth")
    site.answers[REVOKE] = TransportError("PeeringDB is down")
    end(site, login)
    clock.now += 60
    assert purge(site) == 0
    assert caplog.messages[-1] == "revoke: TransportError: PeeringDB is down"
    clock.now += 60
    site.answers[REVOKE] = "revoke-refresh"
    assert purge(site) == 0
    assert (len(site.driver.sent), stored(site, login).tokens) == (2, "")


def test_tokens_that_another_process_is_revoking_are_left_to_it(site, other, login, clock):
    end(site, login)
    clock.now += 60
    [due] = site.run(site.sessions.due(10))
    other.run(other.sessions.claim(login))
    assert site.run(site.endings._finish(site.sessions, due)) == 0
    assert site.driver.sent == []


def test_tokens_that_another_process_has_just_revoked_are_not_revoked_twice(
    site, other, login, clock
):
    end(site, login)
    clock.now += 60
    [due] = site.run(site.sessions.due(10))
    assert purge(other) == 0
    assert site.run(site.endings._finish(site.sessions, due)) == 0
    assert (len(other.driver.sent), len(site.driver.sent)) == (1, 0)


def test_a_session_that_has_ended_is_remembered_for_twelve_hours(site, login, clock):
    ended_at = clock.now
    end(site, login)
    site.driver.settle()
    assert stored(site, login).due_at == ended_at + 43_200
    clock.now = ended_at + 43_199
    assert site.run(site.endings._finish(site.sessions, stored(site, login))) == 0
    clock.now += 1
    assert purge(site) == 1
    assert stored(site, login) is None
