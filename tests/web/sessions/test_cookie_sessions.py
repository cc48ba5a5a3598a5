"""Sessions in cookies, in one or several processes of a site."""

import json
from dataclasses import replace

import pytest
from flow_driver import FlowDriver
from stored_sessions import AVisit, stored_login

from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.web import SESSION_KEY, SessionPolicy
from peeringdb_oauth.web.sessions import CookieSessions, Ending, in_cookie
from peeringdb_oauth.web.sessions.in_cookie import is_long_ago

run = FlowDriver({}).run
LOGOUT = Ending(reason="logout")


def network(n):
    return Network(id=n, asn=4_200_000_000 + n, name=f"Net {n}", perms=Permission.READ)


ADA = User(id=7, name="Ada Admin", verified_user=True, networks=(network(1),))
MANY = replace(ADA, networks=tuple(map(network, range(1, 300))))


@pytest.fixture
def make_process(provider):
    """``make_process(policy=...)``: the sessions as one process of a site has them."""

    def make(*, policy=None, **arguments):
        return CookieSessions(provider, policy or SessionPolicy(), **arguments)

    return make


@pytest.fixture
def begin(provider, clock):
    """``begin(here)``: a visit of somebody who has just logged in."""
    count = iter(range(100))

    def begin_one(sessions, user=ADA):
        visit = AVisit()
        login = stored_login(
            application=[provider.config.base_url, provider.config.client_id],
            user=user,
            logged_in_at=clock.now,
            seen_at=clock.now,
            checked_at=clock.now,
            expires_at=int(clock.now) + 36_000,
            csrf_token=f"csrf-token-{next(count)}",
        )
        run(sessions.begin(visit, login))
        return visit

    return begin_one


@pytest.fixture
def visit(here, begin):
    return begin(here)


def load(sessions, visit):
    return run(sessions.load(visit))


def networks(sessions, visit):
    return len(sessions.peek(visit).user.networks)


# --- what a visit has -----------------------------------------------------------------


def test_a_login_is_read_by_every_process(here, there, visit, clock):
    login = load(there, visit)
    assert login == load(here, visit) == here.peek(visit)
    assert (login.user, login.is_short, login.now) == (ADA, False, clock.now)
    assert here.csrf_token(visit) == login.csrf_token == "csrf-token-0"
    assert login.csrf_token not in login.key


def test_a_visit_without_a_login_has_nothing(here):
    visit = AVisit()
    assert (here.peek(visit), here.csrf_token(visit), load(here, visit)) == (None, None, None)


@pytest.mark.parametrize("index", [0, 1])
def test_the_login_of_another_application_is_none(here, visit, index):
    visit.session[SESSION_KEY]["application"][index] = "another"
    assert (here.peek(visit), here.csrf_token(visit), load(here, visit)) == (None, None, None)


def test_only_the_login_is_taken_out_of_the_session(here, visit):
    visit.session["basket"] = 1
    for _ in range(2):
        here.forget(visit)
        assert visit.session == {"basket": 1}


def test_nothing_is_remembered_of_a_cookie_and_no_store_is_asked(here, visit):
    assert here.remembered(load(here, visit)) is None
    assert here.read_anew(visit) is None
    assert run(here.ready()) is None
    assert run(here.note_revoked(load(here, visit))) is None


def test_a_use_is_written_once_a_minute(here, visit, clock):
    begun_at, before = clock.now, visit.session[SESSION_KEY]
    clock.now += 59
    assert load(here, visit).seen_at == begun_at
    assert visit.session[SESSION_KEY] is before
    clock.now += 1
    assert load(here, visit).seen_at == visit.session[SESSION_KEY]["seen_at"] == clock.now


@pytest.mark.parametrize(
    ("idle_timeout", "seconds"), [(None, 60), (7200, 60), (600, 60), (599, 59.9), (100, 10)]
)
def test_the_shorter_the_idle_timeout_the_more_often_a_use_is_written(idle_timeout, seconds):
    policy = SessionPolicy(idle_timeout=idle_timeout)
    assert is_long_ago(1000.0, 1000.0 + seconds, policy)
    assert not is_long_ago(1000.0, 999.9 + seconds, policy)


# --- how long it lasts ----------------------------------------------------------------


