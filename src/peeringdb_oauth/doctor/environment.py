"""The machine: its clock, certificates and proxies."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from peeringdb_oauth.config import is_loopback
from peeringdb_oauth.doctor.findings import Finding, ok
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.tls import tls_context

_RELEASED = 1_795_651_200  # Unix seconds, 26 November 2026: no right clock is before it
_BUNDLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def examine_environment(
    base_url: str,
    *,
    ca_file: str | None,
    environ: Mapping[str, str] = os.environ,
    now: float | None = None,
) -> list[Finding]:
    """What this machine does to requests to ``base_url``. Nothing is sent.

    ``ca_file``: as in `ClientConfig`. ``environ``: the variables of the environment.
    ``now``: Unix seconds; None for what this machine's clock says.
    """
    return [
        *_clock(time.time() if now is None else now),
        *_certificates(ca_file, environ),
        *_proxies(base_url),
    ]


def _clock(now: float) -> Iterator[Finding]:
    if now < _RELEASED:
        yield Finding(
            check="clock",
            status="problem",
            seen=f"This machine's clock says {time.strftime('%Y-%m-%d', time.gmtime(now))}.",
            why="With a wrong clock certificates, ID tokens and sessions are refused.",
            remedy="Set the clock, and let chrony or systemd-timesyncd keep it.",
        )


def _certificates(ca_file: str | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in _BUNDLES:
        path = environ.get(name)
        if path and not Path(path).exists():
            yield Finding(
                check="certificates",
                status="problem",
                seen=f"{name} names {path}, and there is no such file.",
                why="Connections to PeeringDB fail, because nothing says whom to trust.",
                remedy=f"Correct {name}, or remove it.",
            )
            return
    try:
        tls_context(ca_file)
    except ConfigurationError as error:
        yield Finding(
            check="certificates",
            status="problem",
            seen=str(error),
            why="Connections to PeeringDB fail, because nothing says whom to trust.",
            remedy="Name a PEM file with certificates, or remove the setting.",
        )
        return
    named = [name for name in _BUNDLES if environ.get(name)]
    source = f"ca_file {ca_file}" if ca_file else ", ".join(named) or "the usual bundle"
    yield ok("certificates", f"Certificates are checked with {source}.")


def _proxies(base_url: str) -> Iterator[Finding]:
    parts = urlsplit(base_url)
    host, proxies = parts.hostname or "", getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return
    if is_loopback(host):
        yield Finding(
            check="proxy",
            status="problem",
            seen=f"Requests to {base_url} go through a proxy.",
            why="The proxy cannot reach a server on this machine.",
            remedy="Add localhost,127.0.0.1 to NO_PROXY.",
        )
        return
    yield Finding(
        check="proxy",
        status="info",
        seen=f"Requests to {base_url} go through the proxy at {urlsplit(proxy).hostname}.",
        why="PeeringDB counts requests by address: all who leave through it share one limit.",
    )
