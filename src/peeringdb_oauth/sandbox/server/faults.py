"""Faults that a test can switch on: PeeringDB, or what is before it, fails.

They are a WSGI application around Django's. The control pages and commands have no
faults.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

CONTROL_PREFIX = "/sandbox/"
KINDS = {
    "error_500": "PeeringDB answers with its error page",
    "slow": "the answer comes late",
    "cut": "the connection ends without an answer",
    "outage": "503, all of PeeringDB is down",
    "maintenance": "503 for every POST, pages and reading work",
    "account_switch": "a login ends in the error page, as after another person's",
    "refresh_race": "a refresh answers late, with tokens that another refresh was given first",
    "refresh_lost": "a refresh is refused, because another one has used the token",
}
# The other kinds concern one step of PeeringDB, which asks for them with `Faults.take`.
KINDS_WITH_PATH = ("error_500", "slow", "cut", "outage")
# Django's page, byte for byte as PeeringDB sends it.
ERROR_500 = (
    b'\n<!doctype html>\n<html lang="en">\n<head>\n  <title>Server Error (500)</title>\n</head>\n'
    b"<body>\n  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n"
)
_OUTAGE = b"<!doctype html>\n<title>503 Service Unavailable</title>\n<h1>Service Unavailable</h1>\n"

_Application = Callable[..., Iterable[bytes]]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault.

    ``kind``: one of `KINDS`. ``path``: only requests for this path meet it; None for
    all. Only `KINDS_WITH_PATH` may have one. ``times``: how many more requests meet it;
    None for no end. ``seconds``: how late the answer is, if the kind is "slow".
    """

    kind: str
    path: str | None = None
    times: int | None = None
    seconds: float = 3.0


class Faults:
    """The faults that are switched on, oldest first. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._active.clear()

    def active(self) -> list[Fault]:
        """The faults that are switched on."""
        with self._lock:
            return list(self._active)

    def next_for(self, path: str) -> Fault | None:
        """The fault that a request for this path meets, which counts as one time."""
        return self._next(
            lambda fault: fault.kind in KINDS_WITH_PATH and fault.path in {None, path}
        )

    def take(self, kind: str) -> bool:
        """Whether a fault of this kind is on, which counts as one time."""
        return self._next(lambda fault: fault.kind == kind) is not None

    def _next(self, meets: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            fault = next(filter(meets, self._active), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._active.remove(fault)
            return fault

    def wrap(self, application: _Application) -> _Application:
        """Put the faults before a WSGI application."""

        def with_faults(
            environ: dict[str, Any], start_response: Callable[..., Any]
        ) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            fault = None if path.startswith(CONTROL_PREFIX) else self.next_for(path)
            if fault is None:
                return application(environ, start_response)
            if fault.kind == "slow":
                time.sleep(fault.seconds)
                return application(environ, start_response)
            if fault.kind == "cut":
                environ["sandbox.cut"]()
                raise ConnectionAbortedError
            return _answer_with_error(fault, start_response)

        return with_faults


def _answer_with_error(fault: Fault, start_response: Callable[..., Any]) -> Iterable[bytes]:
    status, body = (
        ("500 Internal Server Error", ERROR_500)
        if fault.kind == "error_500"
        else ("503 Service Unavailable", _OUTAGE)
    )
    start_response(
        status, [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    )
    return [body]
