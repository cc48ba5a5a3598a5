"""``peeringdb-oauth doctor``: why a login does not work, and what to do."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from peeringdb_oauth.cli import NO
from peeringdb_oauth.cli.output import clean, json_option, plain_console, write_json
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.doctor import (
    Finding,
    examine_application,
    examine_callback,
    examine_environment,
    examine_gateway,
    examine_hosts,
    examine_login,
    examine_provider,
    examine_settings,
)
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError

if TYPE_CHECKING:
    from peeringdb_oauth.gateway.settings import Settings

_MARKS = {
    "ok": ("ok", "green"),
    "info": ("note", "cyan"),
    "warning": ("warning", "yellow"),
    "problem": ("PROBLEM", "bold red"),
    "skipped": ("skipped", "dim"),
}


@click.command()
@click.option(
    "--config",
    "path",
    metavar="FILE",
    help="The ini file with the settings. By default $PEERINGDB_OAUTH_CONFIG or"
    " /etc/peeringdb_oauth.ini; variables PEERINGDB_OAUTH_... come first.",
)
@click.option("--app", metavar="MODULE:NAME", help="Also an application, as gunicorn names it.")
@click.option(
    "--gateway", metavar="FILE", help="A gateway, by its TOML file, instead of an application."
)
@click.option("--offline", is_flag=True, help="Send nothing anywhere.")
@click.option(
    "--login",
    "logs_in",
    is_flag=True,
    help="Also log in with a browser: only that shows whether tokens serve.",
)
@json_option
def doctor(
    *,
    path: str | None,
    app: str | None,
    gateway: str | None,
    offline: bool,
    logs_in: bool,
    as_json: bool,
) -> None:
    """Look for what breaks logins, and say what to do.

    The command first looks at the settings and at this machine. Then it asks PeeringDB
    four or five times, never in a way that makes it refuse this address. The exit
    status is 1 if there is a problem.
    """
    if logs_in and (offline or gateway):
        raise ConfigurationError("--login: cannot be used with --offline or --gateway")
    if gateway and (path or app):
        raise ConfigurationError("--gateway: cannot be used with --config or --app")
    report = _Report(plain_console(), as_json=as_json)
    settings, config = None, None
    if gateway is None:
        config, findings = examine_settings(path)
    else:
        settings, findings = examine_gateway(Path(gateway))
        config = None if settings is None else settings.config
    report.add(findings)
    report.add(
        examine_environment(
            "https://auth.peeringdb.com" if config is None else config.base_url,
            ca_file=None if config is None else config.ca_file,
        )
    )
    if app is not None:
        report.add(examine_application(app, config))
    if config is not None and not offline:
        _examine_online(config, settings, report)
        if logs_in and not report.has_problem:
            report.add(_log_in(config, plain_console(stderr=True)))
    report.end()


class _Report:
    """Shows findings as they come, or all of them as JSON at the end."""

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json
        self._findings: list[Finding] = []

    @property
    def has_problem(self) -> bool:
        """Whether logins fail, or will."""
        return any(finding.status == "problem" for finding in self._findings)

    def add(self, findings: list[Finding]) -> None:
        """Take findings, and show them to a person."""
        self._findings += findings
        if not self._as_json:
            for finding in findings:
                self._show(finding)

    def end(self) -> None:
        """Say the result, and end the command with its exit status."""
        if self._as_json:
            write_json([asdict(finding) for finding in self._findings])
        elif not self.has_problem:
            self._console.print("\nNo problem was found.", style="bold")
        raise SystemExit(NO if self.has_problem else 0)

    def _show(self, finding: Finding) -> None:
        mark, style = _MARKS[finding.status]
        self._console.print(f"{mark:<8}", style=style, end=" ")
        self._console.print(clean(finding.seen))
        for title, text in (("why", finding.why), ("do", finding.remedy)):
            if text:
                self._console.print(f"{title:>12}", style="dim", end="  ")
                self._console.print(clean(text))


def _examine_online(config: ClientConfig, settings: "Settings | None", report: _Report) -> None:
    console = plain_console(stderr=True)
    with console.status("Asking PeeringDB"), Client(config) as client:
        findings = client.run(examine_provider(client.provider))
    report.add(findings)
    with console.status("Asking for the redirect URI"):
        if settings is not None:
            findings = list(examine_hosts(settings))
        else:
            findings = [examine_callback(config.redirect_uri, ca_file=config.ca_file)]
    report.add(findings)


def _log_in(config: ClientConfig, console: Console) -> list[Finding]:
    from peeringdb_oauth.cli.login import log_in  # noqa: PLC0415 - it needs the keyring

    with Client(config) as client:
        try:
            login = log_in(client, console)
        except PeeringDBOAuthError as error:
            return [
                Finding(
                    check="login",
                    status="problem",
                    seen=f"The login has failed: {error}.",
                    remedy="Compare the application's page at PeeringDB with what peeringdb-oauth"
                    " init says of each field.",
                )
            ]
        return client.run(examine_login(client.provider, login))
