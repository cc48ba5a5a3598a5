"""Sessions in a store, in one or several processes of a site."""

import json
from dataclasses import replace

import pytest
from flow_driver import FlowDriver
from stored_sessions import AVisit, WatchedRecords, stored_login

from peeringdb_oauth.profile import MAX_ID, Network, Permission, User
from peeringdb_oauth.records import RecordsUnavailable
from peeringdb_oauth.web import Change, Sealer, SessionPolicy, Vault
from peeringdb_oauth.web.sessions import Ending, in_store
from peeringdb_oauth.web.sessions.in_store import StoreSessions
from peeringdb_oauth.web.sessions.stored_login import BLANK

SECRET = "0123456789abcdef"
PORTAL = ["https://auth.peeringdb.com", "portal"]
ADA = User(
    id=7,
    name="Ada Admin",
    email="ada@example.net",
    verified_user=True,
    verified_email=True,
    networks=(Network(id=1, asn=64500, name="Ten", perms=Permission(15)),),
)
run = FlowDriver({}).run
MONTH = 30 * 86_400
ENDED = Ending(reason="operator")


@pytest.fixture
def store(clock):
    clock.now = 1_790_000_000.0
    return WatchedRecords(clock)


@pytest.fixture
def make_process(store, clock):
    """``make_process(policy=...)``: the sessions as one process of a site has them."""

    def make(*, application=PORTAL, policy=None, secret=SECRET):
        vault = Vault(store, Sealer(secret))
        return StoreSessions(application, policy or SessionPolicy(), vault, monotonic=clock)

    return make


@pytest.fixture
def begin():
    """``begin(here)``: a visit of somebody who has just logged in."""

    def begin_one(sessions, **changes):
        visit = AVisit()
        login = stored_login(application=sessions._application, **{"user": ADA} | changes)
        run(sessions.begin(visit, login))
        return visit

    return begin_one


@pytest.fixture
def visit(here, begin):
    return begin(here)


@pytest.fixture
def login(here, visit):
    return run(here.load(visit))


# --- what a visit has -----------------------------------------------------------------


def test_a_login_begins_at_the_time_of_the_store(here, begin, clock):
    login = run(here.load(begin(here, prompted=True, expires_at=99)))
    assert login == stored_login(
        user=ADA,
        prompted=True,
        expires_at=99,
        logged_in_at=clock.now,
        seen_at=clock.now,
        checked_at=clock.now,
        key=login.key,
        handle=login.handle,
        now=clock.now,
        due_at=clock.now + 7200,
    )
    assert len(login.handle) == 16


def test_the_session_of_the_browser_has_only_what_a_page_shows(here, begin):
    visit = begin(here, prompted=True)
    stored = json.loads(json.dumps(visit.session))["peeringdb"]
    assert len(stored.pop("id")) == 43
    assert stored == {
        "application": PORTAL,
        "csrf_token": "csrf-token",
        "prompted": True,
        "user": [7, "Ada Admin", "", "", None, True, True, None, []],
    }


def test_a_page_shows_what_was_just_read_and_then_only_the_name(here, visit, login, clock):
    assert here.peek(visit) == login
    clock.now += 1
    assert here.peek(visit) == replace(
        BLANK,
        user=User(id=7, name="Ada Admin", verified_user=True, verified_email=True),
        is_short=True,
        csrf_token="csrf-token",
        key=login.key,
    )


def test_a_page_shows_whether_the_password_was_asked_for(here, begin):
    assert here.peek(begin(here, prompted=True)).prompted is True
    assert here.peek(begin(here)).prompted is False


def test_a_page_shows_nobody_when_the_session_has_just_ended(here, visit, login):
    run(here.end(login, ENDED))
    assert here.peek(visit) is None


def test_a_visit_without_a_login_has_nothing(here):
    visit = AVisit()
    assert (here.peek(visit), here.csrf_token(visit), run(here.load(visit))) == (None, None, None)


def test_the_token_in_the_forms_is_known_without_the_store(here, visit, store):
    store.reads.clear()
    assert here.csrf_token(visit) == "csrf-token"
    assert store.reads == []


def test_only_the_login_is_taken_out_of_the_session(here, visit):
    visit.session["basket"] = 1
    for _ in range(2):
        here.forget(visit)
        assert visit.session == {"basket": 1}


# --- what is read, and how often ------------------------------------------------------


def test_a_second_passes_until_the_store_is_read_once_more(here, visit, login, store, clock):
    store.reads.clear()
    clock.now += 0.75
    assert run(here.load(visit)) == replace(login, now=clock.now)
    assert store.reads == []
    clock.now += 0.25
    run(here.load(visit))
    assert store.reads == [login.key]


