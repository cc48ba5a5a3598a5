"""What an application lists and ends with ``pdb.sessions``."""

import asyncio

import pytest
from stored_sessions import AVisit, WatchedRecords, stored_login

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import Sealer, SessionInfo, SessionPolicy, Vault
from peeringdb_oauth.web.sessions import (
    AsyncSessionList,
    CookieSessions,
    SessionFlows,
    SessionList,
    StoreSessions,
)
from peeringdb_oauth.web.sessions.endings import Endings
from peeringdb_oauth.web.sessions.sealed_tokens import SealedTokens

SECRET = "0123456789abcdef"
PORTAL = ["https://auth.peeringdb.com", "portal"]
ADA = User(id=7, name="Ada Admin")


@pytest.fixture
def events():
    return []


@pytest.fixture
def driver(make_driver):
    return make_driver({})


@pytest.fixture
def sessions(provider, clock):  # noqa: ARG001 - sets the clock
    return StoreSessions(PORTAL, SessionPolicy(), Vault(WatchedRecords(clock), Sealer(SECRET)))


@pytest.fixture
def endings(provider, sessions, events):
    tokens = SealedTokens(provider, Sealer(SECRET))
    return Endings(provider, tokens, sessions, tell=events.append)


@pytest.fixture(params=[SessionList, AsyncSessionList], ids=["blocking", "awaited"])
def listed(request, sessions, endings, driver):
    """``listed("of", 7)``: the result of a method of ``pdb.sessions``."""
    flows = SessionFlows(sessions, endings)
    if request.param is SessionList:
        blocking = SessionList(flows, driver.run)
        return lambda name, *arguments: getattr(blocking, name)(*arguments)

    async def run(flow):
        return driver.run(flow)

    awaited = AsyncSessionList(flows, run)
    return lambda name, *arguments: asyncio.run(getattr(awaited, name)(*arguments))


@pytest.fixture
def log_in(sessions, driver):
    def log_in(user):
        driver.run(sessions.begin(AVisit(), stored_login(user=user)))

    return log_in


def told(events):
    return [(event.kind, event.reason, event.user.id) for event in events]


def test_an_application_knows_no_more_of_a_session_than_it_may(sessions):
    login = stored_login(
        user=ADA,
        handle="0123",
        logged_in_at=100.0,
        seen_at=200.0,
        checked_at=150.0,
        failed_at=180.0,
        address="192.0.2.1",
    )
    assert SessionInfo.of(login, sessions) == SessionInfo(
        id="0123",
        user=ADA,
        logged_in_at=100.0,
        last_seen_at=200.0,
        checked_at=150.0,
        stale=True,
        expires_at=7400.0,
        address="192.0.2.1",
    )
    assert not SessionInfo.of(stored_login(), sessions).stale


def test_the_sessions_of_a_person_are_listed_the_newest_first(listed, log_in, clock):
    for user in (ADA, User(id=8), ADA):
        log_in(user)
        clock.now += 10
    newest, oldest = listed("of", 7)
    assert newest.logged_in_at == oldest.logged_in_at + 20
    assert (newest.user, newest.expires_at) == (ADA, newest.last_seen_at + 7200)
    assert listed("of", 9) == []


def test_one_session_is_ended_by_its_name(listed, log_in, events, driver):
    log_in(ADA)
    log_in(ADA)
    info, other = listed("of", 7)
    assert listed("end", info.id) is True
    assert told(events) == [("session_ended", "operator", 7)]
    assert [step.name.partition(" ")[0] for step in driver.later] == ["revoke"]
    assert listed("of", 7) == [other]
    assert listed("end", info.id) is False
    assert len(events) == 1


def test_all_sessions_of_a_person_are_ended(listed, log_in, events):
    for user in (ADA, User(id=8), ADA):
        log_in(user)
    assert listed("end_all", 7) == 2
    assert told(events) == [("session_ended", "operator", 7)] * 2
    assert (listed("end_all", 7), len(listed("of", 8))) == (0, 1)


def test_sessions_may_be_ended_for_another_reason(sessions, endings, driver, log_in, events):
    log_in(ADA)
    assert driver.run(SessionFlows(sessions, endings).end_all(7, "rule")) == 1
    assert told(events) == [("session_ended", "rule", 7)]


def test_a_session_that_ends_meanwhile_is_not_counted(
    sessions, endings, driver, log_in, monkeypatch
):
    """Somebody ends it after it was listed."""
    log_in(ADA)
    [login] = driver.run(sessions.of_user(7))
    driver.run(endings.end(login, "logout"))

    def listed_before(_):
        yield from ()
        return [login]

    monkeypatch.setattr(sessions, "of_user", listed_before)
    assert driver.run(SessionFlows(sessions, endings).end_all(7)) == 0


def test_a_purge_ends_what_is_over(listed, log_in, events, clock):
    log_in(ADA)
    clock.now += 7200
    assert listed("purge") == 1
    assert told(events) == [("session_ended", "idle", 7)]


def test_without_a_store_nothing_can_be_listed(provider, endings):
    with pytest.raises(ConfigurationError) as caught:
        SessionFlows(CookieSessions(provider, SessionPolicy()), endings)
    assert str(caught.value) == (
        "sessions: must be set, such as to sqlite:///sessions.db: without a store the sessions"
        " are in the browsers, where nobody can list or end them"
    )
