"""What a gateway in this process needs: settings, sessions, questions of a proxy.

It imports nothing but the gateway, because its memory is measured.
"""

import time
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peeringdb_oauth import Login, TokenResponse, User
from peeringdb_oauth.gateway.forwarded import RequestHeaders
from peeringdb_oauth.gateway.host import HostLogin
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.web import SessionStore

ORIGIN = "https://lg.example.net"
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - it protects nothing
SETTINGS = f"""
urls = ["{ORIGIN}"]
secret_key_file = "secret-key"
sessions_file = "sessions"
[peeringdb]
client_id = "lg"
client_secret_file = "client-secret"
[[rule]]
path = "/"
allow = "verified"
"""


def load_settings(url: str) -> Settings:
    """The settings of a gateway with the store at ``url``."""
    files = {"secret-key": SECRET, "client-secret": SECRET, "sessions": url}
    with TemporaryDirectory() as directory:
        for file, text in (files | {"gateway.toml": SETTINGS}).items():
            (Path(directory) / file).write_text(text)
        return Settings.load(Path(directory) / "gateway.toml")


def make_host(settings: Settings, store: SessionStore) -> HostLogin:
    """Logs people in at the site of the settings."""
    return HostLogin(
        ORIGIN,
        Provider(settings.config, time.time),
        secrets=settings.secret_keys,
        store=store,
        policy=settings.policy,
    )


def log_in(host: HostLogin, person: User) -> str:
    """The cookie of a new session."""
    visit = host.to_visit(RequestHeaders([]), method="GET", uri="/")
    login = Login(user=person, token=token(), claims=None)
    _drive(host.visitors.begin(visit, login, prompted=False))
    [cookie] = host.cookie.write({}, visit.session)
    return f"{cookie.name}={cookie.value}"


def _drive(flow: Generator[Any, Any, Any]) -> None:
    """Run a flow that asks nothing but the store."""
    result = None
    while True:
        try:
            result = flow.send(result).function()
        except StopIteration:
            return


def question(cookie: str) -> dict[str, Any]:
    """What a proxy asks about a visitor, as ASGI has it."""
    asked = {"method": "GET", "proto": "https", "host": "lg.example.net", "uri": "/page"}
    headers = [(f"x-forwarded-{name}".encode(), value.encode()) for name, value in asked.items()]
    return {"client": ("127.0.0.1", 1), "headers": [*headers, (b"cookie", cookie.encode())]}


def token() -> TokenResponse:
    """The tokens of a login that was now."""
    return TokenResponse(
        access_token="a" * 30,
        token_type="Bearer",
        expires_at=int(time.time()) + 36_000,
        refresh_token="r" * 30,
        scope=(),
        id_token=None,
    )
