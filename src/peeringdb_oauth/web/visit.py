"""A browser's request, and what to answer it, as plain values: what every framework
has, under one name.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from peeringdb_oauth.web.events import Event

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # RFC 9110 section 9.2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request.

    ``origin``: scheme and host as the application sees them. ``root``: the path that
    the application is mounted at, without slash at the end. ``path``: decoded, below
    ``root``. ``headers``: looked up by their usual names. ``cookie_header``: as it was
    sent, several joined with "; ". ``csrf_token`` gives what the form sent; it is
    called only if nothing else decides, for a form may be long. ``rotate`` gives the
    session another id, where it has one. ``emit`` passes an event on to the framework.
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
    csrf_token: Callable[[], str] = field(default=lambda: "", repr=False)
    rotate: Callable[[], object] = lambda: None
    emit: Callable[[Event], object] = lambda _: None

    @property
    def is_safe(self) -> bool:
        """Whether the request by its method changes nothing."""
        return self.method in _SAFE_METHODS

    @property
    def wants_page(self) -> bool:
        """Whether a person is waiting for a page, and not a program for JSON."""
        accepted = self.headers.get("Accept", "")
        return "text/html" in accepted or "json" not in accepted

    @property
    def has_disguised_cookie(self) -> bool:
        """Whether a cookie passes for one with ``__Host-`` or ``__Secure-`` in its
        name, and the browser did not take it for one.

        Browsers let no other host of the domain set those. But some frameworks drop
        Unicode's spaces before a name, and then find one.
        """
        sent = {pair.partition("=")[0].strip(" \t") for pair in self.cookie_header.split(";")}
        return any(name.startswith("__") and name not in sent for name in self.cookies)

    @property
    def address(self) -> str:
        """Path and query as they stand in the browser's address bar."""
        path = quote(f"{self.root}{self.path}", safe="/:@!$&'()*+,;=~")
        return f"{path}?{self.query_string}" if self.query_string else path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie to set, for the whole host, ``HttpOnly`` and ``SameSite=Lax``; to
    delete, if ``max_age`` (seconds) is 0.
    """

    name: str
    value: str = field(repr=False)
    max_age: int
    secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the template ``peeringdb_oauth/failure.html`` shows. ``home_url`` is None
    for who has to log in first.
    """

    status: int
    title: str
    reasons: tuple[str, ...]
    advice: str
    login_url: str
    other_account_url: str
    home_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to send: a redirect (``location``), else a page, else JSON; with it headers
    and cookies.
    """

    status: int
    location: str | None = field(default=None, repr=False)  # the state is in it
    page: Page | None = None
    json: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()


class Refused(Exception):
    """The request ends here, with ``answer``."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"refused with status {answer.status}")
