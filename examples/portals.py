"""Runs each of the three portals on a server, for the demo and for tests.

A portal has its settings in the environment.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from peeringdb_oauth import ClientConfig

Certificate = tuple[str, str] | None  # for https: files with a certificate and its key


@contextmanager
def serving(
    framework: str, config: ClientConfig, listener: socket, certificate: Certificate = None
) -> Iterator[None]:
    """Run one of the portals until the end of the block.

    A process can run only one in FastAPI and one in Django, because they are set up
    when they are imported.
    """
    with (
        TemporaryDirectory(prefix="portal-") as directory,
        settings(config, Path(directory)),
        FRAMEWORKS[framework](listener, certificate),
    ):
        yield


@contextmanager
def settings(config: ClientConfig, directory: Path) -> Iterator[None]:
    """Set the environment of a portal, without settings for other applications."""
    ini = directory / "peeringdb_oauth.ini"
    with ini.open("w") as file:
        in_ini(config).write(file)
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("PEERINGDB_OAUTH_")]:
        del os.environ[name]
    os.environ |= {
        "PEERINGDB_OAUTH_CONFIG": str(ini),
        "SECRET_KEY": secrets.token_hex(),
        "EXCHANGE_DATABASE": str(directory / "exchange.sqlite3"),
        "DJANGO_SETTINGS_MODULE": "portal_django.settings",
        "PORTAL_DATABASE": str(directory / "portal.sqlite3"),
    }
    if "PORTAL_SESSIONS" in before:
        os.environ["PEERINGDB_OAUTH_SESSIONS"] = before["PORTAL_SESSIONS"]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def in_ini(config: ClientConfig) -> ConfigParser:
    """Return a configuration as the file that `ClientConfig.load` reads."""
    ini = ConfigParser(interpolation=None)
    ini["peeringdb_oauth"] = {
        "oauth_client_key": config.client_id,
        "oauth_client_sec": config.client_secret or "",
        "redirect_to": config.redirect_uri,
        "base_url": config.base_url,
        "allow_http": "yes" if config.allow_http else "no",
        "requests_per_minute": str(config.requests_per_minute or "none"),
    }
    return ini


@contextmanager
def flask(listener: socket, certificate: Certificate) -> Iterator[None]:
    """Run the portal in Flask on Flask's own server."""
    from portal import create_app  # noqa: PLC0415 - one framework at a time

    app = create_app()
    with app.extensions["peeringdb_oauth"].client, wsgi_server(app, listener, certificate):
        yield


def django(listener: socket, certificate: Certificate) -> AbstractContextManager[None]:
    """Run the portal in Django on the same server, because Django's has no TLS."""
    from django.core.management import call_command  # noqa: PLC0415
    from portal_django.wsgi import application  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    return wsgi_server(application, listener, certificate)


@contextmanager
def fastapi(listener: socket, certificate: Certificate) -> Iterator[None]:
    """Run the portal in FastAPI on uvicorn."""
    import uvicorn  # noqa: PLC0415
    from portal_fastapi import app  # noqa: PLC0415

    certfile, keyfile = certificate or (None, None)
    options: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "ws": "none",
        "timeout_graceful_shutdown": 1,
    }
    server = uvicorn.Server(
        uvicorn.Config(app, ssl_certfile=certfile, ssl_keyfile=keyfile, **options)
    )
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


FRAMEWORKS: dict[str, Callable[[socket, Certificate], AbstractContextManager[None]]] = {
    "flask": flask,
    "fastapi": fastapi,
    "django": django,
}


@contextmanager
def wsgi_server(app: Any, listener: socket, certificate: Certificate) -> Iterator[None]:
    """Run a WSGI application on Werkzeug's server."""
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415

    class Quiet(WSGIRequestHandler):
        """A handler without a log: Werkzeug's has the URLs of callbacks, with codes."""

        def log(self, *_: object) -> None:
            """Log nothing."""

    server = make_server(
        "127.0.0.1",
        0,
        app,
        threaded=True,
        request_handler=Quiet,
        ssl_context=certificate,
        fd=listener.fileno(),
    )
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
