"""The sessions of a site, for a program beside it."""

import pytest
from flow_driver import FlowDriver
from stored_sessions import AVisit, WatchedRecords, begin, stored_login

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import (
    Sealer,
    SessionInfo,
    SessionPolicy,
    SessionStore,
    Vault,
    open_session_store,
)
from peeringdb_oauth.web.sessions import Ending, StoreSessions

SECRET = "0123456789abcdef"
PORTAL = ["https://auth.peeringdb.com", "portal"]
run = FlowDriver({}).run


@pytest.fixture
def records(clock):
    clock.now = 1_790_000_000.0
    return WatchedRecords(clock)


@pytest.fixture
def store(records):
    return SessionStore(Vault(records, Sealer(SECRET)))


@pytest.fixture
def site(records):
    """The sessions as the application has them, which end after 10,000 seconds."""
    policy = SessionPolicy(idle_timeout=10_000, max_age=None)
    return StoreSessions(PORTAL, policy, Vault(records, Sealer(SECRET)))


@pytest.fixture
def log_in(site):
    def log_in(user_id):
        run(site.begin(AVisit(), stored_login(user=User(id=user_id))))

    return log_in


def test_the_sessions_of_a_person_are_listed_the_newest_first(store, log_in, clock):
    begun_at = clock.now
    log_in(7)
    clock.now += 10
    log_in(7)
    log_in(8)
    newest, oldest = store.of(7)
    assert newest.logged_in_at == begun_at + 10
    assert oldest == SessionInfo(
        id=oldest.id,
        user=User(id=7),
        logged_in_at=begun_at,
        last_seen_at=begun_at,
        checked_at=begun_at,
        stale=False,
        expires_at=begun_at + 10_000,
        address="192.0.2.7",
    )
    assert store.of(9) == []


def test_a_session_is_listed_until_the_application_ends_it_by_its_policy(store, log_in, clock):
    log_in(7)
    clock.now += 9999
    assert len(store.of(7)) == len(store.all()) == store.count() == 1
    clock.now += 1
    assert (store.of(7), store.all(), store.count()) == ([], [], 0)


def test_a_session_without_limits_is_listed_for_years(store, records, clock):
    policy = SessionPolicy(idle_timeout=None, max_age=None)
    site = StoreSessions(PORTAL, policy, Vault(records, Sealer(SECRET)))
    run(site.begin(AVisit(), stored_login(user=User(id=7))))
    for _ in range(30):  # each purge of the application looks at it
        clock.now += 29 * 86_400
        [login] = run(site.of_user(7))
        run(site.change(login, lambda stored: stored))
    assert len(store.of(7)) == len(store.all()) == 1


def test_all_sessions_are_listed_those_that_end_first_in_front(store, records, log_in, clock):
    for user_id in (7, 8, 9):
        log_in(user_id)
        clock.now += 10
    assert [one.user.id for one in store.all()] == [7, 8, 9]
    assert records.limits == [10_000]


def test_the_sessions_of_every_application_are_counted_and_listed(store, log_in):
    log_in(7)
    begin(store, User(id=7), client_id="another")
    assert (store.count(), len(store.of(7)), len(store.all())) == (2, 2, 2)


def test_a_session_is_ended_once_and_the_application_is_to_tell_it(store, site, log_in, clock):
    log_in(7)
    [info] = store.of(7)
    assert store.end("unknown") is False
    assert store.end(info.id) is True
    assert store.end(info.id) is False
    assert store.of(7) == []
    [login] = run(site.due(10))
    assert login.ending == Ending(reason="operator", at=clock.now, is_told=False)
    assert login.tokens == "sealed"


def test_all_sessions_of_a_person_are_ended(store, log_in):
    for user_id in (7, 7, 8):
        log_in(user_id)
    assert store.end_all(7) == 2
    assert (store.end_all(7), store.count()) == (0, 1)


@pytest.fixture
def ended(site, log_in):
    """``ended(is_told=..., tokens=...)``: a session that has ended."""

    def end(*, is_told, tokens):
        log_in(7)
        [login] = run(site.of_user(7))
        ended = run(site.end(login, Ending(reason="logout", is_told=is_told)))
        if not tokens:
            run(site.note_revoked(ended))

    return end


def test_what_has_ended_is_deleted_when_its_browser_need_not_be_told_any_more(
    store, ended, records, clock
):
    ended(is_told=True, tokens="")
    clock.now += 43_199
    assert store.purge() == 0
    clock.now += 1
    assert store.purge() == 1
    assert records.of_owner("user:7") == []
    assert store.purge() == 0


@pytest.mark.parametrize("left", [{"is_told": True, "tokens": "sealed"}, {"is_told": False}])
def test_what_the_application_must_tell_or_revoke_is_left_to_it(store, ended, records, clock, left):
    ended(**{"tokens": ""} | left)
    clock.now += 100_000
    assert store.purge() == 0
    assert len(records.of_owner("user:7")) == 1


def test_a_session_that_is_over_is_left_to_the_application(store, log_in, records, clock):
    log_in(7)
    clock.now += 10_000
    assert store.purge() == 0
    assert len(records.of_owner("user:7")) == 1


def test_a_purge_looks_at_a_thousand_records(store, ended, records, clock):
    for _ in range(2):
        ended(is_told=True, tokens="")
    clock.now += 43_200
    assert store.purge() == 2
    assert records.limits == [1000]


def test_the_connections_are_closed_at_the_end_of_the_block(store, records):
    with store as opened:
        assert opened is store
        assert not records.is_closed
    assert records.is_closed


def test_requests_leave_as_the_client_says_unless_the_store_names_an_address(store):
    assert store.egress is None
    assert SessionStore(store.vault, egress="192.0.2.1").egress == "192.0.2.1"


# --- the store at a URL ---------------------------------------------------------------


def test_a_store_is_opened_by_its_url(tmp_path):
    url = f"sqlite:///{tmp_path}/sessions.db"
    with open_session_store(url, secrets=(SECRET,)) as store:
        begin(store, User(id=7))
        assert (store.count(), store.egress) == (1, None)
    new = "another-secret-of-a-site"
    with open_session_store(url, secrets=(new, SECRET), egress="192.0.2.1") as store:
        assert [one.user.id for one in store.all()] == [7]
        assert store.egress == "192.0.2.1"
        begin(store, User(id=8))
    with open_session_store(url, secrets=(SECRET,)) as store:
        assert [one.user.id for one in store.all()] == [7]  # the first secret seals


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ConfigurationError) as caught:
        open_session_store("ftp://store.example.net", secrets=("short",))
    url, secret = caught.value.problems
    assert url.startswith("sessions: must begin with one of sqlite://")
    assert "16" in secret
