"""Start the sandbox inside this process: Django's settings, the database, keys, people,
the server. Once per process.
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
from django.apps import apps
from django.conf import settings
from django.core.signals import got_request_exception

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.options import Options, Started
from peeringdb_oauth.sandbox.people import load_people
from peeringdb_oauth.sandbox.server import clock
from peeringdb_oauth.sandbox.server.default_people import default_people
from peeringdb_oauth.sandbox.server.http_server import Server
from peeringdb_oauth.sandbox.server.in_memory import InMemory
from peeringdb_oauth.sandbox.server.settings import settings_for


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedServer:
    """A sandbox that listens, but does not serve yet."""

    server: Server
    started: Started
    temporary: bool
    """Whether the certificate file is ours to remove."""

    def serve(self) -> None:
        """Serve until stopped."""
        self.server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stop listening and clean up."""
        self.server.server_close()
        if self.temporary and self.started.ca_file:
            Path(self.started.ca_file).unlink(missing_ok=True)


def prepare_server(options: Options) -> PreparedServer:
    """A sandbox with these options, its port already bound. `ConfigurationError` says
    everything that cannot work.
    """
    if problems := options.problems():
        raise ConfigurationError(*problems)
    os.umask(0o077)  # the database has the keys in it
    people = load_people(options.people) if options.people else None
    logging.getLogger().addHandler(
        logging.NullHandler(),
    )  # else Python prints warnings that quote requests
    clock.install()
    memory = InMemory(options=options)
    settings.configure(**settings_for(options), SANDBOX=memory)
    django.setup()
    # Their modules need the settings.
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415

    from peeringdb_oauth.sandbox.server import keys, registration  # noqa: PLC0415
    from peeringdb_oauth.sandbox.server.models import Person  # noqa: PLC0415

    listening = _bind(options)
    _prepare_database(people)
    keys.load()
    registration.register_application(
        options.redirect_uris,
        client_id=registration.DEFAULT_CLIENT_ID,
        client_secret=registration.DEFAULT_CLIENT_SECRET,
        name="your application",
    )
    ca_file, temporary = _choose_ca_file(options)
    if ca_file:
        listening.ssl_context = keys.tls_context(
            (options.host, "localhost", *options.hosts), ca_file
        )
    if options.log:
        got_request_exception.connect(_print_where, weak=False)
    listening.set_app(memory.faults.wrap(WSGIHandler()))
    started = Started(
        url=listening.url,
        ca_file=ca_file,
        client_id=registration.DEFAULT_CLIENT_ID,
        client_secret=registration.DEFAULT_CLIENT_SECRET,
        control_token=memory.control_token,
        people={
            person.username: person.about or person.full_name.strip()
            for person in Person.objects.all()
        },
    )
    return PreparedServer(server=listening, started=started, temporary=temporary)


def _bind(options: Options) -> Server:
    """A server that has its port."""
    from peeringdb_oauth.sandbox.server.http_server import Server  # noqa: PLC0415 - as above

    try:
        return Server((options.host, options.port), log=options.log)
    except OSError as error:
        raise ConfigurationError(
            f"the sandbox cannot listen on {options.host} port {options.port}: {error.strerror}",
        ) from error


def _print_where(**_: Any) -> None:
    """Which error a page of status 500 stands for, without its message, which may quote
    a request.
    """
    error = sys.exception()
    if error is not None and error.__traceback__ is not None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        print(  # noqa: T201
            f"sandbox: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}",
            file=sys.stderr,
        )


def _prepare_database(people: Any) -> None:
    """The tables, if there are none. People come from the file; else from the database;
    else they are the default cast.
    """
    from django.db import DatabaseError, connection  # noqa: PLC0415

    from peeringdb_oauth.sandbox.server.edit_people import replace_all_people  # noqa: PLC0415

    try:
        fresh = not connection.introspection.table_names()
        if fresh:
            with connection.schema_editor() as editor:
                for model in apps.get_models():
                    editor.create_model(model)
    except DatabaseError as error:
        raise ConfigurationError(f"the database cannot be used: {error}") from error
    if people or fresh:
        replace_all_people(people or default_people())


def _choose_ca_file(options: Options) -> tuple[str | None, bool]:
    """Where the authority's certificate goes, and whether that is a temporary file."""
    if not options.tls:
        return None, False
    if options.database:
        beside = Path(f"{Path(options.database).absolute()}.ca.pem")
        # or a link there would have us overwrite what it points to
        beside.unlink(missing_ok=True)
        return str(beside), False
    handle, path = tempfile.mkstemp(prefix="peeringdb-sandbox-", suffix=".pem")
    os.close(handle)
    return path, True
