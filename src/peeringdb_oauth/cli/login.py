"""``peeringdb-oauth login`` and ``logout``: the login of a person at a terminal."""

import webbrowser
from urllib.parse import urlsplit

import click
from rich.console import Console

from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.cli.callback_server import Reply, callback_server
from peeringdb_oauth.cli.client_settings import LoadConfig, config_option
from peeringdb_oauth.cli.kept_login import TerminalLogin
from peeringdb_oauth.cli.output import json_option, plain_console, write_json
from peeringdb_oauth.cli.users import write_user
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import is_loopback
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidResponse,
    LoginDenied,
    PeeringDBOAuthError,
    StateMismatch,
)
from peeringdb_oauth.flows import Login

_PATIENCE = 600.0  # seconds, for which an authorization request is valid


@click.command()
@config_option
@click.option(
    "--paste",
    is_flag=True,
    help="Paste the address that the browser ends at. For a machine that no browser can reach.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address, and open no browser.")
@click.option("--prompt", is_flag=True, help="PeeringDB asks for the password in any case.")
@json_option
def login(
    *, load_config: LoadConfig, paste: bool, no_browser: bool, prompt: bool, as_json: bool
) -> None:
    """Log in with a browser, and keep the login in the keyring.

    PeeringDB sends the browser back to the redirect URI of the application. At
    https://localhost:8000/callback, for example, this command takes it: it makes a
    certificate, which the browser warns about once. Any other redirect URI needs
    --paste.
    """
    with Client(load_config()) as client:
        kept = TerminalLogin(client)
        kept.check()  # before the person has the work
        new = log_in(
            client,
            plain_console(stderr=True),
            paste=paste,
            opens=not no_browser,
            prompt="login" if prompt else None,
        )
        kept.keep(new)
    write_user(new.user, as_json=as_json)


def log_in(
    client: Client,
    console: Console,
    *,
    paste: bool = False,
    opens: bool = True,
    prompt: str | None = None,
) -> Login:
    """A login with a browser. The person sees on ``console`` what to do.

    ``paste``: the person pastes the address of the callback. ``opens``: whether to open
    a browser. ``prompt``: as for `Client.authorization_request`.

    Raises:
        ConfigurationError: this program cannot take the callback.
        PeeringDBOAuthError: as `Client.log_in`.
    """
    redirect_uri = client.config.redirect_uri
    if not (paste or is_loopback(urlsplit(redirect_uri).hostname or "")):
        raise ConfigurationError(
            f"this command cannot take callbacks at {redirect_uri}: add --paste, or set"
            " PEERINGDB_OAUTH_REDIRECT_URI to an address such as https://localhost:8000/callback,"
            " which is registered at PeeringDB"
        )
    request = client.authorization_request(prompt=prompt)
    if paste:
        return _ask_to_paste(client, request, console)
    return _wait_for_browser(client, request, console, opens=opens)


@click.command()
@config_option
@json_option
def logout(*, load_config: LoadConfig, as_json: bool) -> None:
    """Revoke the tokens of this terminal's login, and forget it."""
    with Client(load_config()) as client:
        was_logged_in = TerminalLogin(client).end()
    if as_json:
        write_json({"logged_out": was_logged_in})
    else:
        click.echo("Logged out." if was_logged_in else "Nobody was logged in.")


def _wait_for_browser(
    client: Client, request: AuthorizationRequest, console: Console, *, opens: bool
) -> Login:
    """The login that the browser brings to a server of this command."""
    outcome: list[Login | PeeringDBOAuthError] = []

    def take(callback: str) -> Reply:
        reply, result = _reply_to(client, request, callback)
        if result is not None:
            outcome.append(result)
        return reply

    with callback_server(request.redirect_uri, take) as ended:
        console.print(f"Log in with your browser:\n\n  {request.url}\n")
        if request.redirect_uri.startswith("https:"):
            console.print(
                f"At the end your browser warns about the certificate of {_origin(request)}. This"
                " command has just made it: let the browser continue."
            )
        if opens:
            webbrowser.open(request.url)
        console.print("Waiting. End with Ctrl-C; nothing has changed then.")
        ended.wait(_PATIENCE)
    if not outcome:
        raise LoginDenied(
            "nobody came back from PeeringDB within ten minutes. If it showed an error page,"
            f" somebody else is still logged in there: open {client.config.base_url}/logout, then"
            " start again. If it asked for a second factor to be set up, do that first"
        )
    if isinstance(outcome[0], PeeringDBOAuthError):
        raise outcome[0]
    return outcome[0]


def _reply_to(
    client: Client, request: AuthorizationRequest, callback: str
) -> tuple[Reply, Login | PeeringDBOAuthError | None]:
    """The page for the browser, and how the login has ended; None if it has not."""
    try:
        new = client.log_in(request, callback)
    except PeeringDBOAuthError as error:
        if _is_foreign(error):
            text = "This answer belongs to another login. Use the address in the terminal."
            return Reply(400, "This is another login", text, is_last=False), None
        return Reply(400, "You are not logged in", str(error), is_last=True), error
    title = f"You are logged in as {new.user.name or new.user.id}"
    return Reply(200, title, "Close this page and go back to the terminal.", is_last=True), new


def _is_foreign(error: PeeringDBOAuthError) -> bool:
    """Whether a callback belongs to another login: any page can send one here."""
    is_unreadable = isinstance(error, InvalidResponse) and error.check == "callback"
    return is_unreadable or isinstance(error, StateMismatch)


def _ask_to_paste(client: Client, request: AuthorizationRequest, console: Console) -> Login:
    """The login of the address that a person pastes."""
    console.print(f"Log in with a browser on any machine:\n\n  {request.url}\n")
    console.print(
        f"At the end the browser is at an address that begins with {request.redirect_uri}. It may"
        " say that it cannot open it. Copy the whole address within a minute."
    )
    while True:
        callback = click.prompt("Paste it here (it is not shown)", hide_input=True, err=True)
        try:
            return client.log_in(request, callback.strip())
        except InvalidResponse as error:  # perhaps a part of the address is missing
            console.print(f"This does not serve: {error}")


def _origin(request: AuthorizationRequest) -> str:
    parts = urlsplit(request.redirect_uri)
    return f"{parts.scheme}://{parts.netloc}"
