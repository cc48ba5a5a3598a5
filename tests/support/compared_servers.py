"""Servers that can be compared: a running sandbox, and a PeeringDB of one's own.

Both have the methods of `Sandbox` that a comparison needs.
"""

import base64
import hmac
import re
import struct
import time
from html import unescape
from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin

import requests

from peeringdb_oauth.sandbox import Application, Sandbox, Started


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

    def register(
        self, *redirect_uris: str, client_id: str, client_secret: str, **_: Any
    ) -> Application:
        """The application, which was registered by hand."""
        return Application(
            client_id=client_id, client_secret=client_secret, redirect_uris=redirect_uris
        )

    def log_in(self, person: str, authorization_url: str) -> str:
        """Log a person in with password and TOTP, and return the callback URL."""
        if person not in self._people:
            raise NotPossible(f"the file of people has no {person}")
        with requests.Session() as session:
            session.trust_env, session.verify = False, self.ca_file or True
            answer = session.get(authorization_url, allow_redirects=False, timeout=20)
            page_url = urljoin(self.url, answer.headers.get("Location", ""))
            page = session.get(page_url, timeout=20)
            for step, fields in self._login_steps(person):
                form = _hidden_fields(page.text) | fields | {"login_view-current_step": step}
                page = self._send(session, page, form)
                if "/oauth2/authorize/" in page.headers.get("Location", ""):
                    page = self._get(session, page.headers["Location"])
                    break
            if page.status_code == 200:
                page = self._send(session, page, _hidden_fields(page.text) | {"allow": "Authorize"})
            if "Location" not in page.headers:
                raise NotPossible(f"the login of {person} ends with status {page.status_code}")
            return page.headers["Location"]

    def reset(self) -> None:
        """Do nothing: each request has an address of its own."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            raise NotPossible(f"PeeringDB has no {name}()")

        return refuse

    def _login_steps(self, person: str) -> list[tuple[str, dict[str, str]]]:
        account = self._people[person]
        credentials = {"auth-username": person, "auth-password": account["password"]}
        steps = [("auth", credentials)]
        if "totp" in account:
            steps.append(("token", {"token-otp_token": totp(account["totp"], time.time())}))
        return steps

    def _get(self, session: requests.Session, url: str) -> requests.Response:
        return session.get(urljoin(self.url, url), allow_redirects=False, timeout=20)

    @staticmethod
    def _send(
        session: requests.Session, page: requests.Response, form: dict[str, str]
    ) -> requests.Response:
        headers = {"Referer": page.url}
        return session.post(page.url, form, headers=headers, allow_redirects=False, timeout=20)


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
