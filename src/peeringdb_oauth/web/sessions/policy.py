"""How long a session lasts, and how old a person's rights in it may be."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any, Self

from peeringdb_oauth.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """How long a session lasts, and how old a person's rights in it may be.

    ``recheck_every``: PeeringDB is asked for the rights again when its last answer is
    that old; None: only at login and for views with a ``max_age``. ``stale_for``: for
    how much longer the last known rights count while PeeringDB gives no answer.
    ``idle_timeout``: a session ends when nobody has used it for that long; None: it
    does not. ``max_age``: a session ends that long after its login; None: it does not.
    All of them are seconds.

    >>> from peeringdb_oauth.web import SessionPolicy
    >>> SessionPolicy(idle_timeout=3600).idle_timeout
    3600

    Raises:
        ConfigurationError: a value is no number of seconds, or makes no sense; all
            problems are reported at once.
    """

    recheck_every: float | None = 900
    stale_for: float = 3600
    idle_timeout: float | None = 7200
    max_age: float | None = 43200

    def __post_init__(self) -> None:
        problems = []
        for field in fields(self):
            least = 0 if field.name == "stale_for" else 1
            value = getattr(self, field.name)
            if value is None and field.name != "stale_for":
                continue
            if not _is_seconds(value) or value < least:
                or_none = "" if field.name == "stale_for" else ", or None"
                problems.append(f"{field.name}: must be seconds, {least} or more{or_none}")
        if problems:
            raise ConfigurationError(*problems)

    @classmethod
    def of(cls, settings: "SessionPolicy | Mapping[str, Any] | str | None") -> Self:
        """The policy that settings describe, such as ``{"recheck_every": 300}``.

        They may be text: ``recheck_every=300 max_age=none``. None: the default.

        Raises:
            ConfigurationError: a name is unknown, or as for the class.
        """
        if isinstance(settings, cls):
            return settings
        if settings is None:
            return cls()
        if isinstance(settings, str):
            settings = dict(_pairs(settings))
        if not isinstance(settings, Mapping):
            raise ConfigurationError(
                'must be a SessionPolicy, or a dict such as {"idle_timeout": 3600}'
            )
        names = [field.name for field in fields(cls)]
        given = {str(name).lower(): value for name, value in settings.items()}
        unknown = [
            f"{name}: there is no such setting; there are {', '.join(names)}"
            for name in given
            if name not in names
        ]
        known = {name: _to_seconds(value) for name, value in given.items() if name in names}
        try:
            policy = cls(**known)
        except ConfigurationError as error:
            raise ConfigurationError(*unknown, *error.problems) from None
        if unknown:
            raise ConfigurationError(*unknown)
        return policy


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for word in text.replace(",", " ").split():
        name, _, value = word.partition("=")
        yield name, value


def _to_seconds(value: object) -> Any:
    """The number in a text; None for ``none``; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "none":
        return None
    with suppress(ValueError):
        return float(value)
    return value


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
