"""Figures about logins and PeeringDB for Prometheus.

One line in an application, whatever its framework (extra ``[metrics]``)::

    from peeringdb_oauth.metrics import enable_metrics

    enable_metrics()

The application shows them as it shows its other metrics: with ``generate_latest`` or
``make_wsgi_app`` of the package ``prometheus_client``, or through an exporter for its
framework. With several processes set ``PROMETHEUS_MULTIPROC_DIR``.
"""

from typing import Any

from peeringdb_oauth.cost import Purpose
from peeringdb_oauth.extras import needs
from peeringdb_oauth.observers import observers
from peeringdb_oauth.reasons import Reason

with needs("metrics"):
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

_MOST_VALUES = 100  # of a label
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_AGES = (60, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 43200)


class BoundedLabel:
    """The values of a label. What comes after the first 100 is called ``other``."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def __call__(self, value: str | None) -> str:
        """The value, or ``other`` if there are too many."""
        if not value:
            return ""
        if value not in self._values:
            if len(self._values) >= _MOST_VALUES:
                return "other"
            self._values.add(value)
        return value


class Metrics:
    """Counts what it is told. An `Observer`.

    ``registry``: where Prometheus finds the figures.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rule, self._reason = BoundedLabel(), BoundedLabel()
        self._logins = Counter(
            "peeringdb_oauth_logins", "Logins that were completed.", registry=registry
        )
        self._logouts = Counter(
            "peeringdb_oauth_logouts", "Logouts by people themselves.", registry=registry
        )
        self._refusals = Counter(
            "peeringdb_oauth_refusals",
            "People who were refused, by the rule or view and the first reason.",
            ["rule", "reason"],
            registry=registry,
        )
        self._ended = Counter(
            "peeringdb_oauth_sessions_ended",
            "Sessions that ended without a logout, by the reason.",
            ["reason"],
            registry=registry,
        )
        self._changed = Counter(
            "peeringdb_oauth_rights_changed",
            "Re-checks that found other rights.",
            registry=registry,
        )
        self._rechecks = Counter(
            "peeringdb_oauth_rechecks",
            "Re-checks of the rights in a session: ok, ended, failed or postponed.",
            ["outcome"],
            registry=registry,
        )
        self._ages = Histogram(
            "peeringdb_oauth_recheck_age_seconds",
            "How old the rights in a session were when they were to be read again.",
            buckets=_AGES,
            registry=registry,
        )
        self._requests = Counter(
            "peeringdb_oauth_provider_requests",
            "Requests to PeeringDB, by what they were for and what came of them.",
            ["purpose", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "peeringdb_oauth_provider_request_seconds",
            "How long PeeringDB took to answer.",
            buckets=_SECONDS,
            registry=registry,
        )

    def on_event(self, event: Any) -> None:
        """See `Observer.on_event`."""
        if event.kind == "login":
            self._logins.inc()
        elif event.kind == "logout":
            self._logouts.inc()
        elif event.kind == "rights_changed":
            self._changed.inc()
        elif event.kind == "session_ended":
            self._ended.labels(self._reason(event.reason)).inc()
        else:
            codes = [Reason.of(reason).code for reason in event.reasons]
            self.refused(event.view, (codes or [event.code])[0])

    def refused(self, rule: str | None, reason: str | None) -> None:
        """Count a refusal. ``rule``: of which rule or view. ``reason``: its code."""
        self._refusals.labels(self._rule(rule), self._reason(reason)).inc()

    def on_answer(self, purpose: Purpose, outcome: str, seconds: float) -> None:
        """See `Observer.on_answer`."""
        self._requests.labels(purpose.name.lower(), outcome).inc()
        self._seconds.observe(seconds)

    def on_recheck(self, outcome: str, age: float) -> None:
        """See `Observer.on_recheck`."""
        self._rechecks.labels(outcome).inc()
        self._ages.observe(age)


_enabled: dict[CollectorRegistry, Metrics] = {}


def enable_metrics(registry: CollectorRegistry | None = None) -> Metrics:
    """Count from now on. A second call changes nothing.

    ``registry``: where Prometheus finds the figures; None for the default one.
    """
    registry = registry or REGISTRY
    if registry not in _enabled:
        _enabled[registry] = Metrics(registry)
        observers.append(_enabled[registry])
    return _enabled[registry]


def disable_metrics(registry: CollectorRegistry | None = None) -> None:
    """Count no longer. What was counted stays in the registry."""
    metrics = _enabled.pop(registry or REGISTRY, None)
    if metrics is not None:
        observers.remove(metrics)
