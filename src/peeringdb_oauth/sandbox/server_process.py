"""The beginning of a sandbox's process, seen from its parent: start it, tell it its
options, hear how it went.
"""

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.errors import SandboxError
from peeringdb_oauth.sandbox.options import Options, Started

_START_SECONDS = 30


def start_process() -> subprocess.Popen[bytes]:
    """The child. It gets its options through the pipe, whose end tells it to end; so it
    goes even if this process is killed.
    """
    environ = {
        key: value
        for key, value in os.environ.items()
        if key not in {"DJANGO_SETTINGS_MODULE", "PYTHONWARNINGS"}
    }
    # -P: a module in the working directory, which may be anybody's, is none of ours.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "peeringdb_oauth.sandbox", "--child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environ,
        start_new_session=True,  # Ctrl-C is for the parent, which then closes the pipe
    )


def wait_until_ready(process: subprocess.Popen[bytes], options: Options) -> Started:
    """Tell the child its options and wait for its answer."""
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        process.stdin.write(json.dumps(asdict(options)).encode() + b"\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        line = process.stdout.readline()  # type: ignore[union-attr]
    except BrokenPipeError:
        line = b""
    finally:
        watchdog.cancel()
    if not line:
        raise SandboxError("the sandbox did not start; its own words are on standard error")
    answer = json.loads(line)
    if "problems" in answer:
        raise ConfigurationError(*answer["problems"])
    return Started(**answer)
