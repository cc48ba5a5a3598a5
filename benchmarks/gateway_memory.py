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
from collections.abc import Sequence
from pathlib import Path

from gateway_in_process import load_settings, log_in, make_host, question

from peeringdb_oauth import Network, Permission, User
from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.web import open_session_store

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from store_servers import RedisServer

SESSIONS = (1_000, 100_000)
MOST = 100  # MB that so many sessions may take
_TRIES = 5


def measure() -> dict[str, float]:
    """Megabytes at the start, and how many more after so many sessions."""
    command = [sys.executable, __file__]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603
    measured: dict[str, float] = json.loads(said.splitlines()[-1])
    return measured


async def _run(settings: Settings) -> dict[str, float]:
    store = open_session_store(settings.sessions, secrets=settings.secret_keys)
    app = create_app(settings, store=store)
    host = make_host(settings, store)
    begun, measured = 0, {"at the start": _megabytes()}
    for count in SESSIONS:
        for number in range(begun, count):
            cookie = log_in(host, _user(number))
            for _ in range(_TRIES):
                checked = await app.check(question(cookie))
                if checked.outcome != "unavailable":  # Redis was slow on a busy machine
                    break
            if checked.status != 204:
                raise RuntimeError(f"session {number}: {checked.outcome}")
        begun = count
        measured[f"{count:,} sessions"] = _megabytes() - measured["at the start"]
    await app.client.close()
    store.close()
    return measured


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


def _megabytes() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    """Measure, and print it as JSON."""
    redis = RedisServer()
    try:
        print(json.dumps(asyncio.run(_run(load_settings(redis.url)))))
    finally:
        redis.end()


if __name__ == "__main__":
    main()
