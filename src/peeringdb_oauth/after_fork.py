"""What a forked process cannot share with its parent: locks and connections.

The child has only the thread that forked. A lock that another thread held would stay
locked in the child, and two processes on one connection would read each other's
answers. So the child makes both anew.
"""

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_owners: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()
# What the child got from its parent. It is never cleaned up: that would close the
# parent's connections, and wait for locks that nobody releases.
_inherited: list[dict[str, Any]] = []


def make_in_each_process(owner: T, make: Callable[[T], None]) -> None:
    """Call ``make(owner)`` now, and in each process that is forked from this one.

    ``make``: sets those attributes of ``owner`` that processes cannot share.
    """
    make(owner)
    _owners[owner] = make


def make_anew() -> None:
    """Make everything anew, as a child does first."""
    for owner, make in list(_owners.items()):
        _inherited.append(vars(owner).copy())
        make(owner)


class ForkSafeLock:
    """A lock for ``with``, which is free in a forked process.

    ``kind``: what makes the lock, such as ``threading.RLock``.
    """

    _lock: AbstractContextManager[Any]

    def __init__(self, kind: Callable[[], AbstractContextManager[Any]] = threading.Lock) -> None:
        self._kind = kind
        make_in_each_process(self, ForkSafeLock._make)

    def _make(self) -> None:
        self._lock = self._kind()

    def __enter__(self) -> None:
        self._lock.__enter__()

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)


# Held where OpenSSL and the C library hold locks of the whole process. A child of that
# moment could never take them, and would hang in its first handshake.
no_fork = ForkSafeLock(threading.RLock)


def _end_fork() -> None:
    no_fork.__exit__()


with suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(
        before=no_fork.__enter__, after_in_parent=_end_fork, after_in_child=make_anew
    )
