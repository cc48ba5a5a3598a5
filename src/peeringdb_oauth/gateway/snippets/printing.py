"""Fills in the template of a proxy."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.addresses import read_listen
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.gateway.snippets import template
from peeringdb_oauth.gateway.snippets.upstream import Upstream

PROXIES = {
    "nginx": "nginx.conf",
    "caddy": "Caddyfile",
    "traefik": "traefik.yaml",
    "haproxy": "haproxy.cfg",
    "haproxy-lua": "peeringdb.lua",
}
# The pages of the gateway that a visitor may ask for.
PUBLIC = (
    *("login", "sign-in", "callback", "logout", "whoami"),
    *("style.css", "site.css", "logo", "jwks.json"),
)
# The gateway's answer to a check: the visitor's cookies without the gateway's own.
COOKIE = "X-PeeringDB-Cookie"
# With these a client could make an application take another method, path or address
# than the gateway has judged.
STRIPPED = (
    COOKIE,
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-Original-Method",
    "X-Original-Uri",
    "X-Original-Url",
    "X-Rewrite-Url",
    "X-Forwarded-Method",
    "X-Forwarded-Uri",
    "X-Forwarded-Prefix",
    "X-Forwarded-Port",
    "X-Forwarded-Ssl",
    "X-Forwarded-Server",
    "Forwarded",
    "Proxy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One of the URLs that people visit, and the application there."""

    origin: str
    upstream: Upstream

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return urlsplit(self.origin).scheme

    @property
    def tls(self) -> bool:
        """Whether it is https."""
        return self.scheme == "https"

    @property
    def name(self) -> str:
        """The host, with the port if it is not the usual one."""
        return urlsplit(self.origin).netloc

    @property
    def host(self) -> str:
        """The host; an IPv6 address has its brackets."""
        return self.name.removesuffix(f":{urlsplit(self.origin).port}")

    @property
    def port(self) -> int:
        """Where the proxy listens."""
        return urlsplit(self.origin).port or (443 if self.tls else 80)

    @property
    def slug(self) -> str:
        """A name for the site in a configuration."""
        return "site_" + re.sub("[^A-Za-z0-9]+", "_", self.name).strip("_")


