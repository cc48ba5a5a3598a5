"""Prints a hardened unit of systemd for the gateway."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.gateway.snippets import template

# Directories that systemd makes for a service, by where they are.
_MADE = {"/run": "RuntimeDirectory", "/var/lib": "StateDirectory", "/var/log": "LogsDirectory"}
_HOMES = (Path("/home"), Path("/root"))


def print_unit(settings: Settings) -> str:
    """A unit of systemd that runs the gateway with these settings.

    Raises:
        ConfigurationError: a file of the settings would be in a directory in which the
            service may not write.
    """
    program, config_path = _program(), settings.path.absolute()
    return template.fill(
        "peeringdb-oauth-gateway.service",
        made_by=f"Made by: peeringdb-oauth gateway --config {config_path} systemd",
        program=program,
        config_path=config_path,
        socket_group=settings.socket_group if settings.listen.unix else None,
        directories=sorted(set(_directories(settings))),
        in_home=any(home in path.parents for home in _HOMES for path in (program, config_path)),
    )


def _program() -> Path:
    """The command of the installation that prints the unit."""
    beside = Path(sys.executable).with_name("peeringdb-oauth")
    return (
        beside
        if beside.exists()
        else Path(shutil.which("peeringdb-oauth") or "/usr/bin/peeringdb-oauth")
    )


def _directories(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.listen.unix is not None:
        yield _directory("listen", settings.listen.unix)
    if settings.metrics_listen is not None and settings.metrics_listen.unix is not None:
        yield _directory("metrics_listen", settings.metrics_listen.unix)
    if settings.sessions.startswith("sqlite:///"):
        yield _directory("sessions", Path(settings.sessions.removeprefix("sqlite:///")).absolute())
    if settings.audit_log not in (None, "-"):
        yield _directory("audit_log", Path(str(settings.audit_log)))


def _directory(setting: str, file: Path) -> tuple[str, str]:
    """The line of the unit that lets the service write a file.

    Raises:
        ConfigurationError: other services have their files in that directory.
    """
    for place, name in _MADE.items():
        if file.is_relative_to(place):
            own = file.parent.relative_to(place)
            if own == Path():
                raise ConfigurationError(
                    f"{setting}: only root can make files in {place}; choose a directory of its"
                    f" own, such as {place}/peeringdb-oauth/{file.name}"
                )
            return name, str(own)
    return "ReadWritePaths", str(file.parent)
