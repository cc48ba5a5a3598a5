"""Faults that can be switched on: what stands between the client and PeeringDB
misbehaves, as a WSGI application around Django's.

Control pages keep working whatever is broken.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

CONTROL_PREFIX = "/sandbox/"
KINDS = {
    "error_500": "PeeringDB's internal error page",
    "slow": "the answer comes late",
    "cut": "the connection is cut without an answer",
    "outage": "503, the whole of PeeringDB is down",
}
# Django's own page, byte for byte what PeeringDB sends.
ERROR_500 = (
    b'\n<!doctype html>\n<html lang="en">\n<head>\n  <title>Server Error (500)</title>\n</head>\n'
    b"<body>\n  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n"
)
_OUTAGE = b"<!doctype html>\n<title>503 Service Unavailable</title>\n<h1>Service Unavailable</h1>\n"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault: for one path or for all, until cleared or for the next `times`
    requests.
    """

    kind: str
    path: str | None = None
    times: int | None = None
    seconds: float = 3.0
    """Of "slow"."""


class Faults:
    """The faults that are switched on, in the order in which they were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch one on."""
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._active.clear()

    def active(self) -> list[Fault]:
        """Those that are on."""
        with self._lock:
            return list(self._active)

    def next_for(self, path: str) -> Fault | None:
        """The fault that this request meets, used up by one."""
        with self._lock:
            for fault in self._active:
                if fault.path in {None, path}:
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times == 0:
                            self._active.remove(fault)
                    return fault
        return None

    def wrap(self, application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """The same WSGI application, behind the faults."""

        def faulty(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
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
            status, body = (
                ("500 Internal Server Error", ERROR_500)
                if fault.kind == "error_500"
                else ("503 Service Unavailable", _OUTAGE)
            )
            start_response(
                status,
                [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))],
            )
            return [body]

        return faulty
