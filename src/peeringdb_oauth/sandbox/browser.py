"""A small browser that logs one person in at the sandbox: cookies, forms, redirects."""

import http.client
import secrets
import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

from peeringdb_oauth.sandbox.errors import SandboxError

_MAX_REDIRECTS = 20
_TIMEOUT = 30  # seconds
_NOTHING_TO_DENY = (
    "PeeringDB showed no consent page that could be denied, because the person has a valid token"
    " of this application; add approval_prompt=force to the authorization URL to see the page"
)


@dataclass(slots=True)
class _Page:
    """What the browser reads of a page.

    ``heading``, ``message``: what the page tells the person. ``action``, ``fields``,
    ``buttons``: the first form: its URL, its hidden fields, and its buttons as pairs of
    name and value. ``url``: the page's own URL.
    """

    heading: str = ""
    message: str = ""
    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def asks_for(self, name: str) -> bool:
        """Whether the form has a button with this name."""
        return any(button == name for button, _ in self.buttons)


class Browser:
    """The browser of one person, with its own cookies and its own client address.

    ``base_url``: that of the sandbox. ``context``: the TLS context; None for http.
    """

    def __init__(self, base_url: str, context: ssl.SSLContext | None) -> None:
        self._origin = base_url
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
        self._connection = (
            http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
            if context is None
            else http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)
        )
        self._cookies: dict[str, str] = {}
        # A person's requests must not count against the address of the application.
        self._address = f"2001:db8::{secrets.token_hex(2)}:{secrets.token_hex(2)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def log_in(
        self, person: str, authorization_url: str, *, consent: bool, second_factor: str
    ) -> str:
        """Go through PeeringDB's pages and return the callback URL they lead to.

        Raises:
            SandboxError: the authorization URL is not the sandbox's, or its pages do
                not lead back to the application.
        """
        if not authorization_url.startswith(self._origin + "/"):
            raise SandboxError(
                f"the authorization URL must start with {self._origin}/: give the client this"
                " sandbox's url as its base URL"
            )
        answer = self._follow("GET", authorization_url)
        # Twice, because prompt=login makes PeeringDB ask for a second login.
        for name, value in (("person", person), ("factor", second_factor)) * 2:
            if isinstance(answer, _Page) and answer.asks_for(name):
                answer = self._submit(answer, name, value)
        asked = isinstance(answer, _Page) and ("allow", "Authorize") in answer.buttons
        if isinstance(answer, _Page) and asked:
            answer = self._submit(answer, "allow", "Authorize") if consent else self._submit(answer)
        if isinstance(answer, _Page):
            raise SandboxError(
                f"PeeringDB did not lead back to the application, but showed: {answer.heading}."
                f" {answer.message}".strip()
            )
        if not consent and not asked and "error=" not in answer:
            raise SandboxError(_NOTHING_TO_DENY)
        return answer

    def _submit(self, page: _Page, name: str = "", value: str = "") -> _Page | str:
        """Send the page's form with the button of this name and value."""
        if name and (name, value) not in page.buttons:
            known = ", ".join(other for button, other in page.buttons if button == name)
            nobody = "nobody" if name == "person" else "no second factor"
            raise SandboxError(f"{nobody} here is called {value!r}; there are: {known}")
        fields = page.fields | ({name: value} if name else {})
        return self._follow("POST", urljoin(page.url, page.action), urlencode(fields), page.url)

    def _follow(
        self, method: str, url: str, body: str | None = None, referrer: str = ""
    ) -> _Page | str:
        """Follow redirects to a page of the sandbox, or to a URL outside of it."""
        for _ in range(_MAX_REDIRECTS):
            if not url.startswith(self._origin + "/"):
                return url
            status, location, text = self._request(method, url, body, referrer)
            if not location:
                return _parse(status, text, url)
            method, body, referrer, url = "GET", None, url, urljoin(url, location)
        raise SandboxError("PeeringDB redirects in circles")

    def _request(
        self, method: str, url: str, body: str | None, referrer: str
    ) -> tuple[int, str, str]:
        """Send one request; return status, Location header and text."""
        headers = {"X-Forwarded-For": self._address}
        if self._cookies:
            pairs = (f"{name}={value}" for name, value in self._cookies.items())
            headers["Cookie"] = "; ".join(pairs)
        if referrer:
            headers["Referer"] = referrer
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, url.removeprefix(self._origin), body, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        for header in response.headers.get_all("Set-Cookie", []):
            self._store_cookies(header)
        return response.status, response.headers.get("Location", ""), text

    def _store_cookies(self, header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = morsel.coded_value


def _parse(status: int, text: str, url: str) -> _Page:
    parser = _PageParser()
    parser.feed(text)
    page = parser.page
    page.url = url
    page.heading = page.heading or f"an answer of status {status}"
    return page


class _PageParser(HTMLParser):
    """Reads the sandbox's own pages.

    Of the forms, only the first one inside ``<main>`` counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.page = _Page()
        self._inside = ""
        self._forms = 0
        self._in_main = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag == "main":
            self._in_main = True
        elif tag == "form" and self._in_main:
            self._forms += 1
            if self._forms == 1:
                self.page.action = values.get("action", "")
        elif tag == "h1" or (tag == "p" and "data-message" in values):
            self._inside = tag
        elif self._forms == 1 and tag == "input" and values.get("type") == "hidden":
            self.page.fields[values["name"]] = values.get("value", "")
        elif self._forms == 1 and tag == "button" and "name" in values:
            self.page.buttons.append((values["name"], values.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "h1":
            self.page.heading += " ".join(data.split())
        elif self._inside == "p":
            self.page.message += " ".join(data.split()) + " "
