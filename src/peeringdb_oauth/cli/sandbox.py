"""``peeringdb-oauth sandbox``: run a local PeeringDB in the foreground."""

import shlex
from typing import TYPE_CHECKING

import click
from rich.console import Console

# Only this command needs the sandbox, so it is not imported at the start.
if TYPE_CHECKING:
    from peeringdb_oauth.sandbox import Options, Started


@click.command()
@click.option(
    "--port",
    type=int,
    metavar="PORT",
    default=0,
    help="Port on 127.0.0.1. By default a free one.",
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
def sandbox(
    *,
    port: int,
    tls: bool,
    people: str | None,
    strict: bool,
    no_limits: bool,
    database: str | None,
    redirect_uris: tuple[str, ...],
) -> None:
    """Run a local PeeringDB for development.

    It answers as PeeringDB does, but nobody needs an account: the login page shows
    people to choose from. The command prints the settings for your application. End it
    with Ctrl-C.

    \b
    Try:  peeringdb-oauth sandbox --port 8080
          peeringdb-oauth sandbox --redirect-uri http://127.0.0.1:3000/callback
    """  # noqa: D301 - click does not wrap a paragraph that begins with \b
    from peeringdb_oauth.sandbox import Options, serve  # noqa: PLC0415 - for this command only
    from peeringdb_oauth.sandbox.serving import stop_on_signals  # noqa: PLC0415

    options = Options(
        port=port,
        tls=tls,
        strict=strict,
        limits=not no_limits,
        people=people,
        database=database,
        redirect_uris=redirect_uris,
        log=True,
    )
    stop_on_signals()
    try:
        serve(options=options, ready=lambda started: _announce(options, started))
    except KeyboardInterrupt:  # before the sandbox was ready
        return


def _announce(options: "Options", started: "Started") -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print("PeeringDB sandbox ", started.url, sep="", style="bold")
    console.print("\nSettings for your application:\n")
    for name, value in _settings(options, started).items():
        console.print(f"  export PEERINGDB_OAUTH_{name}={shlex.quote(value)}", style="cyan")
    console.print("\nPeople to log in as:\n")
    width = max(map(len, started.people))
    for login, about in started.people.items():
        console.print(f"  {login:<{width}}  {about}")
    console.print(f"\n  Change people, register applications   {started.url}/sandbox/")
    console.print(f"  Switch faults on and off               {started.url}/sandbox/faults/")
    console.print("\nEnd the sandbox with Ctrl-C.\n")


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
