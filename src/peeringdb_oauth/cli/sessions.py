"""``peeringdb-oauth sessions``: list and end the sessions of a site."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from peeringdb_oauth.cli.output import clean, json_option, write_json
from peeringdb_oauth.errors import ConfigurationError

# Only these commands need the store's packages, so they are not imported at the start.
if TYPE_CHECKING:
    from peeringdb_oauth.web import SessionInfo, SessionStore

_KEY = "PEERINGDB_OAUTH_SECRET_KEY"

_user = click.option("--user", type=int, metavar="ID", help="A person, by their id at PeeringDB.")


@click.group()
@click.option(
    "--sessions",
    envvar="PEERINGDB_OAUTH_SESSIONS",
    metavar="URL",
    help="The store of the sessions. By default $PEERINGDB_OAUTH_SESSIONS.",
)
@click.option(
    "--secret-key-file",
    envvar=f"{_KEY}_FILE",
    metavar="FILE",
    help=f"A file with the site's secret keys, one a line. By default ${_KEY}_FILE or ${_KEY}.",
)
@click.pass_context
def sessions(context: click.Context, sessions: str | None, secret_key_file: str | None) -> None:
    """List and end the sessions that a site keeps in a store.

    The site itself tells its listeners that a session was ended, and revokes its
    tokens, within about a minute.
    """
    context.obj = lambda: _open(sessions, secret_key_file)


@sessions.command("list")
@_user
@json_option
@click.pass_obj
def list_sessions(
    open_store: "Callable[[], SessionStore]", *, user: int | None, as_json: bool
) -> None:
    """List the sessions of one person, or of all."""
    with open_store() as store:
        found = store.all() if user is None else store.of(user)
    if as_json:
        write_json([_as_json(session) for session in found])
    elif not found:
        click.echo("There are no sessions that this secret key can read.")
    else:
        _write_table(found)


@sessions.command()
@click.argument("handles", nargs=-1, metavar="[HANDLE]...")
@_user
@json_option
@click.pass_obj
def end(
    open_store: "Callable[[], SessionStore]",
    *,
    handles: tuple[str, ...],
    user: int | None,
    as_json: bool,
) -> None:
    """End sessions by the names that `list` shows, or all of one person.

    The exit status is 1 if one of the names is unknown.
    """
    if bool(handles) == (user is not None):
        raise ConfigurationError("name either sessions or, with --user, a person")
    with open_store() as store:
        ended = [store.end(handle) for handle in handles]
        count = store.end_all(user) if user is not None else sum(ended)
    if as_json:
        write_json({"ended": count})
    else:
        click.echo(f"Ended {_sessions(count)}.")
    if not all(ended):
        unknown = [handle for handle, was in zip(handles, ended, strict=True) if not was]
        click.echo(f"There is no session {', '.join(unknown)}.", err=True)
        raise SystemExit(1)


@sessions.command()
@json_option
@click.pass_obj
def purge(open_store: "Callable[[], SessionStore]", *, as_json: bool) -> None:
    """Delete the records of sessions that ended long ago.

    The site does so by itself while somebody uses it.
    """
    with open_store() as store:
        count = store.purge()
    if as_json:
        write_json({"deleted": count})
    else:
        click.echo(f"Deleted {_sessions(count)}.")


def _open(url: str | None, key_file: str | None) -> "SessionStore":
    from peeringdb_oauth.web import open_session_store  # noqa: PLC0415

    problems = list(_store_problems(url))
    try:
        secrets = _read_keys(key_file)
    except ConfigurationError as error:
        raise ConfigurationError(*error.problems, *problems) from None
    if problems or url is None:
        raise ConfigurationError(*problems)
    return open_session_store(url, secrets=secrets)


def _store_problems(url: str | None) -> Iterator[str]:
    if not url:
        yield (
            "--sessions: missing; give the URL that the site has as its setting sessions, before"
            " the subcommand (peeringdb-oauth sessions --sessions URL list), or set"
            " PEERINGDB_OAUTH_SESSIONS"
        )
        return
    scheme, _, file = url.partition(":///")
    # A mistyped path would become an empty store.
    if scheme == "sqlite" and not Path(file).exists():
        yield f"--sessions: there is no file {Path(file).absolute()}"


def _read_keys(file: str | None) -> tuple[str, ...]:
    from peeringdb_oauth.web import read_key_file  # noqa: PLC0415

    if file is None:
        key = os.environ.get(_KEY)
        if not key:
            raise ConfigurationError(
                f"--secret-key-file: missing; name a file with the site's secret key, or set {_KEY}"
            )
        return (key,)
    return read_key_file(file, "--secret-key-file")


def _as_json(session: "SessionInfo") -> dict[str, Any]:
    return {
        "id": session.id,
        "user": {"id": session.user.id, "name": session.user.name, "asns": session.user.asns},
        "logged_in_at": session.logged_in_at,
        "last_seen_at": session.last_seen_at,
        "checked_at": session.checked_at,
        "stale": session.stale,
        "expires_at": session.expires_at,
        "address": session.address,
    }


def _write_table(found: "list[SessionInfo]") -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("Session", "User", "Name", "Logged in", "Last seen", "Rights read", "Address"):
        # A session's name is there to be copied.
        table.add_column(title, overflow="fold", no_wrap=title == "Session")
    for session in found:
        table.add_row(
            session.id,
            str(session.user.id),
            clean(session.user.name),
            _time(session.logged_in_at),
            _time(session.last_seen_at),
            _time(session.checked_at) + (" (stale)" if session.stale else ""),
            clean(session.address or ""),
        )
    # Names are not ours: they may have anything that Rich reads as markup.
    Console(soft_wrap=not os.isatty(1), markup=False, emoji=False).print(table)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
