"""The setting ``PEERINGDB_OAUTH``, read and checked; every problem at once, under the
name that it has there.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import DEFAULT_INI, ClientConfig
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User

NAME = "PEERINGDB_OAUTH"
OnLogin = Callable[[HttpRequest, User, Any], object]

_CONFIG = {one.name.upper(): one.name for one in fields(ClientConfig)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``PEERINGDB_OAUTH`` in settings.py; the names there are in capital letters, those
    of `ClientConfig` among them.

    Without ``CLIENT_ID`` and its like, `ClientConfig.load` finds them in the
    environment or an ini file.

    ``rule``: who may log in. ``on_login``: the dotted path of a function that is called
    with the request, PeeringDB's `User` and the account, and raises `AccessDenied` to
    refuse them. ``create_users``: make an account for somebody new. ``link_by_email``:
    or give them the one with their address; only for sites that confirm the addresses
    of their accounts, or somebody may be waiting in one. ``cache``: of ``CACHES``, for
    long lists of networks. ``client``: a `Client` of one's own (or its dotted path),
    instead of all that `ClientConfig` has.
    """

    client: Client = field(repr=False)
    rule: AccessRule = field(default_factory=AccessRule)
    on_login: OnLogin | None = None
    create_users: bool = True
    link_by_email: bool = False
    cache: str = "default"


_KNOWN = {one.name.upper(): one.name for one in fields(Settings)}
_KINDS: dict[str, tuple[Any, str]] = {
    "client": (Client, "must be a Client, or the dotted path of one"),
    "rule": (AccessRule, "must be an AccessRule"),
    "on_login": (
        Callable,
        "must be the dotted path of a function of the request, PeeringDB's user, and the account",
    ),
    "create_users": (bool, "must be True or False"),
    "link_by_email": (bool, "must be True or False"),
    "cache": (str, "must be a name in CACHES"),
}


def read_settings() -> Settings:
    """The settings as they are now. Raises: `ConfigurationError`."""
    given = getattr(settings, NAME, {})
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{NAME}: must be a dict")
    problems = [_unknown(key) for key in given if key not in _KNOWN and key not in _CONFIG]
    values = {}
    for key in _KNOWN.keys() & given:
        try:
            values[_KNOWN[key]] = _read(_KNOWN[key], given[key])
        except (ImportError, ValueError) as error:
            problems.append(f"{_shown(key)}: {error}")
    arguments = {name: given[key] for key, name in _CONFIG.items() if key in given}
    if "CLIENT" not in given:
        values["client"] = _client(arguments, problems)
    elif arguments:
        problems.append(
            f"{_shown('CLIENT')}: has its own configuration, so remove"
            f" {', '.join(map(str.upper, arguments))}",
        )
    if problems:
        raise ConfigurationError(*problems)
    return Settings(**values)


def _read(name: str, value: Any) -> Any:
    """A setting of ours. Raises: `ImportError`, `ValueError`."""
    if isinstance(value, str) and name in ("client", "on_login"):
        value = import_string(value)
    kind, must = _KINDS[name]
    if not isinstance(value, kind) or (name == "cache" and value not in settings.CACHES):
        raise ValueError(must)
    if iscoroutinefunction(value):
        raise ValueError("must not be async: nobody would wait for what it refuses")
    return value


def is_configured() -> bool:
    """Whether there are any settings of a client, here or elsewhere."""
    is_set_elsewhere = (
        any(name.startswith(f"{NAME}_") for name in os.environ) or Path(DEFAULT_INI).exists()
    )
    return _is_set_here() or is_set_elsewhere


def named(problem: str) -> str:
    """A problem of a `ClientConfig`, by the setting's name here, if it is set here."""
    name, colon, rest = problem.partition(":")
    key = name.upper()
    return f"{_shown(key)}{colon}{rest}" if key in _CONFIG and _is_set_here() else problem


def _is_set_here() -> bool:
    return any(key in getattr(settings, NAME, {}) for key in ("CLIENT", *_CONFIG))


def _client(arguments: dict[str, Any], problems: list[str]) -> Client | None:
    try:
        config = (
            ClientConfig(**{"client_id": "", "redirect_uri": ""} | arguments)
            if arguments
            else ClientConfig.load()
        )
    except ConfigurationError as error:
        problems.extend(map(named, error.problems))
        return None
    return None if problems else Client(config)


def _unknown(key: object) -> str:
    meant = get_close_matches(str(key).upper(), [*_KNOWN, *_CONFIG], 1)
    return f"{NAME}: has a setting {key!r} that does not exist" + (
        f"; did you mean {meant[0]}?" if meant else ""
    )


def _shown(key: str) -> str:
    return f'{NAME}["{key}"]'
