"""``peeringdb-oauth sandbox``: run a local PeeringDB in the foreground."""

import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from peeringdb_oauth.cli.files import write_private
from peeringdb_oauth.cli.output import json_option, plain_console, write_json
from peeringdb_oauth.errors import ConfigurationError

# Only this command needs the sandbox, so it is not imported at the start.
if TYPE_CHECKING:
    from peeringdb_oauth.sandbox import Options, Started


_PORT = 8642
_EXISTS = "{} exists already: choose another --env-file, or add --overwrite"


@click.command()
@click.option(
    "--port",
    type=int,
    metavar="PORT",
    help=f"Port on 127.0.0.1. By default {_PORT}, or a free one if that is taken.",
)
@click.option("--tls", is_flag=True, help="Use https, with a certificate made at the start.")
@click.option(
    "--people",
    metavar="FILE",
    help=(
        "JSON or TOML file with the people to log in as. Its format: python -m pydoc"
        " peeringdb_oauth.sandbox"
    ),
)
@click.option("--strict", is_flag=True, help="Refuse http redirect URIs, as PeeringDB does.")
@click.option(
    "--no-limits",
    is_flag=True,
    help="Switch off PeeringDB's rate limit and its memory of refusals.",
)
@click.option(
    "--database",
    metavar="FILE",
    help="SQLite file, to keep everything for the next start. By default nothing is kept.",
)
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    metavar="URI",
    help="The URL of your application's callback. Can be repeated.",
)
@click.option(
    "--env-file",
    metavar="FILE",
    help="Write the settings for your application to a new file, which only you can read.",
)
@click.option("--overwrite", is_flag=True, help="Let --env-file replace a file that exists.")
@json_option
def sandbox(
    *,
    port: int | None,
    tls: bool,
    people: str | None,
    strict: bool,
    no_limits: bool,
    database: str | None,
    redirect_uris: tuple[str, ...],
    env_file: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Run a local PeeringDB for development.

    It answers as PeeringDB does, but nobody needs an account: the login page shows
    people to choose from. The command prints the settings for your application. End it
    with Ctrl-C.

    \b
    Try:  peeringdb-oauth sandbox --env-file sandbox.env
          peeringdb-oauth sandbox --redirect-uri http://127.0.0.1:3000/callback
    """  # noqa: D301 - click does not wrap a paragraph that begins with \b
    from peeringdb_oauth.sandbox import Options, serve  # noqa: PLC0415 - for this command only
    from peeringdb_oauth.sandbox.serving import stop_on_signals  # noqa: PLC0415

    if env_file is not None and not overwrite and Path(env_file).exists():
        raise ConfigurationError(_EXISTS.format(env_file))
    is_taken = port is None and not _is_free(_PORT)
    options = Options(
        port=(0 if is_taken else _PORT) if port is None else port,
        tls=tls,
        strict=strict,
        limits=not no_limits,
        people=people,
        database=database,
        redirect_uris=redirect_uris,
        log=True,
    )

    starting = plain_console(stderr=True).status("Starting the local PeeringDB")

    def ready(started: "Started") -> None:
        starting.stop()
        settings = _settings(options, started)
        if env_file is not None:
            text = "".join(f"{line}\n" for line in _setting_lines(settings))
            write_private(env_file, text, overwrite=overwrite)
        if as_json:
            write_json({"url": started.url, "settings": settings, "people": started.people})
        else:
            _announce(started, settings, env_file, usual_port_is_taken=is_taken)

    stop_on_signals()
    try:
        with starting:
            serve(options=options, ready=ready)
    except KeyboardInterrupt:  # before the sandbox was ready
        return


def _is_free(port: int) -> bool:
    """Whether this machine has no server at this port."""
    with socket.socket() as probe:
        # The sandbox does so too: connections of the last one do not keep it from the
        # port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _announce(
    started: "Started", settings: dict[str, str], env_file: str | None, *, usual_port_is_taken: bool
) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print("PeeringDB sandbox ", started.url, sep="", style="bold")
    if usual_port_is_taken:
        console.print(f"Port {_PORT} is taken, so this is a free one.")
    console.print("\nSettings for your application:\n")
    for line in _setting_lines(settings):
        console.print(f"  export {line}", style="cyan")
    if env_file is not None:
        file = shlex.quote(env_file)
        source = file if "/" in file else f"./{file}"  # else sh looks for it in $PATH
        console.print(f"\nThey are in {env_file}, too. To use it: set -a; . {source}; set +a")
    _announce_people(started, console)
    console.print(f"\n  Change people, register applications   {started.url}/sandbox/")
    console.print(f"  Switch faults on and off               {started.url}/sandbox/faults/")
    console.print("\nEnd the sandbox with Ctrl-C.\n")


def _announce_people(started: "Started", console: Console) -> None:
    console.print("\nPeople to log in as:")
    width = max(map(len, started.people))
    for group, people in started.rights.items():
        console.print(f"\n  {group}", style="bold")
        for login, rights in people.items():
            console.print(f"  {login:<{width}}  {started.people[login]}")
            console.print(f"  {'':<{width}}  {rights}", style="dim")


def _setting_lines(settings: dict[str, str]) -> list[str]:
    return [f"PEERINGDB_OAUTH_{name}={shlex.quote(value)}" for name, value in settings.items()]


def _settings(options: "Options", started: "Started") -> dict[str, str]:
    """The variables that `ClientConfig.load` reads, without their prefix."""
    redirect_uri = options.redirect_uris[0]
    settings = {
        "BASE_URL": started.url,
        "CLIENT_ID": started.client_id,
        "CLIENT_SECRET": started.client_secret,
        "REDIRECT_URI": redirect_uri,
    }
    if started.ca_file:
        settings["CA_FILE"] = started.ca_file
    if not (started.ca_file and redirect_uri.startswith("https:")):
        settings["ALLOW_HTTP"] = "yes"
    return settings
