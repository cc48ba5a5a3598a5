"""`serve`: the main process of the gateway.

It starts the workers, replaces one that fails, and passes a reload on to all of them.
"""

import gc
import logging
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from contextlib import ExitStack
from socket import socket
from tempfile import TemporaryDirectory
from typing import Any, cast

from peeringdb_oauth.errors import renamed
from peeringdb_oauth.gateway.granian_server import MOST_CONNECTIONS, make_server
from peeringdb_oauth.gateway.listening import claim, give_to
from peeringdb_oauth.gateway.operators import open_listener
from peeringdb_oauth.gateway.reloading import Reloader
from peeringdb_oauth.gateway.settings import Reloadable, Settings
from peeringdb_oauth.web import open_records

log = logging.getLogger("peeringdb_oauth")

_FILES = 500  # that a process has open, besides its connections


def serve(path: str | os.PathLike[str]) -> None:
    """Serve the gateway of a settings file until SIGTERM or SIGINT.

    Then it takes no more connections, and ends when the requests under way have been
    answered, at the latest after 30 seconds. SIGHUP reloads the settings.

    Raises:
        ConfigurationError: a setting is wrong, the directory of the store is missing,
            or the address is not free.
    """
    settings = Settings.load(path)
    with renamed(lambda problem: f"{settings.path}: {problem}"):
        # Settings may name a directory that is made later. Now it must be there.
        open_records(settings.sessions).close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised_limit(soft, hard), hard))
    os.umask(0o077)  # for a socket before it gets its mode, and for all other files
    claim("listen", settings.listen)
    if settings.metrics_listen is not None:
        claim("metrics_listen", settings.metrics_listen)
    # Another method would start a process that a SIGHUP ends.
    multiprocessing.set_start_method("fork", force=True)
    with ExitStack() as stack:
        if settings.workers > 1:
            # The package reads this variable when it is imported, which a worker does.
            directory = stack.enter_context(TemporaryDirectory(prefix="peeringdb-oauth-"))
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        Main(settings).run()


class Main:
    """The main process. It answers no requests.

    ``settings``: those that a worker begins with.
    """

    def __init__(self, settings: Settings) -> None:
        self._reloader = Reloader(settings, _tell_workers)
        self._operators: socket | None = None  # all workers take connections of it

    def run(self) -> None:
        """Serve until a signal ends it."""
        settings = self._reloader.settings
        server = make_server(
            settings.listen, workers=settings.workers, socket_mode=settings.socket_mode
        )
        server.on_startup(self._start)
        with open_listener(settings) as self._operators:
            server.serve(target_loader=self.load, wrap_loader=False)

    def load(self) -> Callable[..., Any]:
        """The application, in a worker that has just been started."""
        from peeringdb_oauth.gateway.service import Service  # noqa: PLC0415 - see `serve`

        # From here on a reload waits until the service can take it.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        service = Service(self._reloader.settings, operators=self._operators, level=logging.DEBUG)
        gc.collect()
        gc.freeze()  # or the collector would look at all modules again and again
        return service

    def _start(self) -> None:
        """What is left to do before the workers start."""
        settings = self._reloader.settings
        give_to(settings.listen, settings.socket_group)
        # Instead of granian's own: it would start new workers, and break connections.
        signal.signal(signal.SIGHUP, lambda *_: self._reloader.reload())
        log.info("the gateway listens at %s", settings.listen)


def _tell_workers(_: Reloadable) -> None:
    for worker in multiprocessing.active_children():
        os.kill(cast(int, worker.pid), signal.SIGHUP)


def raised_limit(soft: int, hard: int) -> int:
    """How many files a process is to have open at most, so that all connections fit.

    ``soft``, ``hard``: the limits now.
    """
    infinity = resource.RLIM_INFINITY
    wanted = MOST_CONNECTIONS + _FILES
    if soft == infinity or soft >= wanted:
        return soft
    return wanted if hard == infinity else min(wanted, hard)
