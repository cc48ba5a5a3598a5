"""What a flow may yield."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from peeringdb_oauth.messages import HTTPRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A flow that only one may be in at a time: its driver holds the lock called
    ``name`` around it.
    """

    name: str
    flow: "Flow[Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationCall:
    """A function of the application's that may take time, such as a look into its
    store. `AsyncClient` awaits it, or gives it a thread.
    """

    function: Callable[[], Any]


Step = HTTPRequest | Locked | ApplicationCall

# Yields what to send, go through alone, or call; is sent the response or the result, or
# is thrown the error instead.
Flow = Generator[Step, Any, T]
