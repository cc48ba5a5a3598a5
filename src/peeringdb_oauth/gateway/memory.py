"""Answers that are remembered for a moment, so that they need not be found anew."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from peeringdb_oauth.web import RecentLogin


class Memory:
    """The answers to people who are logged in, as long as nothing is known anew.

    An answer counts only as long as what is known of the login is current: one second.
    So it never outlives the end of a session or a change of rights by more than that.
    ``most``: how many answers there are at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, tuple[RecentLogin, Any]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """The answer for a key; None if there is none that counts."""
        found = self._answers.get(key)
        return found[1] if found is not None and found[0].is_current() else None

    def put(self, key: Hashable, recent: RecentLogin | None, answer: Any) -> None:
        """Remember an answer. Too many make the oldest ones forgotten.

        ``recent``: what the answer depends on; None: it counts for this request only.
        """
        if recent is None:
            return
        self._answers[key] = recent, answer
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)

    def __len__(self) -> int:
        return len(self._answers)
