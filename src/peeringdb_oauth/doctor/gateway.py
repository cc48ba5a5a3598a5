"""The gateway: its file, its store, and what its proxy lets out."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from peeringdb_oauth.doctor.callback import examine_callback
from peeringdb_oauth.doctor.findings import Finding, ok, sentence
from peeringdb_oauth.doctor.settings import examine_config, examine_store
from peeringdb_oauth.errors import ConfigurationError

# Only a gateway needs its packages.
if TYPE_CHECKING:
    from peeringdb_oauth.gateway.settings import Settings

_PRIVATE = ("check", "metrics", "healthz", "readyz")
_TIMEOUT = 10.0  # seconds


def examine_gateway(path: Path) -> tuple["Settings | None", list[Finding]]:
    """The settings of a gateway, and what is to be said of them.

    They are None if they are wrong. ``path``: the TOML file.
    """
    from peeringdb_oauth.gateway.settings import Settings  # noqa: PLC0415

    try:
        settings = Settings.load(path)
    except ConfigurationError as error:
        return None, [
            Finding(check="gateway", status="problem", seen=sentence(problem))
            for problem in error.problems
        ]
    hosts = ", ".join(host.name for host in settings.hosts)
    return settings, [
        ok("gateway", f"The settings of the gateway are complete, for {hosts}."),
        *examine_config(settings.config),
        examine_store(settings.sessions),
    ]


def examine_hosts(settings: "Settings") -> Iterator[Finding]:
    """What a browser gets at each host of a gateway."""
    ca_file = settings.config.ca_file
    for host in settings.hosts:
        callback = examine_callback(host.redirect_uri, ca_file=ca_file)
        yield callback
        if callback.status == "ok":
            yield from _private_pages(host.origin, ca_file)


def _private_pages(origin: str, ca_file: str | None) -> Iterator[Finding]:
    """A finding for each page that the proxy must not let out, and does."""
    for name in _PRIVATE:
        url = f"{origin}/_peeringdb/{name}"
        try:
            answer = requests.get(
                url, timeout=_TIMEOUT, allow_redirects=False, verify=ca_file or True
            )
        except requests.exceptions.RequestException:
            continue  # the callback was reached, so this is no news
        if answer.status_code < 300:
            yield Finding(
                check="private-pages",
                status="problem",
                seen=f"Everybody can open {url}.",
                why="It is for the proxy and for monitoring only.",
                remedy="Print the configuration of your proxy anew: peeringdb-oauth gateway"
                " snippet.",
            )
