"""Start the sandbox's server in this process: settings, database, keys, people, port.

This can be done once in a process, because Django is configured once in a process.
"""

import logging
import os
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.options import Options, Started
from peeringdb_oauth.sandbox.people import load_people
from peeringdb_oauth.sandbox.server import clock
from peeringdb_oauth.sandbox.server.http_server import Server
from peeringdb_oauth.sandbox.server.in_memory import InMemory
from peeringdb_oauth.sandbox.server.settings import settings_for


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedServer:
    """A server that has its port, but does not answer yet.

    ``started``: what to tell the user about it.
    ``remove_ca_file``: the certificate of the authority is in a temporary file, which
    `close` removes.
    """

    server: Server
    started: Started
    remove_ca_file: bool

    def serve(self) -> None:
        """Answer requests until the process ends."""
        self.server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Close the port and remove the temporary file."""
        self.server.server_close()
        if self.remove_ca_file and self.started.ca_file:
            Path(self.started.ca_file).unlink(missing_ok=True)


def prepare_server(options: Options) -> PreparedServer:
    """Prepare a server with these options and bind its port.

    Raises:
        ConfigurationError: an option, the people file, the database or the port cannot
            be used. All problems of the options, or of the people file, are named at
            once.
    """
    if problems := options.problems():
        raise ConfigurationError(*problems)
    people = load_people(options.people) if options.people else None
    memory = _configure_process(options)
    # These import Django models, which need the settings.
    from peeringdb_oauth.sandbox.server import database, keys, people_groups, registration  # noqa: PLC0415

    server = _bind_port(options)
    database.prepare_database(people)
    keys.load_keys()
    registration.register_default_application(options.redirect_uris)
    ca_file = _ca_file(options)
    if ca_file:
        server.ssl_context = keys.ssl_context((options.host, "localhost", *options.hosts), ca_file)
    server.set_app(memory.faults.wrap(WSGIHandler()))
    started = Started(
        url=server.url,
        ca_file=ca_file,
        client_id=registration.DEFAULT_CLIENT_ID,
        client_secret=registration.DEFAULT_CLIENT_SECRET,
        control_token=memory.control_token,
        people=database.describe_people(),
        rights=people_groups.rights_by_group(),
    )
    return PreparedServer(server=server, started=started, remove_ca_file=options.database is None)


def _configure_process(options: Options) -> InMemory:
    """Configure umask, logging, clock and Django for this process."""
    os.umask(0o077)  # the database holds the keys
    # Without a handler Python prints warnings, which quote requests.
    logging.getLogger().addHandler(logging.NullHandler())
    if options.log:
        got_request_exception.connect(_print_place_of_error, weak=False)
    clock.install()
    memory = InMemory(options=options)
    settings.configure(**settings_for(options), SANDBOX=memory)
    django.setup()
    return memory


def _bind_port(options: Options) -> Server:
    try:
        return Server((options.host, options.port), log=options.log)
    except OSError as error:
        raise ConfigurationError(
            f"the sandbox cannot listen on {options.host} port {options.port}: {error.strerror};"
            " choose another port"
        ) from error


def _ca_file(options: Options) -> str | None:
    """Where to write the certificate of the authority; None without TLS."""
    if not options.tls:
        return None
    if options.database:
        path = Path(f"{Path(options.database).absolute()}.ca.pem")
        # If this is a link, the server must not overwrite what the link points to.
        path.unlink(missing_ok=True)
        return str(path)
    handle, name = tempfile.mkstemp(prefix="peeringdb-sandbox-", suffix=".pem")
    os.close(handle)
    return name


def _print_place_of_error(**_: Any) -> None:
    """Print the type and the place of the error behind an answer of status 500.

    The error's message is left out, because it may quote a request.
    """
    error = sys.exception()
    if error is not None and error.__traceback__ is not None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        print(  # noqa: T201
            f"sandbox: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}",
            file=sys.stderr,
        )
