"""Several processes that serve one site, and its visitors."""

import http.client
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

PROGRAM = Path(__file__).with_name("run_worker.py")
SECRETS = ("the first secret of the site", "the second secret of the site")
SITE = "127.0.0.1:5000"  # where browsers believe the site to be
PATIENCE = 30  # seconds for an answer on a busy machine


class Worker:
    """A process that serves the site on a port of its own.

    ``settings``: see `run_worker.py`. ``log``: the file that gets what it logs.
    """

    def __init__(self, log, **settings):
        self._log, self._settings, self.port = log, {"port": 0} | settings, 0
        self.start()

    def start(self, **changes):
        """Start it, on the port that it had."""
        self._settings |= {"port": self.port, **changes}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._process.stdin.write(json.dumps(self._settings) + "\n")
        self._process.stdin.flush()

    def wait(self):
        """Wait until it serves."""
        line = self._process.stdout.readline()
        assert line, self._log.read_text()
        self.port = int(line)

    def kill(self):
        """As ``kill -9``."""
        self._process.kill()
        self._end()

    def end(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._end()

    def _end(self):
        self._process.wait(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout):
            pipe.close()


class Visitor:
    """A browser that knows all workers as one site."""

    def __init__(self):
        self.cookies = {}

    def get(self, port, target):
        """The status, headers and body of an answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            headers = {"Host": SITE, "Accept": "application/json", "Cookie": cookie}
            if target != "/page":
                headers |= {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            body = response.read()
        for line in response.headers.get_all("Set-Cookie", ()):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, response.headers, body

    def log_in(self, port, pdb, person):
        """Log in; ``pdb``: the sandbox, ``person``: their login name."""
        _, headers, _ = self.get(port, "/login/peeringdb?next=/page")
        target = urlsplit(headers["Location"])
        at_sandbox = urlsplit(pdb.url)._replace(path=target.path, query=target.query)
        callback = urlsplit(pdb.log_in(person, at_sandbox.geturl()))
        status, headers, body = self.get(port, f"{callback.path}?{callback.query}")
        assert (status, headers["Location"]) == (302, "/page"), (status, body)
