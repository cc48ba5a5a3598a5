"""Reads who somebody is: from a file, from a session, or from a sandbox."""

import json
import ssl
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

from peeringdb_oauth.config import is_loopback
from peeringdb_oauth.errors import ConfigurationError, InvalidResponse
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import open_session_store

_TIMEOUT = 10  # seconds


def read_person(load: Callable[[], Settings], who: str | None, sandbox: str | None) -> User | None:
    """Who somebody is; None for nobody.

    ``load``: reads the settings, and is called only if they are needed. ``who``: a JSON
    file with a profile, or the PeeringDB id of somebody with a session; with
    ``sandbox``, the URL of a sandbox, the login name of a person there.

    Raises:
        ConfigurationError: there is no such person, or the file is wrong.
    """
    if sandbox is not None:
        sandbox = sandbox.rstrip("/")
        if who is None:
            raise ConfigurationError("--sandbox: add --as with a login name, such as --as limited")
        return _parse(_fetch(load, sandbox, who), f"{sandbox}: {who}")
    if who is None:
        return None
    if who.isascii() and who.isdigit():
        return _with_session(load(), int(who))
    return _in_file(Path(who))


def _with_session(settings: Settings, user_id: int) -> User:
    scheme, _, file = settings.sessions.partition(":///")
    if scheme == "sqlite" and not Path(file).exists():
        raise ConfigurationError(f"--as: there is no file {file}, so nobody has a session")
    with open_session_store(settings.sessions, secrets=settings.secret_keys) as store:
        sessions = store.of(user_id)
    if not sessions:
        raise ConfigurationError(f"--as: nobody with the PeeringDB id {user_id} has a session")
    return sessions[0].user


def _in_file(path: Path) -> User:
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"--as: {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ConfigurationError(f"--as: {path}: not JSON") from None
    return _parse(found, str(path))


def _parse(profile: Any, where: str) -> User:
    try:
        return User.from_profile(profile)
    except InvalidResponse as error:
        raise ConfigurationError(f"--as: {where}: {error}") from None


def _fetch(load: Callable[[], Settings], sandbox: str, login: str) -> Any:
    """The profile of a person of a sandbox."""
    parts = urlsplit(sandbox)
    if parts.scheme not in ("http", "https") or not is_loopback(parts.hostname or ""):
        raise ConfigurationError("--sandbox: must be a URL of this machine")
    url = f"{sandbox}/sandbox/people/{quote(login, safe='')}/profile"
    context = ssl.create_default_context(cafile=load().config.ca_file)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=_TIMEOUT) as response:
            return json.load(response)
    except HTTPError as error:
        with error:
            raise ConfigurationError(f"--as: {_why(error)}") from None
    except URLError as error:
        raise ConfigurationError(f"--sandbox: {sandbox} does not answer: {error.reason}") from None
    except (OSError, ValueError):
        raise ConfigurationError(f"--sandbox: {sandbox} is no sandbox") from None


def _why(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the sandbox answered {error.status}"
