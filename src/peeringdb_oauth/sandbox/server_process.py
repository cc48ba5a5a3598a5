"""Start the process that serves a sandbox, and wait until it is ready."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.errors import SandboxError
from peeringdb_oauth.sandbox.options import Options, Started

_START_TIMEOUT = 30  # seconds


def start_process() -> subprocess.Popen[bytes]:
    """Start the process. It ends when its standard input is closed.

    So it also ends if this process is killed.
    """
    environ = {
        key: value
        for key, value in os.environ.items()
        if key not in {"DJANGO_SETTINGS_MODULE", "PYTHONWARNINGS"}
    }
    # -P: do not import modules from the working directory, which may be anything.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "peeringdb_oauth.sandbox", "--child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environ,
        # Ctrl-C must reach this process only, which then closes the pipe.
        start_new_session=True,
    )


def wait_until_ready(process: subprocess.Popen[bytes], options: Options) -> Started:
    """Send the options to the process and return its answer.

    Raises:
        ConfigurationError: the sandbox cannot run with these options.
        SandboxError: the process ended without an answer, or took more than 30 seconds.
    """
    watchdog = threading.Timer(_START_TIMEOUT, process.kill)
    watchdog.start()
    try:
        # Both streams are pipes, so they are not None.
        process.stdin.write(json.dumps(asdict(options)).encode() + b"\n")  # type: ignore[union-attr]  # see above
        process.stdin.flush()  # type: ignore[union-attr]  # see above
        line = process.stdout.readline()  # type: ignore[union-attr]  # see above
    except BrokenPipeError:
        line = b""
    finally:
        watchdog.cancel()
    if not line:
        raise SandboxError("the sandbox did not start; see standard error for the reason")
    answer = json.loads(line)
    if "problems" in answer:
        raise ConfigurationError(*answer["problems"])
    return Started(**answer)
