"""Reads how people are logged in: PeeringDB's application, secrets, and the sessions.

Secrets are never in the TOML file: it names files that have them, or the environment
has them.
"""

import os
import re
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, collected
from peeringdb_oauth.gateway.toml_file import Table, TomlFile
from peeringdb_oauth.gateway.values import text
from peeringdb_oauth.setting_sources import Written, read_environment
from peeringdb_oauth.web import Sealer, SessionPolicy, open_records, secret_keys_of_environment

_SECRET_FILE = "client_secret_file"  # noqa: S105 - the name of a key
_NOT_IN_FILE = ("redirect_uri", "client_secret")
CLIENT_KEYS = (
    _SECRET_FILE,
    *(one.name for one in fields(ClientConfig) if one.name not in _NOT_IN_FILE),
)
POLICY_KEYS = tuple(one.name for one in fields(SessionPolicy))
# Keys that people would look for, and what to do without them.
FORBIDDEN = {
    "secret_key": "must not be in this file; write it to a file that only the gateway can read,"
    " and name that file with secret_key_file, or set PEERINGDB_OAUTH_SECRET_KEY"
}
_FORBIDDEN_FOR_CLIENT = {
    "client_secret": "must not be in this file; write it to a file that only the gateway can read,"
    " and name that file with client_secret_file, or set PEERINGDB_OAUTH_CLIENT_SECRET",
    "redirect_uri": "remove it; it follows from urls",
}
_NO_STORE = 'missing; name the store, such as "sqlite:////var/lib/peeringdb-oauth/sessions.db"'
_NO_KEY = (
    "secret_key_file: missing; name a file with the secret key that seals the sessions, or set"
    " PEERINGDB_OAUTH_SECRET_KEY. This makes a key: python3 -c 'import secrets;"
    " print(secrets.token_urlsafe(32))'"
)
_SESSIONS_VARIABLE = "PEERINGDB_OAUTH_SESSIONS"


def read_client_config(
    top: Table, redirect_uri: str, *, workers: int, allow_http: bool
) -> ClientConfig | None:
    """How to log people in; None if something is wrong.

    Variables of the environment override what is in the file.
    """
    table = top.table("peeringdb", CLIENT_KEYS, _FORBIDDEN_FOR_CLIENT)
    problems: list[str] = []
    in_environment = read_environment(problems)
    values = {name: table.values[name] for name in CLIENT_KEYS if name in table}
    if values.pop(_SECRET_FILE, None) is not None and "client_secret" not in in_environment:
        values["client_secret"] = table.read(_SECRET_FILE, partial(_secret_in, top.file), None)
    values["ca_file"] = table.read("ca_file", partial(_certificates, top.file), None)
    in_file = {name: Written(name, value) for name, value in values.items()}
    written = {"processes": Written("workers", workers)} | in_file | in_environment
    written["redirect_uri"] = Written("urls", redirect_uri)
    if allow_http:
        written["allow_http"] = Written("allow_http", value=True)
    config = None
    with collected(problems):
        config = ClientConfig.of(written, problems, missing=_describe_missing)
    for problem in dict.fromkeys(problems):
        name = re.split("[: ]", problem, maxsplit=1)[0]
        where = _SECRET_FILE if name == "client_secret" else name
        top.file.problem(problem, ("peeringdb", where))
    return config


def _describe_missing(name: str) -> str:
    return f"{name} (below [peeringdb], or PEERINGDB_OAUTH_{name.upper()})"


def _certificates(file: TomlFile, value: Any) -> str:
    name = text(value)
    file.read_bytes(name)
    return str(file.resolve(name))


def _secret_in(file: TomlFile, value: Any) -> str:
    name = text(value)
    try:
        return file.read_bytes(name).decode().strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file.resolve(name)}: not text in UTF-8") from None


def read_secret_keys(top: Table) -> tuple[str, ...]:
    """The secret keys, from a file or from the environment."""
    if "secret_key_file" in top:
        return top.read("secret_key_file", partial(_keys_in, top.file), ())
    if "secret_key" in top:  # what is wrong with that was said
        return ()
    problems: list[str] = []
    keys: tuple[str, ...] = ()
    with collected(problems):
        keys = _checked(secret_keys_of_environment())
    for problem in problems:
        top.file.problem(_NO_KEY if problem.startswith("secret_key: missing;") else problem)
    return keys


def _keys_in(file: TomlFile, value: Any) -> tuple[str, ...]:
    return _checked(tuple(_secret_in(file, value).split()))


def _checked(keys: tuple[str, ...]) -> tuple[str, ...]:
    Sealer(*keys)
    return keys


def read_sessions(top: Table) -> str:
    """The URL of the store, with the path of an SQLite file from the root."""
    if "sessions" in top and "sessions_file" in top:
        top.problem("sessions_file", "write either sessions or sessions_file, not both")
    if "sessions" in top:
        return top.read("sessions", partial(_store_without_password, top.file), "")
    if "sessions_file" in top:
        return top.read(
            "sessions_file", lambda value: _store(top.file, _secret_in(top.file, value)), ""
        )
    url = os.environ.get(_SESSIONS_VARIABLE)
    if not url:
        top.problem("sessions", _NO_STORE)
        return ""
    problems: list[str] = []
    with collected(problems, f"{_SESSIONS_VARIABLE}: "):
        url = _store(top.file, url)
    for problem in problems:
        top.file.problem(problem)
    return url


def _store_without_password(file: TomlFile, value: Any) -> str:
    try:
        has_password = bool(urlsplit(text(value)).password)
    except ValueError:
        has_password = False
    if has_password:
        raise ConfigurationError(
            "must not have a password in this file; write the URL to a file that only the gateway"
            f" can read, and name that file with sessions_file, or set {_SESSIONS_VARIABLE}"
        )
    return _store(file, value)


def _store(file: TomlFile, value: Any) -> str:
    url = text(value)
    if "://" not in url:
        raise ConfigurationError('must be a URL; for an SQLite file write "sqlite:///NAME"')
    scheme, separator, path = url.partition(":///")
    if scheme == "sqlite" and separator and path and not path.startswith("/"):
        url = f"{scheme}{separator}{file.resolve(path).absolute()}"
        path = url.removeprefix(f"{scheme}{separator}")
    if scheme == "sqlite" and not Path(path).parent.exists():
        return url  # systemd makes the directory when it starts the gateway
    problems: list[str] = []
    with collected(problems):
        open_records(url).close()
    if problems:
        raise ConfigurationError(*(problem.removeprefix("sessions: ") for problem in problems))
    return url


def read_policy(top: Table) -> SessionPolicy:
    """How long sessions last; the text "none" stands for no limit."""
    table = top.table("session_policy", POLICY_KEYS)
    known: dict[str, Any] = {
        name: None if (value := table.values[name]) == "none" else value
        for name in POLICY_KEYS
        if name in table
    }
    problems: list[str] = []
    policy = SessionPolicy()
    with collected(problems):
        policy = SessionPolicy(**known)
    for problem in problems:
        name = problem.partition(":")[0]
        top.file.problem(problem.replace("or None", 'or "none"'), ("session_policy", name))
    return policy
