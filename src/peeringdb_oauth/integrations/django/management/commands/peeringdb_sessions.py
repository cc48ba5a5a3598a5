"""``manage.py peeringdb_sessions``: who is logged in where, and how to end it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.integrations.django import sessions
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.web import SessionInfo

_LINE = "{:<18}{:<10}{:<22}{:<22}{:<30}{}"
_HEADING = ("SESSION", "USER", "LOGGED IN", "LAST SEEN", "CHECKED", "ADDRESS")


class Command(BaseCommand):
    """The command."""

    help = "Lists and ends sessions of people who logged in with PeeringDB."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions and their options."""
        actions = parser.add_subparsers(dest="action", required=True)
        parsers = {
            "list": actions.add_parser("list", help="show the sessions"),
            "end": actions.add_parser("end", help="end sessions"),
            "purge": actions.add_parser("purge", help="end and delete what is over"),
        }
        parsers["end"].add_argument("handles", nargs="*", metavar="SESSION", help="as list shows")
        for name, action in parsers.items():
            action.add_argument("--json", action="store_true", help="print JSON")
            if name != "purge":
                action.add_argument(
                    "--user", type=int, metavar="ID", help="all of the person with this id"
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
        self.stdout.write(_to_json(result) if json else text)
        missing = result.get("unknown") if isinstance(result, dict) else None
        if missing:
            raise CommandError(f"there is no such session: {', '.join(missing)}")


def _list(*, user: int | None, **_: Any) -> tuple[Any, str]:
    people = _everybody() if user is None else [user]
    found = [info for person in people for info in sessions.of(person)]
    lines = [_LINE.format(*_HEADING), *map(_line, found)]
    return [_fields(info) for info in found], "\n".join(lines if found else ["no sessions"])


def _end(*, handles: list[str], user: int | None, **_: Any) -> tuple[dict[str, Any], str]:
    if bool(handles) == (user is not None):
        raise CommandError("name sessions, or a person with --user")
    unknown = [handle for handle in handles if not sessions.end(handle)]
    ended = len(handles) - len(unknown) if user is None else sessions.end_all(user)
    return {"ended": ended, "unknown": unknown}, f"ended: {ended}"


def _purge(**_: Any) -> tuple[dict[str, int], str]:
    purged = sessions.purge()
    return {"purged": purged}, f"purged: {purged}"


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


def _fields(info: SessionInfo) -> dict[str, Any]:
    return asdict(info) | {"user": {"id": info.user.id, "name": info.user.name}}


def _to_json(result: Any) -> str:
    return json.dumps(result, indent=2)
