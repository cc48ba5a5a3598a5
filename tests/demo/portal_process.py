"""A portal in a process of its own, as people run one: Django's settings are for a
whole process, and so is the time.

Imported, `PortalProcess` starts one. Run, this is that process: it gets its
configuration, and then the time, on standard input.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


class PortalProcess:
    """A running portal, registered at a sandbox. ``url``: where it answers;
    ``members``: its database.

    ``settings`` replace those of `ClientConfig` that would work.
    """

    def __init__(self, framework, pdb, *, certificate=None, **settings):
        self.framework = framework
        command = [sys.executable, "-W", "error", __file__, framework, *(certificate or ())]
        self._process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._hear()}"
        application = pdb.register(
            f"{self.url}/login/peeringdb/callback",
            name="Example-IX peering portal",
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
        from exchange.members import Members  # noqa: PLC0415 - found since the examples are on the path

        self.database = self._hear()
        self.members = Members(self.database)

    def set_ahead(self, seconds):
        """Put the portal's clock ahead of the real one."""
        self._say(str(seconds))
        assert self._hear() == "done"

    def reset(self):
        """Everything as at first."""
        from exchange.example_members import LINKED_BY_HAND, MEMBERS  # noqa: PLC0415

        self.set_ahead(0)
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for table in ("member", "link", "peering_request"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - ours
        self.members.create(MEMBERS, linked_by_hand=LINKED_BY_HAND)

    def close(self):
        with self._process as process:
            process.stdin.close()
            process.wait(10)

    def _say(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _hear(self):
        line = self._process.stdout.readline().strip()
        assert line, f"the portal in {self.framework} has ended"
        return line


def main(framework, *certificate):
    ahead, real = 0.0, time.time
    time.time = lambda: real() + ahead  # before anything is imported that keeps it
    sys.path.insert(0, str(EXAMPLES))
    import socket  # noqa: PLC0415

    from portals import serving  # noqa: PLC0415

    from peeringdb_oauth import ClientConfig  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as listener:
        say(listener.getsockname()[1])
        config = ClientConfig(**json.loads(sys.stdin.readline()))
        with serving(framework, config, listener, certificate or None):
            say(os.environ["EXCHANGE_DATABASE"])
            for line in sys.stdin:
                ahead = float(line)
                say("done")


def say(line):
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
