"""Who is told what happens in this process, to count it.

Nobody is by default. `peeringdb_oauth.metrics` is, where an application wants figures.
"""

from typing import Any, Protocol

from peeringdb_oauth.cost import Purpose


class Observer(Protocol):
    """What is told. No method may block or raise an error."""

    def on_event(self, event: Any) -> None:
        """An `Event` of the login: who, what, and why."""

    def on_answer(self, purpose: Purpose, outcome: str, seconds: float) -> None:
        """A request to PeeringDB has ended.

        ``outcome``: a word of `outcome_of`. ``seconds``: until the answer was read.
        """

    def on_recheck(self, outcome: str, age: float) -> None:
        """The rights in a session were to be read again.

        ``outcome``: ``ok``, ``ended``, ``failed`` or ``postponed``. ``age``: how old
        they were, in seconds.
        """


observers: list[Observer] = []


def outcome_of(status: int | None) -> str:
    """What came of a request to PeeringDB, in a word.

    ``status``: of the answer; None if there was none.
    """
    if status is None:
        return "no_answer"
    if status < 400:
        return "ok"
    if status >= 500:
        return "server_error"
    return {401: "refused", 403: "refused", 429: "rate_limited"}.get(status, "client_error")


def tell_answer(purpose: Purpose, status: int | None, seconds: float) -> None:
    """Tell all observers what came of a request to PeeringDB."""
    for observer in observers:
        observer.on_answer(purpose, outcome_of(status), seconds)


def tell_recheck(outcome: str, age: float) -> None:
    """Tell all observers what came of reading the rights in a session again."""
    for observer in observers:
        observer.on_recheck(outcome, age)
