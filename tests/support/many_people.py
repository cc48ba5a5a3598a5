"""Many people at a sandbox, and their browsers.

The browsers are another process, see `run_browsers`. So what this process uses is what
the client uses.
"""

import itertools
import json
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from peeringdb_oauth import ClientConfig
from peeringdb_oauth.sandbox import Sandbox

PATIENCE = 300  # seconds until somebody gives up
REDIRECT_URI = "https://app.test/callback"
ASNS = (*range(64496, 64512), *range(65536, 65552))


class WrongLogin(AssertionError):
    """Somebody was given a login that is not theirs."""


@dataclass(frozen=True)
class Person:
    """Somebody at PeeringDB. No two have the same networks.

    ``networks``: ASN to perms.
    """

    number: int

    @property
    def login(self):
        return f"member-{self.number}"

    @property
    def networks(self):
        round_, at = divmod(self.number, len(ASNS))
        step, perms = divmod(round_, 14)
        return {ASNS[at]: 1 + perms, ASNS[(at + 1 + step) % len(ASNS)]: 15}

    def to_dict(self):
        """The person as a people file of the sandbox has them."""
        networks = [{"asn": asn, "perms": perms} for asn, perms in self.networks.items()]
        return {
            "login": self.login,
            "id": 1000 + self.number,
            "given_name": "Member",
            "family_name": str(self.number),
            "email": f"{self.login}@example.net",
            "networks": networks,
        }

    def check(self, request, callback, login):
        """Check that a login is of this person, and the answer to this request."""
        known, user = self.to_dict(), login.user
        got = {
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "networks": {network.asn: int(network.perms) for network in user.networks},
            "subject": login.claims.subject,
            "nonce": login.claims.nonce,
            "state": parse_qs(urlsplit(callback).query)["state"],
        }
        expected = {
            "id": known["id"],
            "name": f"Member {self.number}",
            "email": known["email"],
            "networks": self.networks,
            "subject": str(known["id"]),
            "nonce": request.nonce,
            "state": [request.state],
        }
        if got != expected:
            raise WrongLogin(f"expected {expected}, got {got}")


class Site:
    """A sandbox with many people, their browsers, and the settings of an application.

    ``directory``: for a file with the people.
    """

    def __init__(self, directory, *, people):
        self.people = [Person(number) for number in range(people)]
        self._file = Path(directory) / "people.json"
        networks = [
            {"id": at, "asn": asn, "name": f"Example Net AS{asn}"} for at, asn in enumerate(ASNS, 1)
        ]
        people = [person.to_dict() for person in self.people]
        self._file.write_text(json.dumps({"networks": networks, "people": people}))

    def __enter__(self):
        with ExitStack() as running:
            sandbox = running.enter_context(Sandbox(people=self._file, limits=False))
            self._browsers = running.enter_context(_Browsers(sandbox))
            application = sandbox.register(REDIRECT_URI)
            self._settings = {
                "client_id": application.client_id,
                "client_secret": application.client_secret,
                "redirect_uri": REDIRECT_URI,
                "base_url": f"https://127.0.0.1:{self._browsers.port}",
                "ca_file": sandbox.ca_file,
                "scope": ("openid", "profile", "email", "networks", "amr"),
                "requests_per_minute": None,
                "timeout": 60,  # for a place among those who ask PeeringDB
            }
            self._running = running.pop_all()
        return self

    def __exit__(self, *_):
        self._running.close()

    def config(self, **changes):
        return ClientConfig(**(self._settings | changes))

    def come_back(self, person, request):
        """A future with the callback URL to which PeeringDB sends a person."""
        return self._browsers.ask("come_back", login=person.login, url=request.url)

    def connections(self):
        """How many connections the application has opened, and had at a time."""
        return self._browsers.ask("count").result(PATIENCE)


class _Browsers:
    """The process of `run_browsers`."""

    def __init__(self, sandbox):
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("run_browsers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._numbers, self._futures, self._lock = itertools.count(), {}, threading.Lock()
        self._write({"url": sandbox.url, "ca_file": sandbox.ca_file})
        self.port = json.loads(self._process.stdout.readline())["port"]
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def ask(self, what, **arguments):
        number, future = next(self._numbers), Future()
        self._futures[number] = future
        self._write({"number": number, "what": what, "arguments": arguments})
        return future

    def _write(self, question):
        with self._lock:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()

    def _read(self):
        for line in self._process.stdout:
            answer = json.loads(line)
            future = self._futures.pop(answer["number"])
            if "error" in answer:
                future.set_exception(RuntimeError(answer["error"]))
            else:
                future.set_result(answer["result"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stdout.close()
