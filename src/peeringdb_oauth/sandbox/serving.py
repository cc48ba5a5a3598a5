"""Serve a sandbox in this process. The process must not use Django for anything else.

This is the only file outside `sandbox.server` that imports it, and only when it is
needed, because Django may not be installed.
"""

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.options import Options, Started

if TYPE_CHECKING:
    from peeringdb_oauth.sandbox.server.startup import PreparedServer

_INSTALL = (
    'the sandbox needs more packages ({name} is missing): pip install "peeringdb-oauth[sandbox]"'
)


def serve(*, options: Options, ready: Callable[[Started], None]) -> None:
    """Serve a sandbox until the process is interrupted, for example with Ctrl-C.

    ``ready``: is called once, as soon as the sandbox accepts connections.

    Raises:
        ConfigurationError: the sandbox cannot start; every reason is named.
    """
    server = _prepare(options)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ready(server.started)
            server.serve()
    finally:
        server.close()


def serve_for_parent() -> int:
    """Serve a sandbox for the parent process, and return the exit status.

    The first line of standard input holds the options, as JSON. The answer on standard
    output is one line of JSON, too: what `Started` holds, or the problems. The process
    ends when standard input ends, so it also ends if the parent is killed.
    """
    options = Options.from_json(json.loads(sys.stdin.buffer.readline()))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # The parent must not take the output of a stray print for the answer.
    sys.stdout = sys.stderr
    try:
        server = _prepare(options)
    except ConfigurationError as error:
        answers.write(json.dumps({"problems": error.problems}) + "\n")
        answers.close()
        return 2
    threading.Thread(target=server.serve, daemon=True).start()
    answers.write(json.dumps(asdict(server.started)) + "\n")
    answers.close()
    sys.stdin.buffer.read()
    server.close()
    os._exit(0)  # do not wait for connections that are still open


def stop_on_signals() -> None:
    """Make `kill` and a closed terminal end this process as Ctrl-C does.

    The sandbox then removes its temporary files.
    """
    # Windows has no SIGHUP.
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        # nohup ignores SIGHUP, and it must stay ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise_keyboard_interrupt)


def _raise_keyboard_interrupt(number: int, _frame: object) -> None:
    # A shell may send a second hangup. It must not interrupt the clean-up.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _prepare(options: Options) -> "PreparedServer":
    try:
        from peeringdb_oauth.sandbox.server.startup import prepare_server  # noqa: PLC0415

        # Django imports the applications of its settings only in this call.
        return prepare_server(options)
    except ModuleNotFoundError as error:
        raise ConfigurationError(_INSTALL.format(name=error.name)) from error
