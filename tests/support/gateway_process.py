"""A gateway in a process of its own, and what a proxy asks it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

COMMAND = """
import sys
from peeringdb_oauth.gateway import granian_server
from peeringdb_oauth.gateway.serving import serve

granian_server.END_WITHIN = 3
serve(sys.argv[1])
"""
PATIENCE = 30  # seconds
PERSON = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class GatewayProcess:
    """The running gateway.

    ``path``: of its settings. ``where``: a port of this machine, or the path of a
    socket. ``log``: a file for what it says.
    """

    def __init__(self, path, where, *, environment=None):
        self.where = where
        self.log = Path(path).with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, path],
                stdout=log,
                stderr=log,
                env=os.environ | (environment or {}),
                start_new_session=True,
            )
        self.wait()

    def wait(self):
        """Wait until it answers."""
        await_server(self.where, self.process, self.log)

    @property
    def workers(self):
        """The ids of the worker processes."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in found.stdout.split()]

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def kill(self):
        """Kill it and its workers, as a machine that fails."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def end(self):
        """End it; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE + 30)


def connect(where):
    """A connection. ``where``: a port of this machine, or the path of a socket."""
    if isinstance(where, int):
        return socket.create_connection(("127.0.0.1", where), PATIENCE)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(str(where))
    except OSError:
        connection.close()
        raise
    return connection


def await_server(where, process, log):
    """Wait until a process that was just started takes connections."""
    give_up_at = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up_at
        try:
            connect(where).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


class Proxy:
    """A proxy that passes on what one person asks, on one connection.

    ``url``: where the person is. ``cookies``: of their browser.
    """

    def __init__(self, where, url, cookies=None):
        self._where = where
        self._connection = None
        parts = urlsplit(url)
        self.url = url
        self.cookies = {} if cookies is None else cookies
        self._site = {"X-Forwarded-Proto": parts.scheme, "X-Forwarded-Host": parts.netloc}

    def check(self, target, method="GET"):
        """The status of a check."""
        return self.ask("/_peeringdb/check", target, method).status

    def headers(self, target, method="GET"):
        """What it sends to the gateway with a request of the person."""
        headers = PERSON | self._site
        headers |= {"X-Forwarded-Method": method, "X-Forwarded-Uri": target}
        headers |= {"X-Forwarded-For": "192.0.2.7"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        return headers

    def ask(self, path, target=None, method="GET"):
        """The answer to a request. Its body was read."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", timeout=PATIENCE)
            self._connection.sock = connect(self._where)
        headers = self.headers(target or path, method)
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        answer.text = answer.read().decode()
        for header in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return answer

    def log_in(self, sandbox, person):
        """Log somebody in."""
        started = self.ask("/_peeringdb/login?next=/")
        assert started.status == 302, started.text
        callback = sandbox.log_in(person, started.headers["Location"])
        assert self.ask(callback.removeprefix(self.url)).status == 302

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None
