"""Ways to ask a running sandbox: single requests, and a person's browser."""

import http.client
import json
import re
import secrets
import ssl
import time
from dataclasses import dataclass
from html import unescape
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests

from peeringdb_oauth.sandbox import Application

_MAX_IDLE = 5  # seconds; a server may close a connection that is silent for longer


class Server(Protocol):
    """A server that can be asked. ``ca_file``: None if it has no TLS."""

    @property
    def url(self) -> str: ...
    @property
    def ca_file(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Web:
    """Sends requests over one connection, with exactly the headers that are given.

    Each request has a client address of its own, unless the headers name one.
    ``address_end``: is added to each of them, so that a server that remembers addresses
    has not seen them before.
    """

    def __init__(self, pdb: Server, address_end: str = "") -> None:
        self.pdb, self.address_end = pdb, address_end
        self._last_use = 0.0
        parts = urlsplit(pdb.url)
        if pdb.ca_file:
            context = ssl.create_default_context(cafile=pdb.ca_file)
            self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.netloc, context=context, timeout=20
            )
        else:
            self.connection = http.client.HTTPConnection(parts.netloc, timeout=20)

    def send(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> Answer:
        given = {"Host": urlsplit(self.pdb.url).netloc, "X-Forwarded-For": new_address()} | (
            headers or {}
        )
        given["X-Forwarded-For"] += self.address_end
        if body is not None:
            given |= {"Content-Length": str(len(body.encode()))}
        if time.monotonic() > self._last_use + _MAX_IDLE:
            self.connection.close()
        self._last_use = time.monotonic()
        try:
            self.connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                self.connection.putheader(name, value)
            self.connection.endheaders(None if body is None else body.encode())
            response = self.connection.getresponse()
            return Answer(status=response.status, headers=response.headers, body=response.read())
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise

    def get(
        self, target: str, token: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        return self.send(
            "GET", target, (headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        )

    def post(
        self, target: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> Answer:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", target, form | (headers or {}), urlencode(fields))

    def authorization_url(self, app: Application, **parameters: str | None) -> str:
        asked = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": app.redirect_uris[0],
            "state": "s",
        } | parameters
        return f"{self.pdb.url}/oauth2/authorize/?" + urlencode(
            {key: value for key, value in asked.items() if value is not None}
        )

    def code(self, app: Application, person: str = "orgadmin", **parameters: str | None) -> str:
        callback = self.pdb.log_in(person, self.authorization_url(app, **parameters))
        return parse_qs(urlsplit(callback).query)["code"][0]

    def exchange(self, app: Application, code: str, **fields: str) -> Answer:
        grant = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": app.redirect_uris[0],
        }
        return self.post("/oauth2/token/", grant | self.credentials(app) | fields)

    def tokens(
        self, app: Application, person: str = "orgadmin", **parameters: str | None
    ) -> dict[str, Any]:
        answer = self.exchange(app, self.code(app, person, **parameters))
        assert answer.status == 200, answer.text
        return answer.json()

    @staticmethod
    def credentials(app: Application) -> dict[str, str]:
        return {"client_id": app.client_id, "client_secret": app.client_secret}

    def refresh(self, app: Application, refresh_token: str, **fields: str) -> Answer:
        return self.post(
            "/oauth2/token/",
            {"grant_type": "refresh_token", "refresh_token": refresh_token}
            | self.credentials(app)
            | fields,
        )


def new_address() -> str:
    return f"2001:db8:1::{secrets.token_hex(2)}:{secrets.token_hex(2)}"


class Visitor:
    """A person's browser at the sandbox, one step at a time.

    It does not follow redirects.
    """

    SESSION_COOKIE = "sandbox_session"

    def __init__(self, pdb: Server) -> None:
        self.pdb = pdb
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = pdb.ca_file or True
        self.session.headers["X-Forwarded-For"] = new_address()

    def get(self, url: str) -> requests.Response:
        return self.session.get(urljoin(self.pdb.url, url), allow_redirects=False, timeout=20)

    def press(self, page: requests.Response, **fields: str) -> requests.Response:
        """Send the form of the page with these fields, and with the button as one."""
        inputs = re.findall(r'<input type="hidden"[^>]*>', page.text)
        attributes = [dict(re.findall(r'([a-z]+)="([^"]*)"', tag)) for tag in inputs]
        hidden = {each["name"]: unescape(each.get("value", "")) for each in attributes}
        headers = {"Referer": page.url}
        return self.session.post(
            page.url, hidden | fields, headers=headers, allow_redirects=False, timeout=20
        )

    def log_in(
        self, person: str, start: requests.Response, factor: str | None = "otp"
    ) -> requests.Response:
        """Follow a redirect to the login page, log in, and return the next page."""
        answer = self.press(self.get(start.headers["Location"]), person=person)
        if factor:
            answer = self.press(self.get(answer.headers["Location"]), factor=factor)
        return self.get(answer.headers["Location"])
