"""The process of a `PortalProcess`: ``run_portal.py flask``.

It prints its port, reads its configuration as JSON, and prints the path of its
database. From then on it reads for each clock how many seconds it is ahead. It ends
with standard input.
"""
# ruff: noqa: E402 - the clocks are replaced before anything can keep the real ones

import time


class Clock:
    """A clock that can be put ahead."""

    def __init__(self, real):
        self.real = real
        self.ahead = 0.0

    def __call__(self):
        return self.real() + self.ahead


time.time, time.monotonic = CLOCKS = Clock(time.time), Clock(time.monotonic)

import json
import os
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from more_pages import add_pages
from portals import FRAMEWORKS, settings

from peeringdb_oauth import ClientConfig


def main(framework, *certificate):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        say(listener.getsockname()[1])
        config = ClientConfig(**json.loads(sys.stdin.readline()))
        with TemporaryDirectory(prefix="portal-") as directory, settings(config, Path(directory)):
            add_pages[framework]()  # imports the portal, which reads the settings
            serve(framework, listener, certificate or None)


def serve(framework, listener, certificate):
    with FRAMEWORKS[framework](listener, certificate):
        say(os.environ["EXCHANGE_DATABASE"])
        for line in sys.stdin:
            for clock, ahead in zip(CLOCKS, line.split(), strict=True):
                clock.ahead = float(ahead)
            say("done")


def say(line):
    print(line, flush=True)  # noqa: T201


main(*sys.argv[1:])
