"""All that the gateway knows of granian, its server."""

from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import MPServer

from peeringdb_oauth.gateway.addresses import Listen
from peeringdb_oauth.gateway.listening import where

# Connections that one process has at most, and those that wait for it meanwhile. An
# unused one takes 15 KB.
MOST_CONNECTIONS = 10_000
BACKLOG = 4096
# Bytes of headers that granian reads. It ends the connection if there are more, and a
# proxy that is still sending sees no answer then. `RequestHeaders` takes fewer.
_READ_HEADERS = 131_072
# Seconds for the headers of a request, and until the next request on a connection. Most
# proxies end an unused connection before, so a request never meets one that is ending.
_HEADERS_WITHIN = 75
END_WITHIN = 30  # seconds that the requests under way may take when the gateway ends

_HANDLER = {
    "class": "logging.StreamHandler",
    "formatter": "generic",
    "stream": "ext://sys.stderr",  # the audit log may be on standard output
}
_LOGGER = {"handlers": ["console"], "level": "INFO", "propagate": False}
_LOG = {"handlers": {"console": _HANDLER}, "loggers": {"_granian": _LOGGER}}
_COMMON: dict[str, Any] = {
    "http": HTTPModes.http1,
    "http1_settings": HTTP1Settings(
        header_read_timeout=_HEADERS_WITHIN * 1000, max_buffer_size=_READ_HEADERS
    ),
    "websockets": False,
    "log_level": "warning",
}


def make_server(listen: Listen, *, workers: int, socket_mode: int) -> MPServer:
    """The server with its worker processes, which replaces one that fails.

    ``listen``: where it listens. ``socket_mode``: of a Unix socket's file.
    """
    return MPServer(
        "peeringdb_oauth.gateway",
        **where(listen, mode=socket_mode),
        **_COMMON,
        # granian changes the level of its own logger in place.
        log_dictconfig=_LOG
        | {"loggers": {"_granian": dict(_LOGGER), "peeringdb_oauth": dict(_LOGGER)}},
        interface=Interfaces.ASGI,
        workers=workers,
        backlog=BACKLOG,
        backpressure=MOST_CONNECTIONS,
        respawn_failed_workers=True,
        workers_kill_timeout=END_WITHIN,
    )
