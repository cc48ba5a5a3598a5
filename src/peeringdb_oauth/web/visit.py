"""A request and its answer as plain values, the same for every framework."""

import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.cookies import is_genuine
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.return_path import encoded

# What programs and parts of a page accept. People open pages that accept HTML.
_OTHER_TYPES = re.compile(r"\bjson\b|text/event-stream|\bimage/")
_MAX_ADDRESS = 64  # characters
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # RFC 9110 section 9.2.1


def encoded_path(path: str) -> str:
    """A decoded path as it is in a URL; so it is one line in a log."""
    return quote(path, safe="/:@!$&'()*+,;=~")


def shown_address(address: str | None) -> str | None:
    """A visitor's address to show and to log; None if there is nothing to show.

    A proxy may pass on whatever somebody has sent.
    """
    return "".join(filter(str.isprintable, address or ""))[:_MAX_ADDRESS] or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie to set for the whole host, with ``HttpOnly`` and ``SameSite=Lax``.

    ``max_age``: its lifetime in seconds; 0 deletes it. ``secure``: the browser sends
    it over HTTPS only.
    """

    name: str
    value: str = field(repr=False)
    max_age: int
    secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request.

    ``method``: in capital letters. ``origin``: scheme and host as the application sees
    them. ``root``: the path where the application is mounted, without a slash at the
    end. ``path``: the decoded path below ``root``. ``query_string``: as it was sent, a
    character for each byte.
    ``query``: the parameters in it; one that was sent several times has a list.
    ``headers``: their names may be written in any case. ``cookie_header``: as it was
    sent; several are joined with "; ". ``cookies``: as the framework reads them.
    ``session``: the framework's session. ``session_cookie``: the name of its cookie;
    None if the framework does not tell. ``csrf_token``: returns the token in the form;
    called only if nothing else decides, because a form may be long. ``rotate``: gives
    the session another id. It does nothing only if the session is a cookie and has no
    id. ``emit``: passes an event on to the framework. ``set_cookies``: has cookies set
    with the framework's own response. ``remote_address``: the
    visitor's address as the framework reports it. ``view``: returns the name of the
    view that the framework calls, for the log; None for none. ``debug``: returns
    whether failures tell developers their cause. ``language``: that the framework has
    chosen; None: the header Accept-Language decides. ``has_page``: returns whether the
    application has a page at a path below ``root``. ``target``: path and query as they
    were sent, a character for each byte; None: they are put together from the others.
    ``may_set_cookies``: whether the answer can change the session of the browser.
    """

    method: str
    origin: str
    root: str
    path: str
    query_string: str = field(repr=False)
    query: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    cookie_header: str = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)
    session: MutableMapping[str, Any] = field(repr=False)
    session_cookie: str | None
    rotate: Callable[[], object]
    remote_address: str | None = None
    csrf_token: Callable[[], str] = field(default=lambda: "", repr=False)
    emit: Callable[[Event], object] = lambda _: None
    set_cookies: Callable[[tuple[Cookie, ...]], object] = field(default=lambda _: None, repr=False)
    view: Callable[[], str | None] = lambda: None
    debug: Callable[[], bool] = lambda: False
    language: str | None = None
    has_page: Callable[[str], bool] = lambda _: True
    target: str | None = field(default=None, repr=False)
    may_set_cookies: bool = True

    @property
    def is_safe(self) -> bool:
        """Whether the method of the request says that it changes nothing."""
        return self.method in SAFE_METHODS

    @property
    def wants_page(self) -> bool:
        """Whether to answer a person with a page.

        Programs and the scripts of a page get JSON.
        """
        accepted = self.headers.get("Accept", "")
        return self.is_navigation and ("text/html" in accepted or "json" not in accepted)

    @property
    def is_navigation(self) -> bool:
        """Whether a browser opens this page for a person to see.

        Only then can the person log in. A script, an image, a frame or a prefetch
        cannot follow to PeeringDB.
        """
        headers = self.headers
        purpose = f"{headers.get('Sec-Purpose', '')} {headers.get('Purpose', '')}"
        if "prefetch" in purpose.lower():
            return False
        mode = headers.get("Sec-Fetch-Mode")
        if mode is not None:  # Fetch Metadata: today's browsers send it over https
            return mode == "navigate" and headers.get("Sec-Fetch-Dest", "document") == "document"
        if "X-Requested-With" in headers or "HX-Request" in headers:
            return False
        if headers.get("Upgrade", "").lower() == "websocket" or "Sec-WebSocket-Version" in headers:
            return False
        accepted = headers.get("Accept", "").lower()
        return "text/html" in accepted or not _OTHER_TYPES.search(accepted)

    @property
    def may_be_redirected(self) -> bool:
        """Whether a redirect or a script may have led the browser here.

        False for a person who clicks on a link of this site. False also for a browser
        that does not tell, and for a program.
        """
        site = self.headers.get("Sec-Fetch-Site")
        is_click = site == "same-origin" and "Sec-Fetch-User" in self.headers
        return site is not None and not is_click

    @property
    def is_trusted(self) -> bool:
        """Whether this site has set the cookie of the session.

        If not, another host of the domain may have planted it. Then the session belongs
        to nobody: do not read it, and do not change it.
        """
        return self.session_cookie is None or self.has_genuine_cookie(self.session_cookie)

    def has_genuine_cookie(self, name: str) -> bool:
        """Whether no other host of the domain can have set the cookie ``name``.

        True if there is no such cookie.
        """
        value = self.cookies.get(name)
        return value is None or is_genuine(self.cookie_header, name, value)

    @property
    def address(self) -> str:
        """Path and query as the browser shows them in its address bar."""
        if self.target is not None:
            return encoded(self.target.encode("latin-1"))
        query = encoded(self.query_string.encode("latin-1"))
        return f"{self._encoded_path}?{query}" if query else self._encoded_path

    @property
    def _encoded_path(self) -> str:
        return encoded_path(f"{self.root}{self.path}")

    def tell(self, event: Event | None) -> None:
        """Record an event and pass it on to the framework; do nothing for None."""
        if event is not None:
            event = replace(event, view=self.view(), path=self._encoded_path, origin=self.origin)
            event.record()
            self.emit(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The content of a page of the library.

    ``template``: the name of its template. ``status``: the HTTP status. ``code``: what
    programs know the failure by; empty for no failure. ``title``: the heading.
    ``reasons``: why a person is refused, a sentence each. ``advice``: what the person
    can do. ``account``: who is logged in, a sentence; empty if nobody is known.
    ``login_url``: where a login starts that can help. ``other_account_url``: the page
    that leads to a login with another account. ``peeringdb_logout_url``: PeeringDB's
    logout, on the page that leads there. ``form_url``: where the page's own form is
    posted, on the page about a connection. ``is_connected``: whether there is one.
    ``home_url``: the start page; None if it needs a login first. ``offers_login`` and
    ``offers_logout``: whether the page has these buttons. ``cause``: what went wrong,
    for developers; empty unless the application is in debug mode. ``style_url``: the
    style sheet. ``language``: of all texts, as in the attribute ``lang`` of HTML.
    ``labels``: what the template says, by the names in
    `peeringdb_oauth.web.languages.LABELS`.
    """

    status: int
    title: str
    reasons: tuple[Reason, ...]
    advice: str
    login_url: str
    other_account_url: str
    home_url: str | None
    code: str = ""
    account: str = ""
    template: str = "peeringdb_oauth/failure.html"
    peeringdb_logout_url: str = ""
    style_url: str = ""
    form_url: str = ""
    is_connected: bool = False
    offers_login: bool = True
    offers_logout: bool = False
    cause: str = ""
    language: str = "en"
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to send: a redirect, else a page, else JSON.

    ``status``: the HTTP status. ``location``: where a redirect leads. ``page``: the
    content of a page. ``json``: the body for a program, also beside the page of a
    failure. ``headers``: in addition to the framework's. ``cookies``: to set or delete.
    """

    status: int
    location: str | None = field(default=None, repr=False)  # the state is in it
    page: Page | None = None
    json: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()


class Refused(Exception):
    """The request ends here. ``answer``: the answer to send."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"refused with status {answer.status}")
