"""Servers that can be compared: a running sandbox, and a PeeringDB of one's own.

Both have the methods of `Sandbox` that a comparison needs.
"""

import base64
import hmac
import struct
import time
from http.cookiejar import DefaultCookiePolicy
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import requests
from sandbox_web import Visitor

from peeringdb_oauth.sandbox import Application, Sandbox, Started

_MAX_WAIT = 62  # seconds
_TOTP_SECONDS = 30  # for so long PeeringDB takes a code, and only once
_STEP = "login_view-current_step"  # of PeeringDB's login form


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
    secret. ``can_wait``: wait where time must pass; otherwise that is not possible. The
    applications of `wire_replay.APPLICATIONS` must be registered there.
    """

    def __init__(
        self, url: str, ca_file: str | None, people: dict[str, dict[str, str]], *, can_wait: bool
    ) -> None:
        self.url, self.ca_file, self.people, self._can_wait = url, ca_file, people, can_wait
        self.last_codes: dict[str, int] = {}  # of each person, as counted from 1970
        self._visitors: dict[str, PeeringDBVisitor] = {}

    def register(
        self, *redirect_uris: str, client_id: str, client_secret: str, **_: Any
    ) -> Application:
        """The application, which was registered by hand."""
        return Application(
            client_id=client_id, client_secret=client_secret, redirect_uris=redirect_uris
        )

    def log_in(self, person: str, authorization_url: str) -> str:
        """Have a person authorize a request, and return the callback URL."""
        visitor = self._visitors.setdefault(person, PeeringDBVisitor(self))
        page = visitor.get(authorization_url)
        if "/account/login/" in page.headers.get("Location", ""):
            page = visitor.log_in(person, page)
        if page.status_code == 200:
            page = visitor.press(page, allow="Authorize")
        location = page.headers.get("Location", "/")
        if location.startswith("/"):
            where = f"status {page.status_code}, {location}"
            raise NotPossible(f"an authorization by {person} ends with {where}")
        return location

    def cookies(self, person: str) -> str:
        """The header Cookie of a person who has logged in."""
        return cookie_header(self._visitors[person].session)

    def advance(self, seconds: float) -> None:
        """Wait, if that is wanted."""
        if not self._can_wait or seconds > _MAX_WAIT:
            raise NotPossible(f"it needs {seconds:.0f} seconds of waiting")
        time.sleep(seconds)

    def reset(self) -> None:
        """Do nothing: each request has an address of its own."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            raise NotPossible(f"PeeringDB has no {name}()")

        return refuse


class PeeringDBVisitor(Visitor):
    """A person's browser at PeeringDB.

    It sends every cookie that it got. Which host and scheme a cookie is for depends on
    PeeringDB's settings, and does not matter here.
    """

    SESSION_COOKIE = "sessionid"

    def __init__(self, pdb: PeeringDB) -> None:
        super().__init__(pdb)
        self._peeringdb, self._person = pdb, ""
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # takes none
        self.session.hooks["response"].append(self._keep_cookies)

    def press(self, page: requests.Response, **fields: str) -> requests.Response:
        """Send the form of the page.

        ``person``: with the name and the password of this person. ``factor``: with the
        TOTP code of the person who was named before.
        """
        if "person" in fields:
            self._person = fields["person"]
            password = self._account()["password"]
            fields = {"auth-username": self._person, "auth-password": password, _STEP: "auth"}
        elif "factor" in fields:
            fields = {"token-otp_token": self._code(), _STEP: "token"}
        return super().press(page, **fields)

    def log_in(
        self, person: str, start: requests.Response, factor: str | None = "otp"
    ) -> requests.Response:
        """Follow a redirect to the login page, log in, and return the next page."""
        page = self.press(self.get(start.headers["Location"]), person=person)
        if factor and "token-otp_token" in page.text:
            page = self.press(page, factor=factor)
        if "Location" not in page.headers:
            # PeeringDB locks an account for some time after failures: do not try again.
            self._peeringdb.people[person] = {}
            raise NotPossible(
                f"PeeringDB refuses the password or the code of {person}; it takes each code once"
            )
        return self.get(page.headers["Location"])

    def _keep_cookies(self, answer: requests.Response, **_: Any) -> None:
        for header in answer.raw.headers.getlist("Set-Cookie"):
            for name, cookie in SimpleCookie(header).items():
                self.session.cookies.set(name, cookie.value)  # for every host

    def _account(self) -> dict[str, str]:
        account = self._peeringdb.people.get(self._person, {})
        if not account:
            raise NotPossible(f"the file of people has no {self._person} who can log in")
        return account

    def _code(self) -> str:
        """A TOTP code that this person has not used yet."""
        if "totp" not in self._account():
            raise NotPossible(f"the file of people has no totp of {self._person}")
        last_codes, now = self._peeringdb.last_codes, time.time()
        if last_codes.get(self._person) == now // _TOTP_SECONDS:
            time.sleep(_TOTP_SECONDS - now % _TOTP_SECONDS)
            now = time.time()
        last_codes[self._person] = int(now // _TOTP_SECONDS)
        return totp(self._account()["totp"], now)


def visitor_for(pdb: Sandbox | PeeringDB) -> Visitor:
    """A browser for this server."""
    return PeeringDBVisitor(pdb) if isinstance(pdb, PeeringDB) else Visitor(pdb)


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
    """The cookies of a session as a header."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)


def totp(secret: str, now: float) -> str:
    """The six digits of RFC 6238 for this secret and time."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(now) // _TOTP_SECONDS), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
