"""``manage.py peeringdb_sessions``: who is logged in where, and how to end it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.integrations.django import sessions
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.web import SessionInfo

_LINE = "{:<18}{:<10}{:<22}{:<22}{:<30}{}"
_HEADING = ("SESSION", "USER", "LOGGED IN", "LAST SEEN", "RIGHTS READ", "ADDRESS")


class Command(BaseCommand):
    """The command."""

    help = "List and end the sessions of people who logged in with PeeringDB."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions and their options."""
        actions = parser.add_subparsers(dest="action", required=True)
        parsers = {
            "list": actions.add_parser("list", help="list the sessions"),
            "end": actions.add_parser("end", help="end sessions"),
            "purge": actions.add_parser(
                "purge", help="end the sessions that are over, and delete old ones"
            ),
        }
        parsers["end"].add_argument(
            "handles", nargs="*", metavar="SESSION", help="its name in the list"
        )
        for name, action in parsers.items():
            action.add_argument("--json", action="store_true", help="write JSON, for programs")
            if name != "purge":
                action.add_argument(
                    "--user", type=int, metavar="ID", help="a person, by their id at PeeringDB"
                )

    def handle(self, *_: Any, action: str, json: bool, **options: Any) -> None:
        """Do what the action says.

        Raises:
            CommandError: the arguments or the settings are wrong, or the store does not
                answer.
        """
        try:
            result, text = {"list": _list, "end": _end, "purge": _purge}[action](**options)
            application().client.finish_background()  # which revokes the tokens
        except PeeringDBOAuthError as error:
            raise CommandError(str(error)) from error
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(f"{error}; have you run manage.py migrate?") from error
        self.stdout.write(_to_json(result) if json else text)
        missing = result.get("unknown") if isinstance(result, dict) else None
        if missing:
            raise CommandError(f"There is no session {', '.join(missing)}.")


def _list(*, user: int | None, **_: Any) -> tuple[Any, str]:
    listed = application().sessions  # an error if there is no store
    people = _everybody() if user is None else [user]
    found = [info for person in people for info in listed.of(person)]
    lines = [_LINE.format(*_HEADING), *map(_line, found)]
    return [_fields(info) for info in found], "\n".join(
        lines if found else ["There are no sessions."]
    )


def _end(*, handles: list[str], user: int | None, **_: Any) -> tuple[dict[str, Any], str]:
    if bool(handles) == (user is not None):
        raise CommandError("Name either sessions or, with --user, a person.")
    unknown = [handle for handle in handles if not sessions.end(handle)]
    ended = len(handles) - len(unknown) if user is None else sessions.end_all(user)
    return {"ended": ended, "unknown": unknown}, f"Ended {_sessions(ended)}."


def _purge(**_: Any) -> tuple[dict[str, int], str]:
    purged = sessions.purge()
    return {"purged": purged}, f"Ended or deleted {_sessions(purged)}."


def _everybody() -> Iterator[int]:
    """The ids at PeeringDB of all people who have an account."""
    people: Iterable[int] = PeeringDBIdentity.objects.order_by("peeringdb_id").values_list(
        "peeringdb_id", flat=True
    )
    yield from people


def _line(info: SessionInfo) -> str:
    checked = f"{_time(info.checked_at)}{' (stale)' if info.stale else ''}"
    logged_in, last_seen = _time(info.logged_in_at), _time(info.last_seen_at)
    return _LINE.format(info.id, info.user.id, logged_in, last_seen, checked, info.address or "")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def _fields(info: SessionInfo) -> dict[str, Any]:
    return asdict(info) | {"user": {"id": info.user.id, "name": info.user.name}}


def _to_json(result: Any) -> str:
    return json.dumps(result, indent=2)