def test_requests_of_a_session_within_a_second_share_one_look_at_the_store(here, begin, clock):
    visit, other = begin(here), begin(here)
    clock.now += 1
    names = [next(here.load(one)).name for one in (visit, visit, other)]
    clock.now += 1
    names.append(next(here.load(visit)).name)
    assert [names.index(name) for name in names] == [0, 0, 2, 3]


def test_what_was_read_to_wait_for_an_answer_is_remembered(here, visit, login, store, clock):
    clock.now += 1
    assert run(here.fresh(login)) == replace(login, now=clock.now)
    store.reads.clear()
    assert run(here.load(visit)) == replace(login, now=clock.now)
    assert store.reads == []


def test_a_use_is_written_once_a_minute(here, there, visit, login, clock):
    clock.now += 59
    assert run(here.load(visit)).seen_at == login.seen_at
    clock.now += 1
    assert run(here.load(visit)).seen_at == clock.now
    stored = run(there.fresh(login))
    assert (stored.seen_at, stored.due_at) == (clock.now, clock.now + 7200)


def test_who_was_slower_to_write_a_use_reads_what_the_other_has_written(
    here, there, visit, store, clock
):
    clock.now += 60

    def be_faster():
        store.before_put = lambda: None
        login = run(there.load(visit))
        run(there.change(login, lambda stored: replace(stored, seen_at=clock.now - 1)))

    store.before_put = be_faster
    assert run(here.load(visit)).seen_at == clock.now - 1


@pytest.mark.parametrize("is_told", [True, False])
def test_a_session_that_has_ended_is_not_used(here, visit, store, clock, is_told):
    run(here.end(run(here.load(visit)), replace(ENDED, is_told=is_told)))
    clock.now += 60
    [record] = store.of_owner("user:7")
    ending = run(here.load(visit)).ending
    assert ending == replace(ENDED, at=clock.now - 60, is_told=is_told)
    assert store.of_owner("user:7") == [record]


def test_a_session_that_is_over_is_not_used(here, visit, store, clock):
    clock.now += 7200
    [record] = store.of_owner("user:7")
    assert here.over(run(here.load(visit))) == "idle"
    assert store.of_owner("user:7") == [record]


def test_a_session_whose_record_is_gone_is_lost_and_still_has_its_name(here, visit, login, clock):
    run(here.delete(login))
    clock.now += 1
    lost = run(here.load(visit))
    assert (lost.ending, lost.user.name) == (Ending(reason="lost"), "Ada Admin")


def test_a_record_that_is_gone_is_none(here, login):
    run(here.delete(login))
    assert run(here.fresh(login)) is None
    run(here.delete(login))


def test_a_record_of_another_version_is_a_lost_session(here, visit, login, store, clock):
    change = Change(value={"of": "the future"}, due_at=clock.now)
    Vault(store, Sealer(SECRET)).change(login.key, lambda *_: change)
    clock.now += 1
    assert run(here.load(visit)).ending == Ending(reason="lost")
    assert run(here.fresh(login)) is None


def test_what_is_remembered_counts_while_the_store_says_the_same(here, visit, login):
    entry = here.remembered(login)
    assert entry.login == login
    assert here.remembered(replace(login, user=User(id=7))) is None
    assert here.remembered(replace(login, ending=ENDED)) is None
    here.read_anew(visit)
    assert here.remembered(login) is None
    assert not entry.is_current()


def test_a_login_that_was_changed_here_is_known_here(here, visit, login, store):
    run(here.change(login, lambda stored: replace(stored, failed_at=1.0)))
    store.reads.clear()
    assert run(here.load(visit)).failed_at == 1.0
    assert store.reads == []


def test_what_was_changed_in_a_slow_store_is_known_for_a_second_since_it_was_asked(
    here, visit, login, store, clock
):
    store.before_put = lambda: clock.wait(0.75)
    run(here.change(login, lambda stored: replace(stored, failed_at=1.0)))
    store.reads.clear()
    clock.now += 0.2
    run(here.load(visit))
    assert store.reads == []
    clock.now += 0.05
    run(here.load(visit))
    assert store.reads == [login.key]


def test_the_store_answers_or_no_login_starts(here, store):
    assert run(here.ready()) is None

    def go_down(_):
        raise RecordsUnavailable("down")

    store.get = go_down
    with pytest.raises(RecordsUnavailable):
        run(here.ready())


# --- leases and changes ---------------------------------------------------------------


