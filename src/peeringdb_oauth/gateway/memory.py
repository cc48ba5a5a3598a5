"""Answers that are remembered for a moment, so that they need not be found anew."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from peeringdb_oauth.web import StoredLogin, Visitors

_MAX = 10_000  # answers
LONGEST = 4096  # bytes of what an answer depends on


class Memory:
    """The answers to people who are logged in, as long as nothing is known anew.

    An answer counts only as long as `Visitors` remembers the session: one second. So
    it never outlives the end of a session or a change of rights by more than that.
    ``most``: how many answers there are at a time.
    """

    def __init__(self, most: int = _MAX) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, tuple[Visitors, StoredLogin, Any, Any]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """The answer for a key; None if there is none that counts."""
        found = self._answers.get(key)
        if found is None:
            return None
        visitors, login, entry, answer = found
        return answer if visitors.remembered(login) is entry else None

    def put(self, key: Hashable, visitors: Visitors, login: StoredLogin, answer: Any) -> None:
        """Remember an answer. Too many make the oldest ones forgotten."""
        entry = visitors.remembered(login)
        if entry is None:
            return
        answers = self._answers  # a reload in another thread takes others
        answers[key] = visitors, login, entry, answer
        answers.move_to_end(key)
        while len(answers) > self._most:
            answers.popitem(last=False)

    def __len__(self) -> int:
        return len(self._answers)

    def clear(self) -> None:
        """Forget all answers: the rules are others now."""
        self._answers = OrderedDict()
