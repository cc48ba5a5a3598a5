"""What both clients do in the same way, such as to bound a body and say what failed.

Knows no network library. `requests_transport` and `aiohttp_transport` each know one.
"""

import copy
import logging
import math
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from peeringdb_oauth.config import ClientConfig, is_loopback
from peeringdb_oauth.cost import Purpose
from peeringdb_oauth.errors import InvalidResponse, PeeringDBOAuthError, RateLimited, TransportError
from peeringdb_oauth.messages import MAX_BODY

log = logging.getLogger("peeringdb_oauth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How many seconds each part of a request may take.

    ``admission``: until the budget has room. ``connect``: until there is a connection.
    ``answer``: until the answer begins. ``body``: until the rest of it has come.
    """

    admission: float
    connect: float
    answer: float
    body: float


RECHECK_WAIT = 2.0  # seconds


@lru_cache
def timeouts_of(within: float | None, timeout: float, purpose: Purpose = Purpose.LOGIN) -> Timeouts:
    """The timeouts of a request.

    ``within``: the most seconds for all parts together; None for no such limit.
    ``timeout``: the most seconds for each part. ``purpose``: of the request. A re-check
    waits for little until the budget has room. Otherwise a slow PeeringDB would keep
    people waiting for the re-checks of others.
    """
    whole = math.inf if within is None else within
    longest = RECHECK_WAIT if purpose is Purpose.RECHECK else math.inf
    return Timeouts(
        admission=min(timeout, 0.1 * whole, longest),
        connect=min(timeout, 0.2 * whole),
        answer=min(timeout, 0.5 * whole),
        body=min(timeout, 0.2 * whole),
    )


class BoundedBody:
    """The body of an answer while it arrives: bounded in size, and in time.

    ``timeout``: the most seconds that it may take from now on, however slowly it comes.
    ``monotonic``: a clock in seconds that only grows.
    """

    def __init__(self, timeout: float, monotonic: Callable[[], float]) -> None:
        self._timeout = timeout
        self._monotonic = monotonic
        self._deadline = monotonic() + timeout
        self._content = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next part of the body.

        Raises:
            InvalidResponse: the body is larger than `MAX_BODY`.
            TransportError: the body takes too long.
        """
        self._content += chunk
        if len(self._content) > MAX_BODY:
            raise InvalidResponse(
                f"PeeringDB's answer is larger than {MAX_BODY} bytes", check="size"
            )
        if self._monotonic() > self._deadline:
            raise TransportError(f"PeeringDB's answer took longer than {self._timeout:g} s")

    def __bytes__(self) -> bytes:
        return bytes(self._content)


@lru_cache  # a configuration is told once, however many clients it has
def log_at_start(config: ClientConfig) -> None:
    """Log what this process may ask of PeeringDB, and what may be a mistake."""
    log.info(
        "requests to PeeringDB: %s a minute for this address, shared by %d process(es);"
        " if there are others without a common store of sessions, set processes"
        " (PEERINGDB_OAUTH_PROCESSES) to how many there are",
        config.requests_per_minute or "any number",
        config.processes,
    )
    if config.client_secret is None:
        log.warning(
            "the application %s has no client_secret, which is right for a public client only: if"
            " PeeringDB gave it a secret, set PEERINGDB_OAUTH_CLIENT_SECRET",
            config.client_id,
        )


def goes_direct(base_url: str) -> bool:
    """Whether requests to ``base_url`` ignore the proxy that the environment names.

    A loopback host may be asked over http, and a proxy would read the client_secret.
    """
    return is_loopback(urlsplit(base_url).hostname or "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a shared flow: its result, or an error of this library."""

    result: Any = None
    error: PeeringDBOAuthError | None = None

    def get(self) -> Any:
        """The result. Every caller is raised a copy of the error of their own."""
        if self.error is not None:
            raise copy.copy(self.error)
        return self.result


def flight_timeout(timeout: float) -> TransportError:
    """The error for a shared flow that did not end within ``timeout`` seconds."""
    return TransportError(
        f"PeeringDB has been asked the same already, and has not answered for {timeout:g} s"
    )


def budget_timeout(timeout: float) -> RateLimited:
    """The error for a request that was not admitted within ``timeout`` seconds."""
    return RateLimited(
        f"too many requests to PeeringDB are waiting for their answers, for {timeout:g} s now",
        retry_after=timeout,
    )


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it, the last one first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def forget_answer(error: BaseException) -> None:
    """Take from an error what it quotes of a malformed answer.

    The answer may repeat our secrets, and error reports print the causes as well.
    """
    error.args = ()
    error.__cause__ = error.__context__ = None


def certificate_problem(error: BaseException | None) -> str:
    """What OpenSSL says about a certificate, to append to a sentence; else nothing.

    The error that OpenSSL raised may be anywhere in the chain of ``error``.
    """
    for each in causes_of(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return (
                f": {each.verify_message}; if you trust the certificate's authority, name its file"
                " as ca_file"
            )
    return ""
