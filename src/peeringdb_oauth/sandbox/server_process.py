"""The process that serves a sandbox: start it, wait until it is ready, stop it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.errors import SandboxError
from peeringdb_oauth.sandbox.options import Options, Started

_START_TIMEOUT = 30  # seconds
_STOP_TIMEOUT = 5  # seconds


class ServerProcess:
    """The process for a sandbox with these options.

    It ends when its standard input is closed. So it also ends if this process is
    killed.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._started: Started | None = None

    @property
    def started(self) -> Started:
        """What the running sandbox tells about itself.

        Raises:
            SandboxError: the sandbox is not running.
        """
        if self._started is None or self._process is None:
            raise SandboxError(
                "this sandbox is not running: use it in a with statement, or call start()"
            )
        return self._started

    def start(self) -> None:
        """Start the process, and wait until it is ready.

        Raises:
            ConfigurationError: the sandbox cannot run with these options.
            SandboxError: it is running already, or its process ended without an answer,
                or it was not ready after 30 seconds.
        """
        if self._process is not None:
            raise SandboxError("this sandbox is running already")
        self._process = _start_process()
        try:
            self._started = _wait_until_ready(self._process, self._options)
        except BaseException:
            self.close()
            raise

    def wait(self) -> None:
        """Wait until the process has ended."""
        if self._process is not None:
            self._process.wait()

    def close(self) -> None:
        """Stop the process. If it is not running, nothing happens."""
        process, self._process = self._process, None
        if process is None:
            return
        # Both streams are pipes, so they are not None.
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]  # see above
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]  # see above
        # The process removes this file, unless it was killed.
        if self._started and self._started.ca_file and not self._options.database:
            Path(self._started.ca_file).unlink(missing_ok=True)


def _start_process() -> subprocess.Popen[bytes]:
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


def _wait_until_ready(process: subprocess.Popen[bytes], options: Options) -> Started:
    """Send the options to the process and return its answer."""
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