def test_one_process_has_the_lease_for_twenty_seconds(here, there, login, clock):
    mine = run(here.claim(login))
    assert (mine.lease, mine.lease_until) == (1, clock.now + 20)
    assert run(there.claim(login)) is None
    clock.now += 20
    other = run(there.claim(login))
    assert (other.lease, other.lease_until) == (2, clock.now + 20)


def test_a_lease_lasts_longer_if_nobody_else_has_taken_it(here, there, login, clock):
    mine = run(here.claim(login))
    clock.now += 30
    assert run(here.renew(mine)).lease_until == clock.now + 20
    clock.now += 20
    run(there.claim(login))
    assert run(here.renew(mine)) is None


def test_a_session_that_is_gone_is_not_changed(here, login):
    run(here.delete(login))
    seen = []
    assert run(here.change(login, seen.append)) is None
    assert seen == []


def test_a_change_may_change_nothing(here, login, store):
    [record] = store.of_owner("user:7")
    assert run(here.change(login, lambda _: None)) is None
    assert store.of_owner("user:7") == [record]


def test_a_session_ends_once(here, there, login, clock):
    assert run(here.end(login, ENDED)).ending == replace(ENDED, at=clock.now)
    assert run(there.end(login, Ending(reason="logout"))) is None
    assert run(there.fresh(login)).ending.reason == "operator"


def test_of_a_session_whose_end_was_told_only_what_is_still_needed_is_kept(here, login):
    untold = run(here.end(login, replace(ENDED, is_told=False)))
    assert run(here.fresh(login)).user == ADA
    run(here.change(untold, lambda _: replace(untold, ending=ENDED)))
    assert run(here.fresh(login)).user == User(id=7)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_session_that_has_ended_has_no_name_any_more(here, login, store, is_told):
    run(here.end(login, replace(ENDED, is_told=is_told)))
    [record] = store.of_owner("user:7")
    assert record.handle is None


def test_tokens_that_are_revoked_are_deleted_but_not_newer_ones(here, login):
    ended = run(here.end(run(here.claim(login)), ENDED))
    run(here.change(ended, lambda stored: replace(stored, tokens="newer")))
    run(here.note_revoked(ended))
    kept = run(here.fresh(login))
    assert (kept.tokens, kept.lease_until) == ("newer", ended.lease_until)
    run(here.note_revoked(kept))
    kept = run(here.fresh(login))
    assert (kept.tokens, kept.lease_until) == ("", 0)


# --- lists ----------------------------------------------------------------------------


def test_the_living_sessions_of_a_person_are_listed_the_newest_first(here, begin, clock):
    visits = []
    for _ in range(3):
        visits.append(begin(here))
        clock.now += 10
    begin(here, user=User(id=8))
    keys = [run(here.load(visit)).key for visit in visits]
    assert [one.key for one in run(here.of_user(7))] == keys[::-1]
    assert [one.user for one in run(here.of_user(7))] == [ADA] * 3
    assert run(here.of_user(9)) == []


@pytest.fixture
def over(make_process, begin, clock):
    """A process whose sessions have ended, an untold one of them, and a living one."""
    here = make_process(policy=SessionPolicy(idle_timeout=None, max_age=100))
    begin(here)
    clock.now += 90
    told, untold, living = (run(here.load(begin(here))) for _ in range(3))
    run(here.end(told, ENDED))
    run(here.end(untold, replace(ENDED, is_told=False)))
    clock.now += 20
    return here, untold, living


def test_sessions_that_live_no_more_are_not_listed(over):
    here, untold, living = over
    assert [one.key for one in run(here.of_user(7))] == [living.key]
    assert [one.key for one in run(here.all(10))] == [living.key]
    assert run(here.of_handle(living.handle)).key == living.key
    assert run(here.of_handle(untold.handle)) is None


def test_all_sessions_are_listed_those_that_end_first_in_front(here, begin, clock):
    visits = []
    for person in (7, 8, 9):
        visits.append(begin(here, user=User(id=person)))
        clock.now += 10
    run(here.take_turn(30))  # is no session
    assert [one.user.id for one in run(here.all(10))] == [7, 8, 9]
    assert {one.now for one in run(here.all(10))} == {clock.now}
    assert [one.user.id for one in run(here.all(2))] == [7, 8]


def test_sessions_without_a_limit_are_listed_too(make_process, begin):
    forever = make_process(policy=SessionPolicy(idle_timeout=None, max_age=None))
    begin(forever)
    assert [one.user for one in run(forever.all(10))] == [ADA]


