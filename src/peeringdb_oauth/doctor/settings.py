"""The settings: what is wrong with them, and what will be a trap."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from peeringdb_oauth.budget import shortest_recheck
from peeringdb_oauth.config import ClientConfig, is_loopback
from peeringdb_oauth.doctor.findings import Finding, ok, sentence
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.metadata import PEERINGDB
from peeringdb_oauth.setting_sources import (
    SECRET_FILE,
    SECRET_KEY_FILE,
    find_other,
    ini_path,
    unknown_variables,
)
from peeringdb_oauth.web import open_records

_PEERINGDB = PEERINGDB.issuer.removesuffix("/oauth2")
_LACKS = {
    "email": "it is unknown whether the email address is confirmed, so the default rule lets"
    " nobody in",
    "networks": "nobody has networks",
    "amr": "no second factor is known, so rules with mfa refuse everybody",
}


def examine_settings(path: str | None) -> tuple[ClientConfig | None, list[Finding]]:
    """The settings as `ClientConfig.load` reads them, and what is to be said of them.

    They are None if they are wrong. ``path``: the ini file; None for the usual one.
    """
    findings = [
        *_open_files(ini_path(path), os.environ.get(SECRET_FILE), os.environ.get(SECRET_KEY_FILE)),
        *(
            Finding(check="settings", status="warning", seen=sentence(each))
            for each in unknown_variables()
        ),
    ]
    try:
        config = ClientConfig.load(path)
    except ConfigurationError as error:
        findings += [
            Finding(check="settings", status="problem", seen=sentence(problem))
            for problem in error.problems
        ]
        return None, findings
    findings.append(ok("settings", f"The settings are complete, for {config.redirect_uri}."))
    return config, [*findings, *examine_config(config), *_sessions(config)]


def examine_config(config: ClientConfig) -> Iterator[Finding]:
    """What is to be said of settings that are complete."""
    yield from _client(config)
    yield from _addresses(config)
    yield from _scope(config)
    yield from _budget(config)


def _open_files(*files: str | Path | None) -> Iterator[Finding]:
    for file in files:
        if not file:
            continue
        try:
            mode = Path(file).stat().st_mode
        except OSError:
            continue  # `ClientConfig.load` says so
        if stat.S_ISREG(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
            yield Finding(
                check="file-mode",
                status="warning",
                seen=f"Everybody on this machine can read or change {file}.",
                why="It has secrets.",
                remedy=f"chmod o-rwx {file}",
            )


def _client(config: ClientConfig) -> Iterator[Finding]:
    if config.client_secret is None:
        yield Finding(
            check="client-secret",
            status="warning",
            seen="There is no client secret, as for a public client.",
            why="At PeeringDB a confidential client without its secret gets a 401, and then nobody"
            " at this address can log in for a minute.",
            remedy="Set client_secret if the application is registered as confidential.",
        )


def _addresses(config: ClientConfig) -> Iterator[Finding]:
    redirect, is_peeringdb = urlsplit(config.redirect_uri), config.base_url == _PEERINGDB
    host = redirect.hostname or ""
    if not is_peeringdb:
        yield Finding(
            check="base-url",
            status="info" if is_loopback(urlsplit(config.base_url).hostname or "") else "warning",
            seen=f"People log in at {config.base_url}, which is not PeeringDB.",
            remedy=f"For PeeringDB remove base_url: it is {_PEERINGDB} then.",
        )
    if is_peeringdb and redirect.scheme == "http":
        yield Finding(
            check="redirect-uri",
            status="problem",
            seen=f"The redirect URI {config.redirect_uri} begins with http.",
            why="PeeringDB lets you register it, but answers each login with an empty page 400.",
            remedy="Use https, also on localhost, and register that address.",
        )
    if is_loopback(host):
        other = "127.0.0.1" if host == "localhost" else "localhost"
        yield Finding(
            check="redirect-host",
            status="info",
            seen=f"The redirect URI is at {host}.",
            why=f"For cookies and for PeeringDB {other} is another site.",
            remedy=f"Open the application at {redirect.scheme}://{redirect.netloc}/ only.",
        )


def _scope(config: ClientConfig) -> Iterator[Finding]:
    for word, effect in _LACKS.items():
        if word not in config.scope:
            yield Finding(
                check="scope",
                status="warning",
                seen=f"The scope lacks {word!r}.",
                why=f"PeeringDB then does not say it: {effect}.",
                remedy=f"Add {word!r} to the scope.",
            )


def _budget(config: ClientConfig) -> Iterator[Finding]:
    limit = config.requests_per_minute
    if limit is None:
        yield Finding(
            check="budget",
            status="warning",
            seen="requests_per_minute is none, so nothing limits the requests to PeeringDB.",
            why="Above 120 a minute PeeringDB refuses this address.",
            remedy="Remove the setting, but in tests.",
        )
        return
    minutes = shortest_recheck(1000, limit) / 60
    yield Finding(
        check="budget",
        status="info",
        seen=f"{limit} requests a minute: {limit // 2} logins a minute, or the rights of 1,000"
        f" people who use the site read again every {minutes:.0f} minutes.",
    )


def _sessions(config: ClientConfig) -> Iterator[Finding]:
    written = find_other("sessions")
    url = written and written.value
    if not url and config.processes > 1:
        yield Finding(
            check="sessions",
            status="warning",
            seen=f"{config.processes} processes serve the site, and there is no store of sessions.",
            why="They do not share the budget and the answers of PeeringDB, nothing is refreshed,"
            " and sessions end after ten hours.",
            remedy="Set sessions, for example PEERINGDB_OAUTH_SESSIONS=sqlite:///sessions.db.",
        )
    if url and url != "django":
        yield examine_store(url)


def examine_store(url: str) -> Finding:
    """Whether the store of the sessions at a URL answers."""
    try:
        records = open_records(url)
        try:
            records.get("doctor")
        finally:
            records.close()
    except PeeringDBOAuthError as error:
        return Finding(
            check="sessions",
            status="problem",
            seen=f"The store of the sessions cannot be used: {error}.",
            why="Without its store nobody can log in.",
            remedy="Correct the setting sessions, or start the store.",
        )
    return ok("sessions", "The store of the sessions answers.")
