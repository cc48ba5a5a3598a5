"""What Prometheus is told about the gateway, beside `peeringdb_oauth.metrics`.

A check is counted in plain numbers, because it takes 30 microseconds in all. They go
into the metrics once a second, and before each reading.
"""

import asyncio
import math
import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from peeringdb_oauth.budget import Usage, shortest_recheck
from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.metrics import BoundedLabel, disable_metrics, enable_metrics
from peeringdb_oauth.web import SessionStore

CONTENT_TYPE = CONTENT_TYPE_LATEST
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # where several processes share their figures

_BOUNDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0)
_EVERY = 1.0  # seconds
_COUNTED_FOR = 15.0  # seconds for which the number of sessions is not counted anew

disable_created_metrics()  # type: ignore[no-untyped-call]  # of prometheus_client


class GatewayMetrics:
    """The figures of one process of the gateway. It is the gateway's `Observer`.

    ``usage``: says what was taken from the budget. ``store``: of the sessions.
    ``monotonic``: gives seconds that only grow.
    """

    def __init__(
        self, usage: Callable[[], Usage], store: SessionStore, *, monotonic: Callable[[], float]
    ) -> None:
        self._usage = usage
        self._store = store
        self._monotonic = monotonic
        self._counted_at = -math.inf
        self.registry = registry = CollectorRegistry()
        self._label = BoundedLabel()
        self._decisions: dict[tuple[str, str], int] = defaultdict(int)
        self._slots = [0] * (len(_BOUNDS) + 1)
        self._sum = 0.0
        self._checks = Counter(
            "peeringdb_oauth_gateway_checks",
            "Answers to the proxies, by the rule that decided and what it decided.",
            ["rule", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "peeringdb_oauth_gateway_check_seconds",
            "How long a check took in the gateway.",
            buckets=_BOUNDS,
            registry=registry,
        )
        self._sessions = _gauge("sessions", "Living sessions in the store.", registry)
        self._limit = _gauge(
            "budget_limit", "Requests a minute that PeeringDB may be asked; 0 for any.", registry
        )
        self._used = _gauge(
            "budget_used",
            "Requests of the last minute, by what they were for.",
            registry,
            "purpose",
        )
        self._pause = _gauge(
            "budget_pause_seconds", "For how long PeeringDB must not be asked.", registry
        )
        self._shortest = _gauge(
            "shortest_recheck_seconds",
            "How old rights become at least with so many sessions in use.",
            registry,
        )

    def decided(self, rule: str, outcome: str, seconds: float) -> None:
        """Count a check. ``rule``: that decided. ``seconds``: how long it took."""
        self._decisions[rule, outcome] += 1
        self._slots[bisect_left(_BOUNDS, seconds)] += 1
        self._sum += seconds

    def flush(self) -> None:
        """Put the figures of the checks where Prometheus finds them."""
        decisions, self._decisions = self._decisions, defaultdict(int)
        slots, self._slots = self._slots, [0] * len(self._slots)
        seconds, self._sum = self._sum, 0.0
        for (rule, outcome), count in decisions.items():
            self._checks.labels(self._label(rule), outcome).inc(count)
        # `Histogram.observe` takes one value, and as long as a fifth of a check.
        for bucket, count in zip(self._seconds._buckets, slots, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
        self._seconds._sum.inc(seconds)  # noqa: SLF001

    async def keep_flushing(self) -> None:
        """Flush once a second, until it is cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            self.flush()

    async def page(self) -> bytes:
        """All figures in Prometheus' text format, summed over the processes."""
        self.flush()
        self._note_budget()
        await self._count_sessions()
        if DIRECTORY not in os.environ:
            return generate_latest(self.registry)
        summed = CollectorRegistry()
        MultiProcessCollector(summed)  # type: ignore[no-untyped-call]  # of prometheus_client
        return generate_latest(summed)

    @contextmanager
    def enabled(self) -> Iterator[None]:
        """Count what happens in this process, as `peeringdb_oauth.metrics` does."""
        enable_metrics(self.registry)
        try:
            yield
        finally:
            disable_metrics(self.registry)

    def _note_budget(self) -> None:
        usage = self._usage()
        self._limit.set(usage.limit or 0)
        self._pause.set(usage.pause)
        for purpose, count in usage.used.items():
            self._used.labels(purpose.name.lower()).set(count)

    async def _count_sessions(self) -> None:
        now = self._monotonic()
        if now < self._counted_at + _COUNTED_FOR:
            return
        self._counted_at = now
        with suppress(PeeringDBOAuthError):  # `readyz` says that the store is away
            count = await asyncio.to_thread(self._store.count)
            self._sessions.set(count)
            self._shortest.set(shortest_recheck(count, self._usage().limit))


def _gauge(name: str, text: str, registry: CollectorRegistry, *labels: str) -> Gauge:
    # Each process knows the same: what one has found last counts.
    return Gauge(
        f"peeringdb_oauth_{name}", text, labels, registry=registry, multiprocess_mode="mostrecent"
    )