def test_a_session_lasts_as_long_as_its_access_token_at_most(make_process, begin, clock):
    here = make_process(policy=SessionPolicy(idle_timeout=None, max_age=None))
    visit = begin(here)
    login = load(here, visit)
    assert here.ends_at(login) == login.expires_at
    assert here.over(replace(login, now=login.expires_at - 0.1)) is None
    assert here.over(replace(login, now=login.expires_at)) == "max_age"
    clock.now = login.expires_at
    assert here.peek(visit) is None
    assert load(here, visit) == replace(login, now=clock.now)


def test_a_session_lasts_as_long_as_the_policy_says(here, visit, clock):
    login = load(here, visit)
    assert here.ends_at(login) == clock.now + 7200
    clock.now += 7200
    assert here.over(load(here, visit)) == "idle"
    assert visit.session[SESSION_KEY]["seen_at"] == login.seen_at


def test_a_session_ends_once_and_its_process_knows_it(here, there, visit):
    login = load(here, visit)
    assert run(here.end(login, LOGOUT)) == replace(login, ending=LOGOUT)
    assert run(here.end(login, Ending(reason="rule"))) is None
    assert here.peek(visit) is None
    assert load(here, visit).ending == run(here.fresh(login)).ending == LOGOUT
    assert load(there, visit).ending is None  # only a store would tell


def test_the_form_of_a_session_that_has_ended_is_known(here, visit):
    run(here.end(load(here, visit), LOGOUT))
    assert here.csrf_token(visit) == "csrf-token-0"


def test_the_end_of_a_session_is_known_for_as_long_as_its_token_lives(make_process, begin, clock):
    here = make_process(policy=SessionPolicy(idle_timeout=None, max_age=None))
    visit = begin(here)
    run(here.end(load(here, visit), LOGOUT))
    clock.now += 35_999
    assert load(here, visit).ending == LOGOUT


# --- what a process knows better ------------------------------------------------------


def change(sessions, login, **changes):
    return run(sessions.change(login, lambda stored: replace(stored, **changes)))


def test_a_change_is_in_the_session_from_the_next_visit_on(here, there, visit, clock):
    login = load(here, visit)
    clock.now += 900
    rights = {"user": MANY, "checked_at": clock.now, "failed_at": clock.now - 1}
    changed = change(here, login, **rights)
    assert (changed.user, changed.now) == (MANY, clock.now)
    assert load(there, visit).checked_at == login.checked_at
    known = load(here, visit)
    assert {name: getattr(known, name) for name in rights} == rights
    assert not known.is_short
    assert visit.session[SESSION_KEY]["checked_at"] == clock.now
    assert visit.session[SESSION_KEY]["failed_at"] == clock.now - 1


def test_a_change_gets_what_the_process_knows_now(here, visit, clock):
    login = load(here, visit)
    change(here, login, failed_at=1.0)
    clock.now += 5
    seen = []
    assert run(here.change(login, seen.append)) is None
    assert [(one.failed_at, one.now) for one in seen] == [(1.0, clock.now)]
    assert load(here, visit).failed_at == 1.0


def test_a_change_of_a_session_that_has_ended_leaves_it_ended(here, visit):
    login = load(here, visit)
    run(here.end(login, LOGOUT))
    assert change(here, login, failed_at=1.0).ending == LOGOUT
    assert load(here, visit).ending == LOGOUT


def test_a_session_in_a_cookie_needs_no_lease(here, visit, clock):
    login = load(here, visit)
    change(here, login, failed_at=1.0)
    clock.now += 5
    mine = run(here.claim(login))
    assert (mine.failed_at, mine.now) == (1.0, clock.now)
    assert run(here.renew(mine)) is mine


def test_a_login_can_be_shown_at_once(here, there, visit):
    login = replace(load(here, visit), failed_at=1.0)
    here.show(visit, login)
    assert load(there, visit).failed_at == 1.0


def read_anew(sessions, visit, user):
    """PeeringDB has just described the user."""
    login = load(sessions, visit)
    rights = {"user": user, "is_short": False, "checked_at": login.now}
    sessions.show(visit, change(sessions, login, **rights))


@pytest.mark.parametrize("count", [1, 299])
def test_what_another_process_has_written_later_counts(here, there, begin, clock, count):
    visit = begin(here, MANY)
    clock.now += 900
    rights = replace(MANY, networks=MANY.networks[:count])
    read_anew(there, visit, rights)
    known = here.peek(visit)
    assert known.checked_at == clock.now
    assert known.user == rights
    assert known.is_short is False


