"""The settings of the gateway, read from its TOML file and checked as a whole.

Secrets are never in the file: it names files that have them, or the environment has
them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from peeringdb_oauth.config import SCOPES, ClientConfig
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.addresses import (
    LOOPBACK,
    Host,
    Listen,
    Network,
    read_hosts,
    read_listen,
    read_mode,
    read_proxies,
)
from peeringdb_oauth.gateway.asn_file import ASNFile
from peeringdb_oauth.gateway.client_settings import (
    CLIENT_KEYS,
    FORBIDDEN,
    POLICY_KEYS,
    read_client_config,
    read_policy,
    read_secret_keys,
    read_sessions,
)
from peeringdb_oauth.gateway.header_tables import read_headers
from peeringdb_oauth.gateway.identity import Headers
from peeringdb_oauth.gateway.page_settings import (
    PAGE_KEYS,
    AssertionSettings,
    Pages,
    read_assertions,
    read_pages,
)
from peeringdb_oauth.gateway.rule_tables import ROLE_KEYS, RULE_KEYS, read_roles, read_rules
from peeringdb_oauth.gateway.rules import Role, Rules
from peeringdb_oauth.gateway.toml_file import Table, TomlFile
from peeringdb_oauth.gateway.values import number, switch, text
from peeringdb_oauth.web import SessionPolicy

CONFIG_VARIABLE = "PEERINGDB_OAUTH_GATEWAY_CONFIG"
PLACES = ("gateway.toml", "/etc/peeringdb-oauth/gateway.toml")
TOP_KEYS = (
    *("listen", "metrics_listen", "socket_mode", "socket_group", "trusted_proxies", "workers"),
    *("urls", "allow_http", "secret_key_file", "sessions", "sessions_file", "audit_log"),
    *("peeringdb", "session_policy", "rule", "role", "headers", "pages", "assertions"),
)
DEFAULT_LISTEN = Listen(host="127.0.0.1", port=4180)
DEFAULT_MODE = 0o660

_TABLES = {
    "[peeringdb]": CLIENT_KEYS,
    "[session_policy]": POLICY_KEYS,
    "[[rule]]": RULE_KEYS,
    "[pages]": PAGE_KEYS,
}
# What to say of a key that stands at the top, and belongs into a table.
_ELSEWHERE = {
    name: f"must be in a table: write it below a line {table}"
    for table, names in _TABLES.items()
    for name in names
}
# In place of wrong urls. It goes with a sandbox and with PeeringDB, so that only the
# urls are reported.
_NO_HOST = Host(origin="https://gateway.test", name="gateway.test")
_MAX_WORKERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloadable:
    """The settings that can change while the gateway runs."""

    rules: Rules
    roles: tuple[Role, ...] = ()
    headers: Headers = field(default_factory=Headers)
    asn_files: tuple[ASNFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the gateway.

    ``path``: the TOML file. ``listen``, ``metrics_listen``: where it listens.
    ``socket_mode``, ``socket_group``: of the files of Unix sockets.
    ``hosts``: where people are. ``config``: how to log people in; its redirect URI is
    that of the first host. ``secret_keys``: the first one seals, all of them open.
    ``sessions``: the URL of the store. ``trusted_proxies``: whose headers count.
    ``policy``: how long sessions last. ``workers``: how many processes answer.
    ``allow_http``: whether URLs of this machine may be http. ``pages``: how they look.
    ``assertions``: None for none. ``audit_log``: the file, or ``-`` for standard
    output; None for none. ``reloadable``: what can change while it runs.
    """

    path: Path
    listen: Listen
    socket_mode: int
    socket_group: str | None
    metrics_listen: Listen | None
    hosts: tuple[Host, ...]
    config: ClientConfig
    secret_keys: tuple[str, ...] = field(repr=False)
    sessions: str = field(repr=False)
    trusted_proxies: tuple[Network, ...]
    policy: SessionPolicy
    workers: int
    allow_http: bool
    pages: Pages
    assertions: AssertionSettings | None
    audit_log: str | None
    reloadable: Reloadable

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the settings from a TOML file.

        Raises:
            ConfigurationError: settings are missing or wrong; all problems are reported
                at once, each with its file and line.
        """
        file = TomlFile(Path(path))
        top = Table(file, file.values, names=TOP_KEYS, forbidden=_ELSEWHERE | FORBIDDEN)
        values = _read(top)
        problems = file.problems()
        if problems:
            raise ConfigurationError(*problems)
        return cls(**values)

    def changes_that_need_a_restart(self, other: Self) -> list[str]:
        """The names of the settings that differ, and that no reload can change."""
        names = {"hosts": "urls", "config": "peeringdb", "policy": "session_policy"}
        # These values of the client follow from other settings.
        config = replace(
            other.config,
            processes=self.config.processes,
            redirect_uri=self.config.redirect_uri,
            allow_http=self.config.allow_http,
        )
        other = replace(other, config=config)
        return [
            names.get(one.name, one.name)
            for one in fields(self)
            if one.name not in ("path", "reloadable")
            and getattr(self, one.name) != getattr(other, one.name)
        ]


def find_settings(given: str | None = None) -> Path:
    """The file with the settings: the given one, or the first of the usual places.

    Raises:
        ConfigurationError: there is none.
    """
    named = given or os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    for place in map(Path, PLACES):
        if place.exists():
            return place
    raise ConfigurationError(
        f"there is no {' and no '.join(PLACES)}; name the file with the settings with --config"
        f" or {CONFIG_VARIABLE}"
    )


def _read(top: Table) -> dict[str, Any]:
    """All settings by their names. Where one is wrong, its value means nothing."""
    allow_http = top.read("allow_http", switch, default=False)
    hosts: tuple[Host, ...] = top.read("urls", partial(read_hosts, allow_http=allow_http), ())
    if "urls" not in top:
        top.problem("urls", 'missing; name where people are, such as ["https://lg.example.net"]')
    workers = top.read("workers", partial(number, least=1, most=_MAX_WORKERS), 1)
    config = read_client_config(
        top, (hosts or (_NO_HOST,))[0].redirect_uri, workers=workers, allow_http=allow_http
    )
    listen = top.read("listen", read_listen, DEFAULT_LISTEN)
    metrics_listen = top.read("metrics_listen", read_listen, None)
    if metrics_listen == listen:
        top.problem("metrics_listen", "must not be the same as listen")
    return {
        "path": top.file.path,
        "listen": listen,
        "socket_mode": top.read("socket_mode", read_mode, DEFAULT_MODE),
        "socket_group": top.read("socket_group", text, None),
        "metrics_listen": metrics_listen,
        "hosts": hosts,
        "config": config,
        "secret_keys": read_secret_keys(top),
        "sessions": read_sessions(top),
        "trusted_proxies": top.read("trusted_proxies", read_proxies, LOOPBACK),
        "policy": read_policy(top),
        "workers": workers,
        "allow_http": allow_http,
        "pages": read_pages(top),
        "assertions": read_assertions(top),
        "audit_log": top.read("audit_log", partial(_log_file, top.file), None),
        "reloadable": _reloadable(top, hosts, config.scope if config else SCOPES),
    }


def _reloadable(top: Table, hosts: tuple[Host, ...], scope: Sequence[str]) -> Reloadable:
    files: dict[str, ASNFile] = {}
    names = [host.name for host in hosts]
    if "rule" not in top:
        top.file.problem("there is no [[rule]], so everything would be refused")
    return Reloadable(
        rules=Rules(read_rules(top.tables("rule", RULE_KEYS), names, scope, files)),
        roles=tuple(read_roles(top.tables("role", ROLE_KEYS), scope, files)),
        headers=read_headers(top, scope),
        asn_files=tuple(files.values()),
    )


def _log_file(file: TomlFile, value: Any) -> str:
    """The path of the audit log; "-" stands for standard output."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError('must be the name of a file in quotes, or "-" for standard output')
    return value if value == "-" else str(file.resolve(value))
