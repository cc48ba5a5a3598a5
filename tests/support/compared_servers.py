"""Servers that can be compared: a running sandbox, and a PeeringDB of one's own.

Both have the methods of `Sandbox` that a comparison needs.
"""

import base64
import hmac
import re
import struct
import time
from html import unescape
from http.cookiejar import DefaultCookiePolicy
from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin

import requests
from sandbox_web import Visitor, new_address

from peeringdb_oauth.sandbox import Application, Sandbox, Started

_STEP = "login_view-current_step"  # of the form in several steps


class NotPossible(Exception):
    """A step that this server cannot take; the message says which."""


class RunningSandbox(Sandbox):
    """A sandbox that was started elsewhere, reached with its control token."""

    def __init__(self, url: str, ca_file: str | None, control_token: str) -> None:
        super().__init__()
        started = Started(
            url=url,
            ca_file=ca_file,
            client_id="",
            client_secret="",
            control_token=control_token,
            people={},
        )
        self._process = SimpleNamespace(started=started)  # type: ignore[assignment]  # all it needs


class PeeringDB:
    """A PeeringDB server that one runs oneself.

    ``people``: for each login name its ``password`` and, in Base32, its ``totp``
    secret. The applications of `wire_replay.APPLICATIONS` must be registered there.
    """

    def __init__(self, url: str, ca_file: str | None, people: dict[str, dict[str, str]]) -> None:
        self.url, self.ca_file, self._people = url, ca_file, people
        self._browsers: dict[str, _Browser] = {}
        self._failed: dict[str, str] = {}

    def register(
        self, *redirect_uris: str, client_id: str, client_secret: str, **_: Any
    ) -> Application:
        """The application, which was registered by hand."""
        return Application(
            client_id=client_id, client_secret=client_secret, redirect_uris=redirect_uris
        )

    def log_in(self, person: str, authorization_url: str) -> str:
        """Have a person authorize a request, and return the callback URL.

        A person logs in once, because PeeringDB takes each TOTP code only once. Nobody
        tries again after a login that failed, because PeeringDB would lock the account.
        """
        if person not in self._people:
            raise NotPossible(f"the file of people has no {person}")
        if person in self._failed:
            raise NotPossible(self._failed[person])
        browser = self._browsers.setdefault(person, _Browser(self.url, self.ca_file))
        page = browser.get(authorization_url)
        if "/account/login/" in page.headers.get("Location", ""):
            self._give_credentials(person, browser, browser.get(page.headers["Location"]))
            page = browser.get(authorization_url)
        if page.status_code == 200:
            page = browser.send(page, {"allow": "Authorize"})
        location = page.headers.get("Location", "")
        if not location or location.startswith("/"):
            where = f"status {page.status_code} {location}".rstrip()
            raise self._failure(person, f"the login of {person} ends with {where}")
        return location

    def cookies(self, person: str) -> str:
        """The header Cookie of a person who has logged in."""
        return self._browsers[person].cookies()

    def reset(self) -> None:
        """Do nothing: each request has an address of its own."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            raise NotPossible(f"PeeringDB has no {name}()")

        return refuse

    def _give_credentials(self, person: str, browser: "_Browser", page: requests.Response) -> None:
        account = self._people[person]
        credentials = {"auth-username": person, "auth-password": account["password"]}
        page = browser.send(page, credentials | {_STEP: "auth"})
        if page.status_code == 200 and "token-otp_token" in page.text:
            if "totp" not in account:
                raise self._failure(person, f"the file of people has no totp of {person}")
            page = self._give_totp(account["totp"], browser, page)
        if page.status_code == 200:
            raise self._failure(person, f"PeeringDB refuses the password or the code of {person}")

    @staticmethod
    def _give_totp(secret: str, browser: "_Browser", page: requests.Response) -> requests.Response:
        """Send the code, and if it was used before, the next one."""
        for seconds in (0, 30):
            time.sleep(seconds and seconds - time.time() % seconds)
            page = browser.send(
                page, {"token-otp_token": totp(secret, time.time()), _STEP: "token"}
            )
            if page.status_code != 200:
                break
        return page

    def _failure(self, person: str, reason: str) -> NotPossible:
        self._failed[person] = reason
        return NotPossible(reason)


class _Browser:
    """A person's browser at PeeringDB. It does not follow redirects.

    It sends every cookie that it got: which host and scheme a cookie is for depends on
    settings of PeeringDB, and does not matter here.
    """

    def __init__(self, url: str, ca_file: str | None) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env, self._session.verify = False, ca_file or True
        self._session.cookies.set_policy(_EveryCookie())

    def get(self, url: str) -> requests.Response:
        return self._request("GET", urljoin(self._url, url))

    def send(self, page: requests.Response, fields: dict[str, str]) -> requests.Response:
        """Send the form of the page with these fields."""
        form = _hidden_fields(page.text) | fields
        return self._request("POST", page.url, data=form, headers={"Referer": page.url})

    def cookies(self) -> str:
        return cookie_header(self._session)

    def _request(self, method: str, url: str, **more: Any) -> requests.Response:
        more["headers"] = more.get("headers", {}) | {"X-Forwarded-For": new_address()}
        return self._session.request(method, url, allow_redirects=False, timeout=20, **more)


class _EveryCookie(DefaultCookiePolicy):
    def set_ok(self, cookie: Any, request: Any) -> bool:  # noqa: ARG002 - the signature of http
        return True

    def return_ok(self, cookie: Any, request: Any) -> bool:  # noqa: ARG002
        return True

    def domain_return_ok(self, domain: str, request: Any) -> bool:  # noqa: ARG002
        return True

    def path_return_ok(self, path: str, request: Any) -> bool:  # noqa: ARG002
        return True


def log_in_and_get_cookies(pdb: Sandbox | PeeringDB, person: str, authorization_url: str) -> str:
    """Log a person in for an authorization request, and return the header Cookie."""
    if isinstance(pdb, PeeringDB):
        pdb.log_in(person, authorization_url)
        return pdb.cookies(person)
    visitor = Visitor(pdb)
    with visitor.session:
        visitor.log_in(person, visitor.get(authorization_url))
        return cookie_header(visitor.session)


def cookie_header(session: requests.Session) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)


def totp(secret: str, now: float) -> str:
    """The six digits of RFC 6238 for this secret and time."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(now) // 30), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def _hidden_fields(page: str) -> dict[str, str]:
    fields = {}
    for tag in re.findall(r"<input\b[^>]*>", page):
        attributes = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden" and "name" in attributes:
            fields[attributes["name"]] = unescape(attributes.get("value", ""))
    return fields
