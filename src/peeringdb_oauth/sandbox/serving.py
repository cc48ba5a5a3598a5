"""Serve a sandbox in this very process, which must not use Django for anything else."""

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
    """Serve until interrupted (Ctrl-C); `ready` is called once, when it answers.
    `ConfigurationError` says everything that cannot work.
    """
    server = _prepare(options)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ready(server.started)
            server.serve()
    finally:
        server.close()


def stop_on_signals() -> None:
    """Let `kill` and a closed terminal end this process as Ctrl-C does: everything is
    cleaned up.
    """
    for number in (
        signal.SIGTERM,
        getattr(signal, "SIGHUP", signal.SIGTERM),
    ):  # Windows has no SIGHUP
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup asks for that
            signal.signal(number, _raise_keyboard_interrupt)


def _raise_keyboard_interrupt(number: int, _frame: object) -> None:
    signal.signal(
        number,
        signal.SIG_IGN,
    )  # shells pass a hangup on: the second must not interrupt the cleaning up
    raise KeyboardInterrupt


def serve_for_parent() -> int:
    """The process behind `Sandbox`: options come as one JSON line on standard input,
    whose end is the end of this process.
    """
    options = Options.from_json(json.loads(sys.stdin.buffer.readline()))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr  # a stray print must not be taken for an answer
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
    os._exit(0)  # without waiting for connections that are still open


def _prepare(options: Options) -> "PreparedServer":
    try:
        from peeringdb_oauth.sandbox.server.startup import prepare_server  # noqa: PLC0415 - Django comes in here

        return prepare_server(options)  # and the applications that its settings name
    except ModuleNotFoundError as error:
        raise ConfigurationError(_INSTALL.format(name=error.name)) from error