@pytest.mark.parametrize("change", [{"networks": MANY.networks[::-1]}, {"amr": ("pwd",)}])
def test_a_list_that_has_not_changed_elsewhere_is_known_here(here, there, begin, clock, change):
    """PeeringDB may order it anew, and a process may know what the login proved."""
    visit = begin(here, MANY)
    clock.now += 900
    read_anew(there, visit, replace(MANY, **change))
    assert (here.peek(visit).user, here.peek(visit).is_short) == (MANY, False)


def test_networks_that_have_changed_elsewhere_are_missing_here(here, there, begin, clock):
    visit = begin(here, MANY)
    clock.now += 900
    rights = replace(MANY, networks=MANY.networks[:-1])
    read_anew(there, visit, rights)
    assert (here.peek(visit).is_short, there.peek(visit).is_short) == (True, False)
    assert networks(there, visit) == 298


# --- what has room in a cookie --------------------------------------------------------


def size(visit):
    return len(json.dumps(visit.session[SESSION_KEY]["user"]))


def test_a_long_list_stays_in_the_process_that_knows_it(here, there, begin):
    visit = begin(here, MANY)
    assert size(visit) <= 2000
    assert (networks(here, visit), here.peek(visit).is_short) == (299, False)
    assert (networks(there, visit), there.peek(visit).is_short) == (0, True)
    assert visit.session[SESSION_KEY]["is_short"] is True
    assert len(visit.session[SESSION_KEY]["digest"]) == 16


def test_a_process_that_knows_less_keeps_the_digest(here, there, begin):
    visit = begin(here, MANY)
    digest = visit.session[SESSION_KEY]["digest"]
    there.show(visit, load(there, visit))
    assert visit.session[SESSION_KEY]["digest"] == digest


def test_a_user_who_is_whole_needs_no_digest(here, begin):
    visit = begin(here, MANY)
    here.show(visit, replace(load(here, visit), user=ADA))
    assert "digest" not in visit.session[SESSION_KEY]
    assert "is_short" not in visit.session[SESSION_KEY]


def test_a_session_on_the_server_has_room_for_all(make_process, begin):
    here = make_process(is_on_server=True)
    visit = begin(here, MANY)
    assert len(visit.session[SESSION_KEY]["user"][-1]) == 299


@pytest.mark.parametrize("length", [0, 1])
def test_a_user_takes_two_thousand_bytes_at_most(here, begin, length):
    fits = next(
        name
        for name in ("n" * count for count in range(2000))
        if len(json.dumps(in_cookie.compact(replace(ADA, name=name)))) == 2000
    )
    visit = begin(here, replace(ADA, name=fits + "n" * length))
    assert (size(visit) == 2000) is (length == 0)
    assert size(visit) <= 2000


def test_what_fits_least_goes_first(make_process, begin):
    here = make_process(asns=(4_200_000_002,))
    long = replace(MANY, amr=("pwd", "mfa"), email="a" * 100, verified_email=True)
    there = make_process(asns=(4_200_000_002,))
    some = there.peek(begin(here, long)).user
    assert some == replace(long, networks=(network(2),))
    fewer = there.peek(begin(here, replace(long, name="n" * 2000))).user
    assert fewer == User(
        id=7, verified_user=True, verified_email=True, amr=("mfa",), networks=(network(2),)
    )
    everyone = make_process(asns=tuple(one.asn for one in MANY.networks))
    least = there.peek(begin(everyone, long)).user
    assert least == User(id=7, verified_user=True, verified_email=True, amr=("mfa",))


def test_a_process_remembers_a_bounded_number_of_logins(make_process, begin, monkeypatch):
    monkeypatch.setattr(in_cookie, "_MAX_LOGINS", 2)
    monkeypatch.setattr(in_cookie, "_MAX_ENDED", 3)
    here = make_process()
    visits = [begin(here, MANY) for _ in range(4)]
    assert [here.peek(visit).is_short for visit in visits] == [True, True, False, False]
    for visit in visits:
        run(here.end(load(here, visit), LOGOUT))
    assert [here.peek(visit) is None for visit in visits] == [False, True, True, True]
