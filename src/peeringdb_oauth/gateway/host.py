"""The login at one host: its own redirect URI, its own cookie, its own sessions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.gateway.forwarded import RequestHeaders
from peeringdb_oauth.gateway.session_cookie import SessionCookie, parse_cookies
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.web import (
    Answer,
    LoginFlow,
    Paths,
    Sealer,
    SessionPolicy,
    SessionStore,
    Visit,
    Visitors,
)

BELOW = "/_peeringdb"  # what is the gateway's own at each host
_MAX_PARAMETERS = 50
LONGEST_PATH = 2048  # characters of an address to come back to, with its query
PATHS = Paths(
    login=f"{BELOW}/login",
    callback=f"{BELOW}/callback",
    logout=f"{BELOW}/logout",
    style=f"{BELOW}/style.css",
    home="/",
)


class HostLogin:
    """The login at one host.

    ``origin``: scheme and host, as browsers write them. ``provider``: with the redirect
    URI of this host. ``secrets``: seal cookies and tokens. ``language``: of all pages;
    None for that of the visitor.

    Raises:
        ConfigurationError: a secret is too short, or there is no such language.
    """

    def __init__(
        self,
        origin: str,
        provider: Provider,
        *,
        secrets: tuple[str, ...],
        store: SessionStore,
        policy: SessionPolicy,
        language: str | None = None,
    ) -> None:
        self.origin = origin
        self.name = origin.partition("://")[2]
        rule, sealer = AccessRule(), Sealer(*secrets)
        self.visitors = Visitors(
            provider, rule=rule, sealer=sealer, store=store, policy=policy, site=origin
        )
        self.flow = LoginFlow(
            provider,
            rule=rule,
            secrets=secrets,
            visitors=self.visitors,
            paths=PATHS,
            language=language,
            longest_path=LONGEST_PATH,
        )
        self.cookie = SessionCookie(sealer, origin, max_age=policy.max_age)

    def to_visit(
        self,
        headers: RequestHeaders,
        *,
        method: str,
        uri: str,
        address: str | None = None,
        rule: str | None = None,
        may_set_cookies: bool = True,
    ) -> Visit:
        """A visitor's request, with their session.

        ``uri``: path and query as they were sent, a character for each byte.
        ``address``: the visitor's. ``rule``: the name of the rule that decides; None
        for a page of ours, whose parameters are read. ``may_set_cookies``: whether the
        answer can change the session.
        """
        path, _, query = uri.partition("?")
        cookie_header = headers.get("cookie", "")
        cookies = parse_cookies(cookie_header)
        return Visit(
            method=method,
            origin=self.origin,
            root="",
            path=unquote(path),
            query_string=query,
            query=_parameters(query) if rule is None else {},
            headers=headers,
            cookie_header=cookie_header,
            cookies=cookies,
            session=self.cookie.read(cookies),
            session_cookie=self.cookie.name,
            rotate=lambda: None,  # the cookie has no id of its own
            remote_address=address,
            view=lambda: rule,
            target=uri,
            may_set_cookies=may_set_cookies,
        )

    def with_session(self, answer: Answer, visit: Visit, before: Mapping[str, Any]) -> Answer:
        """The answer with the cookie of a session that was changed.

        ``before``: the session as it was. What is not a page that a person opens gets
        no cookie at all.
        """
        if not visit.may_set_cookies:
            return replace(answer, cookies=())
        cookies = self.cookie.write(before, visit.session)
        return replace(answer, cookies=(*answer.cookies, *cookies))


def _parameters(query: str) -> dict[str, Any]:
    """The parameters in a query. One that was sent several times has a list."""
    try:
        parsed = parse_qs(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:  # there are more than any of our pages takes
        return {}
    return {name: values[0] if len(values) == 1 else values for name, values in parsed.items()}
