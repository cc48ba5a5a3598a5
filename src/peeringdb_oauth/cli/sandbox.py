"""``peeringdb-oauth sandbox``: a PeeringDB of one's own in the foreground."""

import shlex
from typing import TYPE_CHECKING

import click
from rich.console import Console

if TYPE_CHECKING:
    from peeringdb_oauth.sandbox import Options, Started


@click.command()
@click.option(
    "--port",
    type=int,
    metavar="PORT",
    default=0,
    help="Port on 127.0.0.1; without it, a free one.",
)
@click.option("--tls", is_flag=True, help="Speak https, with a certificate made on the spot.")
@click.option(
    "--people",
    metavar="FILE",
    help=(
        "JSON or TOML file with the people to log in as. Format: python -m pydoc"
        " peeringdb_oauth.sandbox"
    ),
)
@click.option("--strict", is_flag=True, help="Refuse http redirect URIs, as PeeringDB does.")
@click.option(
    "--no-limits",
    is_flag=True,
    help="Forget PeeringDB's rate limits and its memory for refusals.",
)
@click.option(
    "--database",
    metavar="FILE",
    help="SQLite file that survives a restart; without it, nothing does.",
)
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    metavar="URI",
    help="Where your application takes callbacks; repeatable.",
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
    """Run a PeeringDB of your own on this machine.

    It behaves as the real one does, and has people to click on instead of accounts. It
    prints the settings for your application, and ends with Ctrl-C.

    \b
    Try:  peeringdb-oauth sandbox --port 8080
          peeringdb-oauth sandbox --redirect-uri http://127.0.0.1:3000/callback
    """  # noqa: D301 - \b is click's sign for lines to leave alone
    from peeringdb_oauth.sandbox import Options, serve  # noqa: PLC0415 - only this command needs it
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
    except KeyboardInterrupt:  # before it served
        return


def _announce(options: "Options", started: "Started") -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print("PeeringDB sandbox ", started.url, sep="", style="bold")
    console.print("\nSettings for your application:\n")
    for name, value in _settings(options, started).items():
        console.print(f"  export PEERINGDB_OAUTH_{name}={shlex.quote(value)}", style="cyan")
    console.print("\nTo try:\n")
    width = max(map(len, started.people))
    for login, about in started.people.items():
        console.print(f"  {login:<{width}}  {about}")
    console.print(f"\n  Change people, register applications   {started.url}/sandbox/")
    console.print(f"  Let it fail                            {started.url}/sandbox/faults/")
    console.print("\nCtrl-C ends it.\n")


def _settings(options: "Options", started: "Started") -> dict[str, str]:
    """The environment that `ClientConfig.load` reads, so that it can be pasted."""
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
