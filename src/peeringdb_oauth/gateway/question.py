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

log = logging.getLogger("peeringdb_oauth")

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
        """Whether somebody may be logged in: there is a cookie of that name."""
        return self.host.cookie.name.encode() in self.headers.raw.get(b"cookie", b"")

    @property
    def is_read(self) -> bool:
        """Whether the request only reads something."""
        return self.method in ("GET", "HEAD")

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
