"""A client whose background work and pauses a test has in its hands."""

from contextlib import suppress
from functools import partial

from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.steps import Later, Pause, Shared


class SettledClient:
    """Runs flows as `Client` does, and also what is to be done behind the answer.

    Of what is to be done later, each name is done once.

    ``pause``: called with the seconds in place of waiting.
    """

    def __init__(self, client, pause):
        self._client = client
        self._later = {}
        self.pause = pause
        self.provider, self.config = client.provider, client.config

    def run(self, flow):
        try:
            return self.drive(flow)
        finally:
            self.settle()

    def settle(self):
        """Do what is to be done behind the answers."""
        while self._later:
            name, work = next(iter(self._later.items()))
            with suppress(PeeringDBOAuthError):  # nobody waits for it
                self.drive(work)
            del self._later[name]

    def drive(self, flow):
        proceed = partial(next, flow)
        while True:
            try:
                step = proceed()
            except StopIteration as done:
                return done.value
            try:
                proceed = partial(flow.send, self.perform(step))
            except PeeringDBOAuthError as error:
                proceed = partial(flow.throw, error)

    def perform(self, step):
        if isinstance(step, Later):
            self._later.setdefault(step.name, step.flow)
            return None
        if isinstance(step, Pause):
            return self.pause(step.seconds)
        if isinstance(step, Shared):
            return self.drive(step.flow)
        return self._client.run(_one(step))


def _one(step):
    return (yield step)