def test_a_list_without_an_application_has_the_sessions_of_all(make_process, begin):
    begin(make_process())
    begin(make_process(application=[PORTAL[0], "another"]))
    assert len(run(make_process(application=None).of_user(7))) == 2
    assert len(run(make_process().of_user(7))) == 1


# --- what a purge is to do ------------------------------------------------------------


def due_at(store):
    [record] = store.of_owner("user:7")
    return record.due_at


def test_a_living_session_is_due_when_it_is_over(here, begin, store, clock):
    begin(here)
    assert due_at(store) == clock.now + 7200


def test_a_session_without_a_limit_is_due_in_a_month(make_process, begin, store, clock):
    begin(make_process(policy=SessionPolicy(idle_timeout=None, max_age=None)))
    assert due_at(store) == clock.now + MONTH


def test_an_end_that_nobody_has_told_is_due_at_once(here, login, store, clock):
    run(here.end(login, replace(ENDED, is_told=False)))
    assert due_at(store) == clock.now


def test_tokens_that_are_to_be_revoked_are_due_after_a_minute(here, login, store, clock):
    ended = run(here.end(login, ENDED))
    assert due_at(store) == clock.now + 60
    run(here.note_revoked(ended))
    assert due_at(store) == clock.now + 43_200


def test_tokens_that_a_process_is_using_are_due_after_its_lease(here, login, store, clock):
    mine = run(here.claim(login))
    run(here.change(mine, lambda stored: replace(stored, lease_until=clock.now + 90)))
    run(here.end(mine, ENDED))
    assert due_at(store) == clock.now + 90


def test_a_purge_takes_the_oldest_ones_and_no_more_than_it_may(here, begin, clock):
    for _ in range(3):
        begin(here)
        clock.now += 10
    clock.now += 7200
    assert [clock.now - one.seen_at for one in run(here.due(2))] == [7230, 7220]


def test_a_purge_reads_more_records_if_all_are_of_others(
    make_process, begin, store, clock, monkeypatch
):
    monkeypatch.setattr(in_store, "_MOST_DUE", 20)
    for _ in range(21):
        begin(make_process(application=[PORTAL[0], "another"]))
    clock.now += 7200
    assert run(make_process().due(2)) == []
    assert store.limits == [2, 20]


def test_a_record_that_nobody_opens_is_deleted_when_it_is_over_for_a_month(
    make_process, begin, store, clock
):
    begin(make_process(secret="another-secret-of-a-site"))
    clock.now += 7200 + MONTH
    assert run(make_process().due(10)) == []
    assert len(store.of_owner("user:7")) == 1
    clock.now += 1
    assert run(make_process().due(10)) == []
    assert store.of_owner("user:7") == []


def test_tokens_without_a_session_are_due_after_a_minute_and_belong_to_nobody(here, clock):
    for tokens in ("sealed", "others"):
        run(here.keep_tokens(tokens, 99))
    assert run(here.due(10)) == []
    clock.now += 60
    kept = run(here.due(10))
    assert [(one.tokens, one.expires_at) for one in kept] == [("sealed", 99), ("others", 99)]
    assert {one.key.partition(":")[0] for one in kept} == {"session"}
    assert [(one.application, one.user.id) for one in kept] == [(PORTAL, MAX_ID)] * 2
    assert [one.ending for one in kept] == [Ending(reason="lost")] * 2


def test_tokens_without_a_session_are_gone_when_they_are_revoked(here, store, clock):
    run(here.keep_tokens("sealed", 99))
    clock.now += 60
    [kept] = run(here.due(10))
    run(here.note_revoked(kept))
    assert [one.tokens for one in run(here.due(10))] == [""]
    run(here.delete(kept))
    assert store.of_owner(f"user:{MAX_ID}") == []


def test_one_process_of_an_application_has_the_turn_at_a_time(here, there, clock):
    assert run(here.take_turn(30)) is True
    assert run(there.take_turn(30)) is False
    clock.now += 29
    assert run(there.take_turn(30)) is False
    clock.now += 1
    assert run(there.take_turn(30)) is True
    assert run(here.take_turn(30)) is False


def test_another_application_has_a_turn_of_its_own(make_process):
    assert run(make_process().take_turn(30))
    assert run(make_process(application=[PORTAL[0], "another"]).take_turn(30))


def test_a_turn_is_kept_by_a_purge_and_forgotten_after_a_month(here, there, store, clock):
    run(here.take_turn(30))
    run(there.due(10))
    assert run(there.take_turn(30)) is False
    clock.now += MONTH
    run(there.due(10))
    assert store.due(10, ahead=2 * MONTH)[0] == []
