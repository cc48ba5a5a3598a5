"""The setting ``PEERINGDB_OAUTH`` of a Django project, read and checked.

All problems are reported at once, each under the name that it has in the project.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from peeringdb_oauth.access import NO_RULE, AccessRule
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, collected, renamed
from peeringdb_oauth.profile import User
from peeringdb_oauth.setting_sources import (
    Written,
    did_you_mean,
    ini_path,
    is_in_environment,
    to_bool,
)
from peeringdb_oauth.setting_sources import name_setting as name_where_written
from peeringdb_oauth.web import SessionPolicy

SETTING_NAME = "PEERINGDB_OAUTH"
OnLogin = Callable[[HttpRequest, User, Any], object]
OnRightsChanged = Callable[[User, User], object]

_CLIENT_KEYS = {item.name.upper(): item.name for item in fields(ClientConfig)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The setting ``PEERINGDB_OAUTH``: a dict with these names in capital letters.

    The fields of `ClientConfig` may be in it too. Without any of them,
    `ClientConfig.load` reads them from the environment or an ini file.

    ``client``: a `Client` or its dotted path, instead of the fields of `ClientConfig`.
    ``rule``: who may log in. ``on_login``: the dotted path of a function that is called
    with the request, PeeringDB's `User` and the account; it raises `AccessDenied` to
    refuse the login. ``create_users``: whether a person without an account gets a new
    one. ``link_by_email``: whether a person without an account gets the existing one
    with their email address. Switch it on only if the site confirms the addresses of
    its accounts: otherwise somebody else may have registered one with that address.
    ``sessions``: ``"django"`` for sessions in the project's database, or the URL of a
    store, such as ``redis://127.0.0.1/0``; None for Django's own sessions only.
    ``session_policy``: how long the sessions last, as a `SessionPolicy` or a dict of
    its arguments. ``on_rights_changed``: the dotted path of a function that is called
    with PeeringDB's `User` as they were and as they are, in the transaction that saves
    the change.
    """

    client: Client = field(repr=False)
    rule: AccessRule = field(default_factory=AccessRule)
    on_login: OnLogin | None = None
    create_users: bool = True
    link_by_email: bool = False
    sessions: str | None = field(default=None, repr=False)  # a URL may have a password
    session_policy: SessionPolicy | None = None
    on_rights_changed: OnRightsChanged | None = None


_OWN_KEYS = {item.name.upper(): item.name for item in fields(Settings)}
_TYPES: dict[str, tuple[Any, str]] = {
    "client": (Client, "must be a Client, or the dotted path of one"),
    "rule": (AccessRule, NO_RULE),
    "on_login": (
        Callable,
        "must be the dotted path of a function of the request, PeeringDB's user, and the account",
    ),
    "create_users": (bool, "must be True or False (or yes or no, as text)"),
    "link_by_email": (bool, "must be True or False (or yes or no, as text)"),
    "sessions": (str, 'must be "django" or the URL of a store'),
    "session_policy": (SessionPolicy, "must be a SessionPolicy or a dict of its arguments"),
    "on_rights_changed": (
        Callable,
        "must be the dotted path of a function of PeeringDB's user before and after",
    ),
}


def read_settings() -> Settings:
    """Read and check ``PEERINGDB_OAUTH`` as it is now.

    Raises:
        ConfigurationError: a setting is wrong, unknown or missing; all problems are
            reported at once.
    """
    problems: list[str] = []
    made = _read_settings(problems)
    if made is None:
        # Django's error reports have the variables of each function that raises, so no
        # variable here may have a secret.
        raise ConfigurationError(*problems)
    return made


def _read_settings(problems: list[str]) -> Settings | None:
    """The settings; None if there are problems, which are added to the others."""
    given = getattr(settings, SETTING_NAME, {})
    if not isinstance(given, Mapping):
        problems.append(f"{SETTING_NAME}: must be a dict")
        return None
    problems += [
        _unknown_key(key) for key in given if key not in _OWN_KEYS and key not in _CLIENT_KEYS
    ]
    values = _read_own_values(given, problems)
    arguments = {name: given[key] for key, name in _CLIENT_KEYS.items() if key in given}
    if "CLIENT" not in given:
        values["client"] = _make_client(arguments, problems)
    elif arguments:
        problems.append(
            f"{_full_name('CLIENT')}: has its own configuration, so remove"
            f" {', '.join(map(str.upper, arguments))}"
        )
    return None if problems else Settings(**values)


def is_configured() -> bool:
    """Whether the project, the environment or the ini file has settings of a client."""
    return _is_configured_here() or is_in_environment() or ini_path().exists()


def name_setting(problem: str) -> str:
    """Name the setting in a problem of `ClientConfig` as somebody wrote it.

    ``client_id: missing`` becomes ``PEERINGDB_OAUTH["CLIENT_ID"]: missing``, or names
    the variable or the key of the ini file if the settings come from there.
    """
    name, colon, text = problem.partition(":")
    key = name.upper()
    is_ours = (key in _CLIENT_KEYS and _is_configured_here()) or (
        key in _OWN_KEYS and key in getattr(settings, SETTING_NAME, {})
    )
    return f"{_full_name(key)}{colon}{text}" if is_ours else name_where_written(problem)


def refuse_awaitable(name: str, result: object) -> None:
    """Do nothing for the result of a plain function.

    ``name``: of the setting that names the function. ``result``: what it returned.

    Raises:
        ConfigurationError: the result is to be awaited.
    """
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()  # or Python warns that nobody awaited it
        raise ConfigurationError(f"{name}: must not be async: nothing awaits it")


def _read_own_values(given: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    values = {}
    for key, name in _OWN_KEYS.items():
        if key in given:
            try:
                values[name] = _read_value(name, given[key])
            except (ImportError, ValueError) as error:
                problems.append(f"{_full_name(key)}: {error}")
            except ConfigurationError as error:
                problems += [f"{_full_name(key)}: {problem}" for problem in error.problems]
    return values


def _read_value(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in ("client", "on_login", "on_rights_changed"):
        value = import_string(value)
    if name == "session_policy":
        value = SessionPolicy.of(value)
    if name in ("create_users", "link_by_email"):
        value = to_bool(value)
    expected_type, message = _TYPES[name]
    if not isinstance(value, expected_type):
        raise ValueError(message)  # noqa: TRY004 - its text becomes a problem
    if iscoroutinefunction(value):
        raise ValueError("must not be async: nothing awaits it")
    return value


def _make_client(arguments: dict[str, Any], problems: list[str]) -> Client | None:
    written = {name: Written(_full_name(name.upper()), value) for name, value in arguments.items()}
    with collected(problems), renamed(name_setting):
        config = (
            ClientConfig.of(written, [], missing=lambda name: _full_name(name.upper()))
            if arguments
            else ClientConfig.load()
        )
        if not problems:
            return Client(config)
    return None


def _is_configured_here() -> bool:
    return any(key in getattr(settings, SETTING_NAME, {}) for key in ("CLIENT", *_CLIENT_KEYS))


def _unknown_key(key: object) -> str:
    hint = did_you_mean(str(key), (*_OWN_KEYS, *_CLIENT_KEYS))
    return f"{SETTING_NAME}: has a setting {key!r} that does not exist{hint}"


def _full_name(key: str) -> str:
    return f'{SETTING_NAME}["{key}"]'
