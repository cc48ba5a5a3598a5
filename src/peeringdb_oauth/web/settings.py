"""Settings that the integrations have in common."""

import os
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from peeringdb_oauth.config import ini_setting
from peeringdb_oauth.errors import ConfigurationError, collected
from peeringdb_oauth.records import Records
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions import SessionStore, open_session_store
from peeringdb_oauth.web.vault import Vault

NOT_STRICT = (
    'must not be "Strict": the browser would not send the session when it comes back from'
    ' PeeringDB; use "Lax"'
)

SESSIONS_VARIABLE = "PEERINGDB_OAUTH_SESSIONS"
EGRESS_VARIABLE = "PEERINGDB_OAUTH_EGRESS"


def read_session_store(
    given: str | SessionStore | None,
    secrets: tuple[str, ...],
    *,
    egress: str | None = None,
    own: Mapping[str, Callable[[], Records]] = MappingProxyType({}),
) -> SessionStore | None:
    """The store of the sessions; None for sessions in the browsers.

    ``given``: a URL or a store; None for the variable ``PEERINGDB_OAUTH_SESSIONS`` of
    the environment or ``sessions`` of the ini file. ``egress``: None for
    ``PEERINGDB_OAUTH_EGRESS`` or ``egress`` there. ``own``: makes the stores of the
    framework, by the word that stands for each in place of a URL.

    Raises:
        ConfigurationError: the URL is wrong, or its driver is missing.
    """
    url = given or os.environ.get(SESSIONS_VARIABLE) or ini_setting("sessions")
    if not url:
        return None
    if isinstance(url, SessionStore):
        return url
    egress = egress or os.environ.get(EGRESS_VARIABLE) or ini_setting("egress") or "default"
    if not isinstance(url, str):
        raise ConfigurationError("sessions: must be a URL, or from open_session_store")
    problems: list[str] = []
    with collected(problems):
        if url in own:
            return SessionStore(Vault(own[url](), Sealer(*secrets)), egress=egress)
        return open_session_store(url, secrets=secrets, egress=egress)
    raise ConfigurationError(*problems)


def checked_keep(keep: Iterable[str]) -> tuple[str, ...]:
    """The names of what stays in a session when somebody logs in.

    Raises:
        ConfigurationError: it is one text and not several.
    """
    if isinstance(keep, str):
        raise ConfigurationError(f"keep: must be several names, such as ({keep!r},)")
    return tuple(keep)
