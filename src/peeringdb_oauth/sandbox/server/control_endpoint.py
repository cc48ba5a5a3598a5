"""The JSON control endpoint: POST /sandbox/api/<command>, header X-Sandbox-Token, the
command's arguments as a JSON object.

Answers 200 with a JSON object, 400 with ``{"error": sentence}``, 403 without the right
token. The commands:

=============  =========================================================================
register       redirect_uris, client_id, client_secret, confidential, algorithm,
               hash_client_secret, name
person         name of a new person; email, and anything that ``change`` takes; answers
               with login, id, name, email
change         person; any of networks ({ASN: perms}), manage_peering_sessions (bits or
               {ASN: bits}), verified_user, verified_email, mfa, active
fault          kind (error_500, slow, cut, outage); path, times, seconds
clear-faults
rotate-key
revoke-tokens  person (else everybody's)
reset-limits
advance        seconds
reset          people, faults, limits and time as they were at first, and no tokens;
               applications and keys stay
=============  =========================================================================
"""

import json
import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.people import load_people
from peeringdb_oauth.sandbox.server import clock, edit_people, keys
from peeringdb_oauth.sandbox.server.default_people import default_people
from peeringdb_oauth.sandbox.server.edit_people import CannotChange
from peeringdb_oauth.sandbox.server.faults import KINDS, Fault
from peeringdb_oauth.sandbox.server.registration import register_application


@csrf_exempt
@require_POST
def run_command(request: HttpRequest, command: str) -> JsonResponse:
    """Carry out one command."""
    if not secrets.compare_digest(
        request.headers.get("X-Sandbox-Token", "").encode(),
        settings.SANDBOX.control_token.encode(),
    ):
        return JsonResponse(
            {"error": "the header X-Sandbox-Token must hold this sandbox's control token"},
            status=403,
        )
    action = _COMMANDS.get(command)
    if action is None:
        return JsonResponse(
            {"error": f"no command {command!r}; there are: {', '.join(_COMMANDS)}"},
            status=400,
        )
    try:
        return JsonResponse(action(**json.loads(request.body or b"{}")) or {})
    except RecursionError:
        return JsonResponse({"error": "the JSON is nested too deeply"}, status=400)
    except (
        CannotChange,
        ConfigurationError,
        TypeError,
        ValueError,
    ) as error:  # TypeError: an argument that the command does not have
        return JsonResponse({"error": str(error)}, status=400)


@transaction.atomic
def _add_person(name: str, *, email: str | None = None, **changes: Any) -> dict[str, Any]:
    person = edit_people.add_person(name, email=email)
    _change_person(person.username, **changes)
    return {
        "login": person.username,
        "id": person.id,
        "name": person.full_name.strip(),
        "email": person.email,
    }


def _change_person(
    person: str,
    *,
    networks: Any = None,
    manage_peering_sessions: Any = None,
    active: bool | None = None,
    **switches: bool,
) -> None:
    given = switches | ({} if active is None else {"is_active": active})
    if wrong := [
        name
        for name, value in given.items()
        if name not in edit_people.SWITCHES or type(value) is not bool
    ]:
        raise CannotChange(
            f"these are true or false, and no others: {', '.join(edit_people.SWITCHES)}; wrong:"
            f" {', '.join(wrong)}",
        )
    sessions = manage_peering_sessions
    by_asn = sessions if isinstance(sessions, int | None) else _parse_asn_keys(sessions)
    edit_people.change_person(
        person,
        networks=None if networks is None else _parse_asn_keys(networks),
        sessions=by_asn,
        switches=given,
    )


def _parse_asn_keys(values: Any) -> dict[int, int]:
    """JSON has only text as keys."""
    if not isinstance(values, dict):
        raise CannotChange(
            "permissions for networks are an object of ASN to bits, such as {64500: 15}, not"
            f" {values!r}",
        )
    return {int(asn): value for asn, value in values.items()}


def add_fault(
    kind: str,
    *,
    path: str | None = None,
    times: int | None = None,
    seconds: float = 3.0,
) -> None:
    """Switch a fault on."""
    if kind not in KINDS:
        raise CannotChange(f"no fault {kind!r}; there are: {', '.join(KINDS)}")
    if times is not None and times < 1:
        raise CannotChange("times is at least 1, or absent: until cleared")
    if not 0 < seconds <= 600:
        raise CannotChange("seconds is more than 0 and at most 600")
    settings.SANDBOX.faults.add(Fault(kind=kind, path=path, times=times, seconds=seconds))


def _advance(seconds: float) -> None:
    clock.advance(seconds)


def _reset() -> None:
    sandbox = settings.SANDBOX
    edit_people.replace_all_people(
        load_people(sandbox.options.people) if sandbox.options.people else default_people(),
    )
    edit_people.revoke_tokens(None)
    sandbox.faults.clear()
    sandbox.limits.reset()
    clock.reset()


def _revoke_tokens(person: str | None = None) -> dict[str, int]:
    return {"revoked": edit_people.revoke_tokens(person)}


_COMMANDS: dict[str, Callable[..., dict[str, Any] | None]] = {
    "register": register_application,
    "person": _add_person,
    "change": _change_person,
    "fault": add_fault,
    "clear-faults": (lambda: settings.SANDBOX.faults.clear()),  # noqa: PLW0108 - settings are read when it is called
    "rotate-key": keys.rotate_signing_key,
    "revoke-tokens": _revoke_tokens,
    "reset-limits": lambda: settings.SANDBOX.limits.reset(),  # noqa: PLW0108
    "advance": _advance,
    "reset": _reset,
}
