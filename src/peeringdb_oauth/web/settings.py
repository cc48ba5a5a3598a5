"""Settings that the integrations have in common."""

import os
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from peeringdb_oauth.config import ini_setting
from peeringdb_oauth.errors import ConfigurationError, collected
from peeringdb_oauth.records import Records
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions import SessionPolicy, SessionStore, open_session_store
from peeringdb_oauth.web.vault import Vault

NOT_STRICT = (
    'must not be "Strict": the browser would not send the session when it comes back from'
    ' PeeringDB; use "Lax"'
)

SESSIONS_VARIABLE = "PEERINGDB_OAUTH_SESSIONS"
POLICY_VARIABLE = "PEERINGDB_OAUTH_SESSION_POLICY"


class SessionSettings(NamedTuple):
    """What the settings say about the sessions.

    ``sealer``: seals the tokens. ``store``: None for sessions in the browsers.
    ``policy``: how long they last.
    """

    sealer: Sealer
    store: SessionStore | None
    policy: SessionPolicy


def read_session_settings(
    *,
    sessions: str | SessionStore | None,
    policy: SessionPolicy | Mapping[str, Any] | None,
    secrets: tuple[str, ...],
    secret_name: str = "",
    own: Mapping[str, Callable[[], Records]] = MappingProxyType({}),
) -> SessionSettings:
    """The settings of the sessions.

    ``sessions``, ``own``: as for `read_session_store`. ``policy``: as for
    `read_session_policy`. ``secret_name``: stands before what is wrong with the
    secrets.

    Raises:
        ConfigurationError: a setting is wrong; all problems are reported at once.
    """
    secret_problems: list[str] = []
    with collected(secret_problems):
        sealer = Sealer(*secrets)
    problems: list[str] = []
    with collected(problems):
        store = read_session_store(sessions, secrets, own=own)
    with collected(problems, "session_policy: "):
        policy = read_session_policy(policy)
    others = [problem for problem in problems if problem not in secret_problems]
    if secret_problems or others:
        raise ConfigurationError(*(secret_name + one for one in secret_problems), *others)
    return SessionSettings(sealer, store, policy)


def read_session_store(
    given: str | SessionStore | None,
    secrets: tuple[str, ...],
    *,
    own: Mapping[str, Callable[[], Records]] = MappingProxyType({}),
) -> SessionStore | None:
    """The store of the sessions; None for sessions in the browsers.

    ``given``: a URL or a store; None for the variable ``PEERINGDB_OAUTH_SESSIONS`` of
    the environment or ``sessions`` of the ini file. ``own``: makes the stores of the
    framework, by the word that stands for each in place of a URL.

    Raises:
        ConfigurationError: the URL is wrong, or its driver is missing.
    """
    url = given or _setting(SESSIONS_VARIABLE, "sessions")
    if not url:
        return None
    if isinstance(url, SessionStore):
        return url
    if not isinstance(url, str):
        raise ConfigurationError("sessions: must be a URL, or from open_session_store")
    if url in own:
        return SessionStore(Vault(own[url](), Sealer(*secrets)))
    if own and ":" not in url:
        words = " or ".join(f'"{word}"' for word in own)
        raise ConfigurationError(f"sessions: must be {words} or the URL of a store")
    return open_session_store(url, secrets=secrets)


def read_session_policy(given: SessionPolicy | Mapping[str, Any] | None) -> SessionPolicy:
    """How long sessions last.

    ``given``: a policy or its arguments; None for the variable
    ``PEERINGDB_OAUTH_SESSION_POLICY`` of the environment or ``session_policy`` of the
    ini file, such as ``recheck_every=300 max_age=none``, or else for the default.

    Raises:
        ConfigurationError: an argument is unknown or wrong; all of them at once.
    """
    text = _setting(POLICY_VARIABLE, "session_policy") if given is None else None
    return SessionPolicy.of(_arguments(text) if text else given)


def _setting(variable: str, name: str) -> str | None:
    return os.environ.get(variable) or ini_setting(name)


def _arguments(text: str) -> dict[str, float | str | None]:
    """The arguments in a text such as ``recheck_every=300 max_age=none``."""
    pairs = (word.partition("=") for word in text.replace(",", " ").split())
    return {name: _seconds(value) for name, _, value in pairs}


def _seconds(value: str) -> float | str | None:
    """The number in a text; None for ``none``; anything else as it is."""
    if value.lower() == "none":
        return None
    try:
        return float(value)
    except ValueError:
        return value


def checked_keep(keep: Iterable[str]) -> tuple[str, ...]:
    """The names of what stays in a session when somebody logs in.

    Raises:
        ConfigurationError: it is one text and not several.
    """
    if isinstance(keep, str):
        raise ConfigurationError(f"keep: must be several names, such as ({keep!r},)")
    return tuple(keep)
