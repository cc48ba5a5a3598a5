"""Starts a portal of the examples in a process of its own.

Django's settings hold for a whole process, and so does the clock.
"""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from exchange.example_members import LINKED_BY_HAND, MEMBERS
from exchange.members import Members

PROGRAM = Path(__file__).with_name("run_portal.py")


class PortalProcess:
    """A running portal, which is registered at a sandbox.

    ``url``: its address. ``members``: its database. ``certificate``: for https, the
    files with a certificate and its key. ``settings``: other fields of `ClientConfig`
    than those that work.
    """

    def __init__(self, framework, pdb, *, certificate=None, **settings):
        self.framework = framework
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", PROGRAM, framework, *(certificate or ())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._hear()}"
        application = pdb.register(
            f"{self.url}/login/peeringdb/callback", name="Example-IX peering portal"
        )
        works = {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "redirect_uri": application.redirect_uris[0],
            "base_url": pdb.url,
            "allow_http": True,
            "requests_per_minute": None,
        }
        self._say(json.dumps(works | settings))
        self._ahead = self._passed = 0  # seconds: of the clock, of the monotonic clock
        self.database = self._hear()
        self.members = Members(self.database)

    def advance(self, seconds):
        """Let time pass at the portal."""
        self._ahead += seconds
        self._passed += seconds
        self._set_clocks()

    def reset(self):
        """Restore the clock and the database, and let all waiting times pass."""
        self._ahead = 0
        self._passed += 3600
        self._set_clocks()
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            for table in ("member", "link", "peering_request"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables
        self.members.create(MEMBERS, linked_by_hand=LINKED_BY_HAND)

    def close(self):
        with self._process as process:
            process.stdin.close()
            process.wait(10)

    def _set_clocks(self):
        self._say(f"{self._ahead} {self._passed}")
        assert self._hear() == "done"

    def _say(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _hear(self):
        line = self._process.stdout.readline().strip()
        assert line, f"the portal in {self.framework} has ended"
        return line
