"""Settings that the integrations have in common."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from peeringdb_oauth.errors import ConfigurationError, collected, renamed
from peeringdb_oauth.records import Records
from peeringdb_oauth.setting_sources import Written, find_other
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions import SessionPolicy, SessionStore, open_session_store
from peeringdb_oauth.web.vault import Vault

NOT_STRICT = (
    'must not be "Strict": the browser would not send the session when it comes back from'
    ' PeeringDB; use "Lax"'
)


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
    sessions: str | SessionStore | Written | None,
    policy: SessionPolicy | Mapping[str, Any] | str | Written | None,
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
    with collected(problems):
        policy = read_session_policy(policy)
    others = [problem for problem in problems if problem not in secret_problems]
    if secret_problems or others:
        raise ConfigurationError(*(secret_name + one for one in secret_problems), *others)
    return SessionSettings(sealer, store, policy)


def read_session_store(
    given: str | SessionStore | Written | None,
    secrets: tuple[str, ...],
    *,
    own: Mapping[str, Callable[[], Records]] = MappingProxyType({}),
) -> SessionStore | None:
    """The store of the sessions; None for sessions in the browsers.

    ``given``: a URL or a store, perhaps with the place where it was written; None for
    the variable ``PEERINGDB_OAUTH_SESSIONS`` of the environment or ``sessions`` of the
    ini file. ``own``: makes the stores of the framework, by the word that stands for
    each in place of a URL.

    Raises:
        ConfigurationError: the URL is wrong, or its driver is missing.
    """
    written = _find("sessions", given)
    url = written.value
    if not url:
        return None
    if isinstance(url, SessionStore):
        return url
    if not isinstance(url, str):
        raise ConfigurationError(f"{written.where}: must be a URL, or from open_session_store")
    if url in own:
        return SessionStore(Vault(own[url](), Sealer(*secrets)))
    if own and ":" not in url:
        words = " or ".join(f'"{word}"' for word in own)
        raise ConfigurationError(f"{written.where}: must be {words} or the URL of a store")
    with renamed(partial(_rename, "sessions", written.where)):
        return open_session_store(url, secrets=secrets)


def read_session_policy(
    given: SessionPolicy | Mapping[str, Any] | str | Written | None,
) -> SessionPolicy:
    """How long sessions last.

    ``given``: a policy or its arguments, perhaps with the place where they were
    written; None for the variable ``PEERINGDB_OAUTH_SESSION_POLICY`` of the environment
    or ``session_policy`` of the ini file, such as ``recheck_every=300 max_age=none``,
    or else for the default.

    Raises:
        ConfigurationError: an argument is unknown or wrong; all of them at once.
    """
    written = _find("session_policy", given)
    with renamed(f"{written.where}: ".__add__):
        return SessionPolicy.of(written.value)


def _find(name: str, given: Any) -> Written:
    """A setting and where it was written. As an argument it has its own name."""
    if isinstance(given, Written):
        return given
    if given in (None, ""):
        return find_other(name) or Written(name, None)
    return Written(name, given)


def _rename(name: str, where: str, problem: str) -> str:
    return where + problem.removeprefix(name) if problem.startswith(f"{name}:") else problem


def checked_origins(origins: Iterable[str] | None) -> tuple[str, ...] | None:
    """The origins of the pages that may open a WebSocket; None for this site.

    Raises:
        ConfigurationError: one of them is no origin.
    """
    if origins is None:
        return None
    origins = (origins,) if isinstance(origins, str) else tuple(origins)
    if not origins or not all(re.fullmatch("https?://[^/?#@]+", origin) for origin in origins):
        raise ConfigurationError(
            "websocket_origins: must be origins, such as https://app.example.net, or None"
        )
    return origins


def checked_keep(keep: Iterable[str]) -> tuple[str, ...]:
    """The names of what stays in a session when somebody logs in.

    Raises:
        ConfigurationError: it is one text and not several.
    """
    if isinstance(keep, str):
        raise ConfigurationError(f"keep: must be several names, such as ({keep!r},)")
    return tuple(keep)
