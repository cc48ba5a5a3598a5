"""How much memory one process of the gateway takes with many sessions in use.

Each session belongs to somebody with 16 networks, and asks for one page. Run as a
command it prints what it has measured as JSON.
"""

import asyncio
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peeringdb_oauth import Login, Network, Permission, TokenResponse, User
from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.gateway.forwarded import RequestHeaders
from peeringdb_oauth.gateway.host import HostLogin
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.web import open_session_store

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from store_servers import RedisServer

SESSIONS = (1_000, 100_000)
MOST = 100  # MB that so many sessions may take
_TRIES = 5
ORIGIN = "https://lg.example.net"
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - it protects nothing
RULES = '[[rule]]\npath = "/"\nallow = "verified"\n'


def measure() -> dict[str, float]:
    """Megabytes at the start, and how many more after so many sessions."""
    command = [sys.executable, __file__]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603
    measured: dict[str, float] = json.loads(said.splitlines()[-1])
    return measured


async def _run(settings: Settings) -> dict[str, float]:
    store = open_session_store(settings.sessions, secrets=settings.secret_keys)
    app = create_app(settings, store=store)
    host = HostLogin(
        ORIGIN,
        Provider(settings.config, time.time),
        secrets=settings.secret_keys,
        store=store,
        policy=settings.policy,
    )
    begun, measured = 0, {"at the start": _megabytes()}
    for count in SESSIONS:
        for number in range(begun, count):
            cookie = _log_in(host, number)
            for _ in range(_TRIES):
                checked = await app.check(_question(cookie))
                if checked.outcome != "unavailable":  # Redis was slow on a busy machine
                    break
            if checked.status != 204:
                raise RuntimeError(f"session {number}: {checked.outcome}")
        begun = count
        measured[f"{count:,} sessions"] = _megabytes() - measured["at the start"]
    await app.client.close()
    store.close()
    return measured


def _log_in(host: HostLogin, number: int) -> str:
    """The cookie of a new session."""
    visit = host.to_visit(RequestHeaders([]), method="GET", uri="/")
    login = Login(user=_user(number), token=_token(), claims=None)
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


def _question(cookie: str) -> dict[str, Any]:
    asked = {"method": "GET", "proto": "https", "host": "lg.example.net", "uri": "/page"}
    headers = [(f"x-forwarded-{name}".encode(), value.encode()) for name, value in asked.items()]
    return {"client": ("127.0.0.1", 1), "headers": [*headers, (b"cookie", cookie.encode())]}


def _user(number: int) -> User:
    networks: Sequence[Network] = [
        Network(id=at + 1, asn=65536 + at, name=f"Net {at}", perms=Permission.READ)
        for at in range(16)
    ]
    name = f"Person {number}"
    email = f"person{number}@example.net"
    return User(
        id=number + 1,
        name=name,
        email=email,
        verified_user=True,
        verified_email=True,
        networks=tuple(networks),
    )


def _token() -> TokenResponse:
    return TokenResponse(
        access_token="a" * 30,
        refresh_token="r" * 30,
        expires_at=int(time.time()) + 36_000,
        scope=("profile", "email", "networks"),
        token_type="Bearer",
        id_token=None,
    )


def _megabytes() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    """Measure, and print it as JSON."""
    with TemporaryDirectory() as name:
        directory, redis = Path(name), RedisServer()
        try:
            files = {"secret-key": SECRET, "client-secret": SECRET, "sessions": redis.url}
            for file, text in files.items():
                (directory / file).write_text(text)
            path = directory / "gateway.toml"
            path.write_text(
                f'urls = ["{ORIGIN}"]\nsecret_key_file = "secret-key"\n'
                f'sessions_file = "sessions"\n[peeringdb]\nclient_id = "lg"\n'
                f'client_secret_file = "client-secret"\n{RULES}'
            )
            print(json.dumps(asyncio.run(_run(Settings.load(path)))))
        finally:
            redis.end()


if __name__ == "__main__":
    main()
