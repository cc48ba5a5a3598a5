"""``peeringdb-oauth token``: what an ID token says, and whether it is good."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from peeringdb_oauth.cli import NO
from peeringdb_oauth.cli.client_settings import LoadConfig, config_option
from peeringdb_oauth.cli.output import clean, json_option, plain_console, write_json
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import ConfigurationError, InvalidIDToken
from peeringdb_oauth.key_set import decode_base64url
from peeringdb_oauth.messages import parse_json

_TIMES = ("iat", "exp", "auth_time")


@click.command()
@click.option(
    "--file",
    "path",
    metavar="FILE",
    help='A file with the ID token; "-" for standard input. Without it the command asks.',
)
@config_option
@json_option
def token(*, path: str | None, load_config: LoadConfig, as_json: bool) -> None:
    """Show what an ID token says, and verify it.

    A good one was issued by PeeringDB to this application. The command asks for the
    token, or reads it from a file: an argument would stay in the history of the shell.
    The exit status is 1 if a check fails.
    """
    given = None if path is None else _read(path)
    with Client(load_config()) as client:
        text = _ask() if given is None else given
        try:
            client.verify_id_token(text)
            failure = None
        except InvalidIDToken as error:
            failure = error
    claims = _claims(text)
    if as_json:
        check = None if failure is None else {"check": failure.check, "text": str(failure)}
        write_json({"valid": failure is None, "failed": check, "claims": claims})
    else:
        _write(claims, failure)
    if failure is not None:
        raise SystemExit(NO)


def _ask() -> str:
    return str(click.prompt("ID token (it is not shown)", hide_input=True, err=True)).strip()


def _read(path: str) -> str:
    if path == "-":
        return sys.stdin.read().strip()
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"--file: {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"--file: {path} is not text in UTF-8") from None


def _claims(text: str) -> Any:
    """What a token says, true or not; None if it cannot be read."""
    try:
        return parse_json(decode_base64url(text.encode("ascii").split(b".")[1]))
    except (ValueError, IndexError):
        return None


def _write(claims: Any, failure: InvalidIDToken | None) -> None:
    console = plain_console()
    if isinstance(claims, dict):
        for name, value in claims.items():
            console.print(f"  {clean(name)}: {clean(_text(name, value))}")
        console.print()
    if failure is None:
        console.print("The ID token is valid: PeeringDB issued it to this application.")
    else:
        console.print(f"The ID token is NOT valid. Check {failure.check}: {failure}")


def _text(name: str, value: Any) -> str:
    if name in _TIMES and isinstance(value, int):
        try:
            return f"{value} ({datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC)"
        except (OverflowError, OSError, ValueError):
            return str(value)
    return str(value)
