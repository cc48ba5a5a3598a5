"""The process of a `PortalProcess`: ``run_portal.py flask``.

It prints its port, reads its configuration as JSON, and prints the path of its
database. From then on each line it reads is the seconds that its clock is ahead. It
ends with standard input.
"""
# ruff: noqa: E402 - the clock is replaced before anything can keep the real one

import time

ahead, real = 0.0, time.time
time.time = lambda: real() + ahead

import json
import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from portals import serving

from peeringdb_oauth import ClientConfig


def main(framework, *certificate):
    global ahead  # noqa: PLW0603 - the clock reads it
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


main(*sys.argv[1:])