class Header:
    """The names of a header in the languages of the proxies."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lower = name.lower().replace("-", "_")
        self.upper = self.lower.upper()
        self.variable = f"peeringdb_header_{self.lower}"
        self.canonical = "-".join(part.capitalize() for part in name.split("-"))  # as in Go
        self.target = "Cookie" if name == COOKIE else name


class Gateway:
    """Where the proxy reaches the gateway, from the setting ``listen``."""

    def __init__(self, listen: str) -> None:
        self.socket = listen.removeprefix("unix:") if listen.startswith("unix:") else ""
        self.address = "" if self.socket else listen
        self.url = f"http://{self.address or 'gateway'}/_peeringdb"


def print_snippet(
    settings: Settings,
    proxy: str,
    upstreams: Iterable[str],
    *,
    gateway: str | None = None,
    php: str | None = None,
    cache: bool = False,
) -> str:
    """One complete site configuration for a proxy.

    ``proxy``: one of `PROXIES`. ``upstreams``: the application for all URLs, or
    ``URL=APPLICATION`` for one of them, see `Upstream.parse`. ``gateway``: where the
    proxy reaches the gateway, if that is not ``listen``. ``php``: the socket of
    PHP-FPM, for a directory with PHP pages. ``cache``: nginx remembers for up to a
    second what was allowed.

    Raises:
        ConfigurationError: an upstream is wrong or missing, or the proxy has no such
            thing.
    """
    if proxy == "haproxy-lua":
        return template.read(PROXIES[proxy])
    sites = _sites(settings, tuple(upstreams))
    peer = Gateway(gateway or str(settings.listen))
    check_options(proxy, (), gateway=gateway, php=php, cache=cache)
    _check(proxy, sites, peer, php=php)
    identity = [Header(name) for name in _identity(settings)]
    return template.fill(
        PROXIES[proxy],
        made_by=f"Made by: peeringdb-oauth gateway --config {settings.path} snippet {proxy}",
        config_path=settings.path,
        sites=sites,
        frontends=_frontends(sites),
        tls=any(site.tls for site in sites),
        gateway=peer,
        identity=identity,
        answered=[*identity, Header(COOKIE)],
        stripped=STRIPPED,
        public=PUBLIC,
        public_regex="|".join(re.escape(name) for name in PUBLIC),
        php=Upstream.parse_php(php) if php else None,
        cache=cache,
    )


def check_options(
    proxy: str, upstreams: Iterable[str], *, gateway: str | None, php: str | None, cache: bool
) -> None:
    """Do nothing if the options of `print_snippet` make sense with any settings.

    Raises:
        ConfigurationError: one of them does not.
    """
    for upstream in upstreams:
        Upstream.parse(upstream.partition("=")[2] or upstream)
    if php is not None:
        Upstream.parse_php(php)
    if gateway is not None:
        try:
            read_listen(gateway)
        except ConfigurationError as error:
            raise ConfigurationError(f"--gateway: {error}") from None
    if cache and proxy != "nginx":
        raise ConfigurationError("--cache: only nginx can remember what was allowed")


def _identity(settings: Settings) -> list[str]:
    """The names of the headers that the application gets from the gateway."""
    signed = settings.assertions
    return [*settings.reloadable.headers.names, *([signed.header] if signed else [])]


def _sites(settings: Settings, upstreams: tuple[str, ...]) -> list[Site]:
    """Each URL of the settings with its application.

    Raises:
        ConfigurationError: a URL has none, or one is for a URL that is not in ``urls``.
    """
    origins = [host.origin for host in settings.hosts]
    for_all: str | None = None
    named: dict[str, str] = {}
    for upstream in upstreams:
        origin, equals, application = upstream.partition("=")
        if not equals:
            for_all = upstream
        elif origin.rstrip("/") in origins:
            named[origin.rstrip("/")] = application
        else:
            raise ConfigurationError(
                f"--upstream: {origin} is not in urls, which has {', '.join(origins)}"
            )
    without = [origin for origin in origins if origin not in named]
    if without and for_all is None:
        example = f"{without[0]}=" if named else ""
        raise ConfigurationError(
            f"--upstream: missing for {', '.join(without)}; name the application, such as"
            f" --upstream {example}http://127.0.0.1:3000"
        )
    return [
        Site(origin=origin, upstream=Upstream.parse(named.get(origin, for_all or "")))
        for origin in origins
    ]


def _check(proxy: str, sites: list[Site], peer: Gateway, *, php: str | None) -> None:
    """Do nothing if the proxy can do what is asked.

    Raises:
        ConfigurationError: it cannot.
    """
    if php and (proxy not in ("nginx", "caddy") or any(site.upstream.server for site in sites)):
        raise ConfigurationError(
            "--php: only for nginx and Caddy, and with a directory as --upstream"
        )
    for site in sites:
        if site.upstream.directory and proxy in ("traefik", "haproxy"):
            raise ConfigurationError(f"--upstream: {proxy} serves no files; name a server")
    if proxy == "traefik" and (peer.socket or any(site.upstream.socket for site in sites)):
        raise ConfigurationError(
            "Traefik reaches no Unix socket: set listen to an address, and name one as --upstream"
        )


def _frontends(sites: list[Site]) -> list[dict[str, object]]:
    """For HAProxy: the sites of each address that it listens on."""
    by_address: dict[tuple[bool, str, int], list[Site]] = {}
    for site in sites:
        # People who try it out over http are on this machine.
        address = f":{site.port}" if site.tls else f"{site.host}:{site.port}"
        by_address.setdefault((site.tls, address, site.port), []).append(site)
    return [
        {
            "tls": tls,
            "scheme": "https" if tls else "http",
            "address": address,
            "port": port,
            "sites": here,
            "slug": f"port_{port}",
        }
        for (tls, address, port), here in by_address.items()
    ]
