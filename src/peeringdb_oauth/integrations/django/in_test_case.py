"""A project's own tests, whose transactions only one thread sees.

A `django.test.TestCase` rolls back all that a test has written. A thread that works
behind an answer has another connection, so it would not find what the test has written,
and would wait for locks of the test.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from django.db import connections

from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.steps import Flow, Later, Shared

T = TypeVar("T")


def is_in_test_case(connection: Any) -> bool:
    """Whether a `django.test.TestCase` will roll back what this connection writes."""
    return any(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def is_any_in_test_case() -> bool:
    """Whether a connection of this thread is in a `django.test.TestCase`."""
    return any(map(is_in_test_case, connections.all(initialized_only=True)))


def at_once(flow: Flow[T]) -> Flow[T]:
    """A flow that does in this thread what it would leave for later."""
    proceed: Callable[[], Any] = partial(next, flow)
    while True:
        try:
            step = proceed()
        except StopIteration as done:
            result: T = done.value
            return result
        try:
            proceed = partial(flow.send, (yield from _perform(step)))
        except PeeringDBOAuthError as error:
            proceed = partial(flow.throw, error)


def _perform(step: Any) -> Flow[Any]:
    if isinstance(step, Later):
        with suppress(PeeringDBOAuthError):  # as behind an answer: nobody waits for it
            yield from at_once(step.flow)
        return None
    if isinstance(step, Shared):
        step = replace(step, flow=at_once(step.flow))
    return (yield step)
