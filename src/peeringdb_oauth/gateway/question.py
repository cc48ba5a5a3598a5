"""What a proxy asks: whether a request of a visitor may pass."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from peeringdb_oauth.gateway.forwarded import (
    Forwarded,
    NotForwarded,
    RequestHeaders,
    TrustedProxies,
    read_forwarded,
    read_site,
)
from peeringdb_oauth.gateway.host import HostLogin
from peeringdb_oauth.gateway.paths import OddPath, parse
from peeringdb_oauth.gateway.rules import Match, Rules
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web import Visit
from peeringdb_oauth.web.visit import SAFE_METHODS

log = logging.getLogger("peeringdb_oauth")

# Traefik removes the first one. All browsers send the second one.
_OF_WEBSOCKETS = (b"upgrade", b"sec-websocket-version")
_MAX_NOTED = 20  # log lines about requests that make no sense


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request of a visitor, and what the rules say before anybody knows who asks.

    ``host``: where it leads. ``method``, ``uri``: as in `Forwarded`. ``headers``: the
    visitor's. ``address``: the visitor's, if it is known.
    """

    host: HostLogin
    method: str
    uri: str = field(repr=False)
    headers: RequestHeaders = field(repr=False)
    address: str | None
    match: Match

    @property
    def rule_name(self) -> str:
        """The name of the rule that decides, for logs and metrics."""
        return "no rule" if self.match.rule is None else self.match.rule.name

    @property
    def has_session(self) -> bool:
        """Whether somebody may be logged in: there is a cookie of that name.

        A page of another origin asks in nobody's name.
        """
        name = self.host.cookie.name.encode()
        return name in self.headers.raw.get(b"cookie", b"") and not self.is_foreign

    @property
    def is_read(self) -> bool:
        """Whether the request only reads something."""
        return self.method in ("GET", "HEAD")

    @property
    def is_refused(self) -> bool:
        """Whether the request cannot pass, whoever is logged in."""
        rule = self.match.rule
        if rule is None or self.match.refusal is not None:
            return True
        return self.is_foreign and not rule.is_open

    @property
    def is_foreign(self) -> bool:
        """Whether a page of another origin opens a WebSocket or changes something.

        Browsers send the cookie with requests of other hosts of the domain, too, and
        say where the page is from. Programs do not.
        """
        raw = self.headers.raw
        origin = raw.get(b"origin")
        if origin is None or raw.get(b"sec-fetch-site") == b"same-origin":
            return False
        if self.method in SAFE_METHODS and not any(name in raw for name in _OF_WEBSOCKETS):
            return False
        allowed = () if self.match.rule is None else self.match.rule.origins
        return origin.decode("latin-1").lower() not in (self.host.origin, *allowed)

    def visit(self, *, is_check: bool = False) -> Visit:
        """The request as `LoginFlow` reads it.

        ``is_check``: whether the answer is for the proxy, which takes no cookie. What
        is no page that a person opens gets none either.
        """
        visit = self.host.to_visit(
            self.headers,
            method=self.method,
            uri=self.uri,
            address=self.address,
            rule=self.rule_name,
            may_set_cookies=not is_check,
        )
        return visit if is_check else replace(visit, may_set_cookies=visit.is_navigation)


class Asked:
    """Reads what proxies ask.

    ``hosts``: the logins by their origins. ``proxies``: who may ask.
    """

    def __init__(self, hosts: Mapping[str, HostLogin], proxies: TrustedProxies) -> None:
        self._hosts = hosts
        self._proxies = proxies
        self._noted: set[str] = set()

    def trusts(self, scope: Mapping[str, Any]) -> bool:
        """Whether a request comes from a proxy of ours."""
        return self._proxies.trusts(scope.get("client"))

    def question(self, scope: Mapping[str, Any], headers: RequestHeaders, rules: Rules) -> Question:
        """What the proxy asks.

        Raises:
            NotForwarded: nobody can say who asks for what.
        """
        self._check(scope, headers)
        forwarded = read_forwarded(headers)
        host = self._host(forwarded)
        try:
            match = rules.match(forwarded.host, forwarded.method, parse(forwarded.uri))
        except OddPath as odd:
            refusal = Reason(
                "this address has something in it that servers read in different ways",
                code="odd_path",
                cause=odd.reason,
            )
            match = Match(refusal=refusal)
        return Question(
            host=host,
            method=forwarded.method,
            uri=forwarded.uri,
            headers=headers,
            address=self._proxies.visitor(headers),
            match=match,
        )

    def page(
        self, scope: Mapping[str, Any], headers: RequestHeaders
    ) -> tuple[HostLogin, str | None]:
        """The host of a page of the gateway's own, and the visitor's address.

        Raises:
            NotForwarded: as `question`.
        """
        self._check(scope, headers)
        return self._host(read_site(headers)), self._proxies.visitor(headers)

    def note(self, problem: str) -> None:
        """Write a problem to the log, each once."""
        if problem not in self._noted and len(self._noted) < _MAX_NOTED:
            self._noted.add(problem)
            log.warning("a request to the gateway: %s", problem)

    def _check(self, scope: Mapping[str, Any], headers: RequestHeaders) -> None:
        if not self.trusts(scope):
            raise NotForwarded(
                f"it came from {scope['client'][0]}, which is not in trusted_proxies. If this is a"
                " visitor's address, the server takes it from X-Forwarded-For: that is for the"
                " gateway to do (uvicorn: --no-proxy-headers)"
            )
        headers.check_size()

    def _host(self, forwarded: Forwarded) -> HostLogin:
        host = self._hosts.get(forwarded.origin)
        if host is None:
            raise NotForwarded(f"{forwarded.origin[:200]!r} is not in urls")
        return host
