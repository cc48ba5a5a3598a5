"""A small browser that walks through PeeringDB's pages for one person: cookies, forms,
redirects, nothing else.
"""

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
_NOTHING_TO_DENY = (
    "there was no consent page to deny: PeeringDB approves by itself while the person has a valid"
    " token of the application; approval_prompt=force in the authorization URL makes it ask"
)


@dataclass(slots=True)
class _Page:
    """What matters of a page: its heading, its paragraphs, its first form's fields and
    buttons.
    """

    heading: str = ""
    message: str = ""
    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


class Browser:
    """One person's browser, with its own cookies and its own client address."""

    def __init__(self, base_url: str, context: ssl.SSLContext | None) -> None:
        self._origin = base_url
        parts = urlsplit(base_url)
        if context is None:
            self._connection = http.client.HTTPConnection(
                parts.hostname or "",
                parts.port,
                timeout=30,
            )
        else:
            self._connection = http.client.HTTPSConnection(
                parts.hostname or "",
                parts.port,
                timeout=30,
                context=context,
            )
        self._cookies: dict[str, str] = {}
        # People do not share the application's address, nor its limits.
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
        self,
        person: str,
        authorization_url: str,
        *,
        consent: bool,
        second_factor: str,
    ) -> str:
        """The first redirect that leads away from PeeringDB."""
        if not authorization_url.startswith(self._origin + "/"):
            raise SandboxError(
                f"the authorization URL must start with {self._origin}/: give the client this"
                " sandbox's url as its base URL",
            )
        answer = self._follow("GET", authorization_url)
        for name, value in (
            ("person", person),
            ("factor", second_factor),
        ) * 2:  # prompt=login has them log in once more
            if isinstance(answer, _Page) and any(button == name for button, _ in answer.buttons):
                answer = self._submit(answer, name, value)
        asked = isinstance(answer, _Page) and ("allow", "Authorize") in answer.buttons
        if isinstance(answer, _Page) and asked:
            answer = self._submit(answer, "allow", "Authorize") if consent else self._submit(answer)
        if isinstance(answer, _Page):
            raise SandboxError(
                f"PeeringDB did not lead back to the application, but showed: {answer.heading}."
                f" {answer.message}".strip(),
            )
        if not consent and not asked and "error=" not in answer:
            raise SandboxError(_NOTHING_TO_DENY)
        return answer

    def _submit(self, page: _Page, name: str = "", value: str = "") -> _Page | str:
        if name and (name, value) not in page.buttons:
            there = ", ".join(other for button, other in page.buttons if button == name)
            nothing = (
                "nobody here is called" if name == "person" else "no second factor here is called"
            )
            raise SandboxError(f"{nothing} {value!r}; there are: {there}")
        fields = page.fields | ({name: value} if name else {})
        return self._follow("POST", urljoin(page.url, page.action), urlencode(fields), page.url)

    def _follow(
        self,
        method: str,
        url: str,
        body: str | None = None,
        referrer: str = "",
    ) -> _Page | str:
        """The page at the end of the redirects, or the URL of the first that leads
        elsewhere.
        """
        for _ in range(_MAX_REDIRECTS):
            if not url.startswith(self._origin + "/"):
                return url
            status, location, text = self._request(method, url, body, referrer)
            if not location:
                return self._parse(status, text, url)
            method, body, referrer, url = "GET", None, url, urljoin(url, location)
        raise SandboxError("PeeringDB redirects in circles")

    def _request(
        self,
        method: str,
        url: str,
        body: str | None,
        referrer: str,
    ) -> tuple[int, str, str]:
        headers = (
            {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
            if self._cookies
            else {}
        )
        headers["X-Forwarded-For"] = self._address
        if referrer:
            headers["Referer"] = referrer
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, url.removeprefix(self._origin), body, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        for header in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self._cookies.pop(name, None)
                else:
                    self._cookies[name] = morsel.coded_value
        return response.status, response.headers.get("Location", ""), text

    def _parse(self, status: int, text: str, url: str) -> _Page:
        parser = _PageParser()
        parser.feed(text)
        page = parser.page
        page.url = url
        page.heading = page.heading or f"an answer of status {status}"
        return page


class _PageParser(HTMLParser):
    """Reads the sandbox's own pages; the first form of the main part is the one that
    counts.
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
