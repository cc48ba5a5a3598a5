"""``peeringdb-oauth init``: register an application, and write its settings."""

import secrets
import shlex
from pathlib import Path

import click
from rich.console import Console

from peeringdb_oauth.cli.files import write_private
from peeringdb_oauth.cli.output import plain_console
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError

_APPLICATIONS = "https://www.peeringdb.com/oauth2/applications/"
_EXISTS = "{} exists already: choose another --output, or add --overwrite"
# The fields of PeeringDB's form, as it names them.
_FORM = (
    ("Name", "What people read when PeeringDB asks them to agree, such as the name of your site."),
    ("Client id", "Leave it as it is. You need it below."),
    (
        "Client secret",
        "Leave it as it is, and copy it NOW. Once the form is saved, PeeringDB shows only a hash.",
    ),
    ("Client type", "Confidential: your site runs on a server, which can keep a secret."),
    ("Authorization grant type", "Authorization code."),
    ("Redirect uris", "{redirect_uri}"),
    ("Algorithm", "RSA with SHA-2 256. With another one ID tokens cannot be verified."),
)

_INI_KEYS = {
    "client_id": "oauth_client_key",
    "client_secret": "oauth_client_sec",
    "redirect_uri": "redirect_to",
}


@click.command()
@click.option(
    "--output",
    metavar="FILE",
    default=".env",
    show_default=True,
    help="The file to write. One that ends in .ini is for ClientConfig.load, others for a shell.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@click.option("--redirect-uri", metavar="URL", help="The URL of your application's callback.")
@click.option("--client-id", metavar="ID", help="The client id that PeeringDB's form shows.")
@click.option(
    "--client-secret-file",
    metavar="FILE",
    help="A file with the client secret. Without it the command asks.",
)
def init(
    *,
    output: str,
    overwrite: bool,
    redirect_uri: str | None,
    client_id: str | None,
    client_secret_file: str | None,
) -> None:
    """Register an application at PeeringDB, and write its settings.

    The command asks what it needs and explains each field of PeeringDB's form. It sends
    nothing anywhere.
    """
    if not overwrite and Path(output).exists():  # before the person has the work
        raise ConfigurationError(_EXISTS.format(output))
    given = {"client_secret": _read(client_secret_file)} if client_secret_file else {}
    _refuse_problems(given | {"client_id": client_id} if client_id else given)
    console = plain_console(stderr=True)
    settings = {"redirect_uri": redirect_uri or _ask_redirect_uri(console)}
    _refuse_problems(settings)
    if client_id is None or client_secret_file is None:
        _explain_form(console, settings["redirect_uri"])
    settings["client_id"] = client_id or _ask(console, "client_id", "Client id")
    settings["client_secret"] = given.get("client_secret") or _ask(
        console, "client_secret", "Client secret (it is not shown)", hidden=True
    )
    _refuse_problems(settings)
    write_private(output, _text(output, settings), overwrite=overwrite)
    _say_next(console, output)


def _problems(settings: dict[str, str]) -> list[str]:
    """What is wrong with the settings that are known so far."""
    known = {"redirect_uri": "https://portal.example.net/", "client_id": "id"} | settings
    try:
        ClientConfig(**known)  # type: ignore[arg-type]  # all of these are texts
    except ConfigurationError as error:
        return list(error.problems)
    return []


def _refuse_problems(settings: dict[str, str]) -> None:
    if problems := _problems(settings):
        raise ConfigurationError(*problems)


def _ask_redirect_uri(console: Console) -> str:
    console.print(
        "The redirect URI is the address of your site to which PeeringDB sends people back. It"
        " must begin with https://.\n"
        "  Flask, FastAPI, Django   https://portal.example.net/login/peeringdb/callback\n"
        "  the gateway              https://lg.example.net/_peeringdb/callback\n"
        "  the command line         https://localhost:8000/callback\n"
    )
    return _ask(console, "redirect_uri", "Redirect URI")


def _ask(console: Console, name: str, question: str, *, hidden: bool = False) -> str:
    """Ask until the answer serves as the setting ``name``."""
    while True:
        answer = str(click.prompt(question, hide_input=hidden, err=True)).strip()
        problems = _problems({name: answer})
        if not problems:
            return answer
        for problem in problems:
            console.print(f"  {problem}")


def _explain_form(console: Console, redirect_uri: str) -> None:
    console.print(f"Log in at {_APPLICATIONS}, register a new application, and fill in:\n")
    for field, text in _FORM:
        console.print(f"  {field}", style="bold")
        console.print(f"      {text.format(redirect_uri=redirect_uri)}")
    console.print()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        # The message leaves the path out: it may be the secret itself.
        raise ConfigurationError(f"--client-secret-file: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError("--client-secret-file: not text in UTF-8") from None


def _text(output: str, settings: dict[str, str]) -> str:
    """The file: ini, or variables of the environment with a key for the sessions."""
    if output.endswith(".ini"):
        lines = [f"{_INI_KEYS[name]} = {value}" for name, value in settings.items()]
        return "\n".join(["[peeringdb_oauth]", *lines, ""])
    variables = settings | {"secret_key": secrets.token_urlsafe(32)}
    return "".join(
        f"PEERINGDB_OAUTH_{name.upper()}={shlex.quote(value)}\n"
        for name, value in variables.items()
    )


def _say_next(console: Console, output: str) -> None:
    file = shlex.quote(output)
    console.print(f"\nWritten: {output}. Only you can read it. Do not put it into a repository.")
    if output.endswith(".ini"):
        console.print(f"To use it: export PEERINGDB_OAUTH_CONFIG={file}")
    else:
        source = file if "/" in file else f"./{file}"
        console.print(f"To use it: set -a; . {source}; set +a")
    console.print("Then see whether all is well: peeringdb-oauth doctor")
