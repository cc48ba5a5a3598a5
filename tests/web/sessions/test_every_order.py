"""Refreshes in several processes, in every order of steps and with every fault."""

from dataclasses import replace

import pytest
from every_order import BOUND, explore, report
from session_model import LEASE, Process, World

from peeringdb_oauth.errors import TokenRejected
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.sessions import rechecks, refreshes
from peeringdb_oauth.web.sessions.endings import Endings
from peeringdb_oauth.web.sessions.in_store import StoreSessions, _extend, _take
from peeringdb_oauth.web.sessions.rechecks import Rechecks
from peeringdb_oauth.web.sessions.refreshes import Refreshes, busy
from peeringdb_oauth.web.sessions.stored_login import StoredLogin


@pytest.fixture(autouse=True)
def few_tries(monkeypatch):
    """Who waits looks three times and not fifty times: that adds no order."""
    monkeypatch.setattr(rechecks, "_WAIT", 0.3)
    monkeypatch.setattr(refreshes, "_STEP", 7.0)


def site(*jobs, faults, at_end=None, **parts):
    """A model of processes with these jobs. ``at_end``: checks the world at last."""

    def run(choices):
        world = World(choices, jobs, faults, parts)
        world.run()
        (at_end or check)(world)

    return run


def finish(world, job, seconds):
    """Another process does a job some seconds later, without faults."""
    world.now = max(world.now, world.down_until) + seconds
    process = Process(world, "late", world.parts)
    world.processes.append(process)
    world.faults = 0
    task = process.start(job, getattr(process, job)())
    world.run()
    return task.outcome


def check(world):
    """Nobody is locked out, no token is lost, and no session has ended for nothing."""
    living = [one for one in world.processes if one not in world.killed]
    outcome = finish(world, "view", LEASE)
    assert isinstance(outcome, StoredLogin | TokenRejected), f"locked out: {outcome!r}"
    for process in living:  # what it has kept for the store
        process.start("purge", process.purge())
    world.run()
    finish(world, "purge", 61)
    login, generation = world.stored(), world.peeringdb.generation
    if login.ending is None:
        assert world.stored_generation() == generation, "the session has dead tokens"
    elif not world.is_gone:
        assert generation is None, "tokens are lost, and work"
    if login.ending is not None and login.ending.reason == "refused_by_peeringdb":
        assert world.is_lost or world.is_late, "the session has ended without a reason"


@pytest.mark.parametrize("jobs", [["view", "view"], ["view", "log_out"]], ids=" ".join)
def test_two_processes_with_faults(jobs):
    assert report("sessions: " + ", ".join(jobs), BOUND, site(*jobs, faults=BOUND)) > 1000


THREE = [["view"] * 3, ["view", "view", "log_out"]]


@pytest.mark.parametrize("jobs", THREE[:BOUND], ids=" ".join)
def test_three_processes(jobs):
    faults = max(0, BOUND - 2)
    assert report("sessions: " + ", ".join(jobs), faults, site(*jobs, faults=faults)) > 1000


class IgnoresLeases(StoreSessions):
    def claim(self, login):
        return (yield from self.change(login, lambda stored: _extend(_take(stored))))


class ForgetsItsLease(StoreSessions):
    def renew(self, mine):
        return (yield from self.change(mine, _extend))


class LeasesForLong(StoreSessions):
    def claim(self, login):
        mine = yield from super().claim(login)
        until = mine and mine.now + 10 * LEASE
        return mine and (yield from self.change(mine, lambda _: replace(mine, lease_until=until)))


class GivesUp(Refreshes):
    def _insist(self, mine, token, sealed):  # noqa: ARG002 - as its parent has it
        yield from ()


class KeepsLateTokens(Refreshes):
    def _write_tokens(self, mine, token, sealed):
        stored = yield from self._sessions.fresh(mine)
        if stored.lease != mine.lease:
            raise busy()
        return (yield from super()._write_tokens(mine, token, sealed))


class TellsNobody(Endings):
    def tell(self, event, tell=None):  # noqa: ARG002 - as its parent has it
        yield from ()


class KeepsNothing(Endings):
    def revoke_at_purge(self, sessions, token):
        yield from sessions.keep_tokens(self._tokens.seal(token), token.expires_at)


class RevokesNothing(Endings):
    def revoke(self, login, *, purpose=None):  # noqa: ARG002 - as its parent has it
        yield from self._sessions.note_revoked(login)


class TellsLateRights(Rechecks):
    def _store(self, mine, user):
        yield from self._endings.tell(Event.of_change(mine.user, user))
        return (yield from super()._store(mine, user))


class StoresLateRights(Rechecks):
    def _store(self, mine, user):
        def take(stored):
            return replace(stored, user=user, checked_at=stored.now, lease_until=0.0)

        return (yield from self._sessions.change(mine, take)), None


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"sessions": IgnoresLeases}, "ended without a reason"),
        ({"sessions": ForgetsItsLease}, "older rights are told after newer ones"),
        ({"sessions": LeasesForLong}, "locked out"),
        ({"refreshes": GivesUp}, "tokens are lost, and work"),
        ({"refreshes": KeepsLateTokens}, "tokens are lost, and work"),
        ({"rechecks": TellsLateRights}, "older rights are told after newer ones"),
        ({"rechecks": StoresLateRights}, "older rights replace newer ones"),
    ],
    ids=lambda value: next(iter(value.values())).__name__ if isinstance(value, dict) else "",
)
def test_a_broken_protocol_is_found(broken, message):
    with pytest.raises(AssertionError, match=message):
        explore(site("view", "view", faults=1, **broken))


@pytest.mark.parametrize("sessions", [IgnoresLeases, ForgetsItsLease])
def test_two_refreshes_at_once_are_found(sessions):
    ignored = {"at_end": lambda _: None, "endings": TellsNobody}
    model = site("view", "view", faults=1, sessions=sessions, **ignored)
    with pytest.raises(AssertionError, match="two refreshes of one session at once"):
        explore(model)


def test_tokens_that_no_process_keeps_are_found():
    with pytest.raises(AssertionError, match="tokens are lost, and work"):
        explore(site("view", "view", faults=2, endings=KeepsNothing))


def test_tokens_of_a_logout_that_are_not_revoked_are_found():
    with pytest.raises(AssertionError, match="tokens are lost, and work"):
        explore(site("view", "log_out", faults=0, endings=RevokesNothing))
