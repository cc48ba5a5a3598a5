"""The JSON control endpoint: POST /sandbox/api/<command>, with header X-Sandbox-Token.

The body is a JSON object with the arguments of the command. So is the
answer: the result with status 200, or an ``error`` with status 400, or with 403 if the
token is wrong.

=============  =========================================================================
register       redirect_uris; client_id, client_secret, confidential, algorithm,
               hash_client_secret, name. Answers with client_id, client_secret,
               redirect_uris
person         name of a new person; email, and all arguments of ``change`` but person.
               Answers with login, id, name, email
change         person; networks ({ASN: perms}), manage_peering_sessions (bits, or
               {ASN: bits}), verified_user, verified_email, mfa, active
fault          kind (error_500, slow, cut, outage, maintenance, account_switch,
               refresh_race, refresh_lost); times; path for the first four, seconds for
               slow
clear-faults   (no arguments)
rotate-key     (no arguments)
tokens         person, client_id, url (where clients find the sandbox); amr. Answers as
               the token endpoint does after a login with every scope
revoke-tokens  person, or nobody for all tokens. Answers with revoked, their number
reset-limits   (no arguments)
use-limit      left, requests in this minute and in the next; address
advance        seconds
reset          (no arguments) people, faults, limits and time are as at the start, and
               all tokens end; applications and keys stay
=============  =========================================================================
"""

import json
import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import is_valid_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.people import load_people
from peeringdb_oauth.sandbox.server import clock, edit_people, keys
from peeringdb_oauth.sandbox.server.default_people import default_people
from peeringdb_oauth.sandbox.server.edit_people import CannotChange
from peeringdb_oauth.sandbox.server.faults import CONTROL_PREFIX, KINDS, KINDS_WITH_PATH, Fault
from peeringdb_oauth.sandbox.server.issue_tokens import issue_tokens
from peeringdb_oauth.sandbox.server.limits import REQUESTS_PER_MINUTE
from peeringdb_oauth.sandbox.server.registration import register_application


@csrf_exempt
@require_POST
def run_command(request: HttpRequest, command: str) -> JsonResponse:
    """Run a command and answer with its result."""
    token = request.headers.get("X-Sandbox-Token", "").encode()
    if not secrets.compare_digest(token, settings.SANDBOX.control_token.encode()):
        return _error("the header X-Sandbox-Token must hold the control token", status=403)
    function = _COMMANDS.get(command)
    if function is None:
        return _error(f"there is no command {command!r}; there are: {', '.join(_COMMANDS)}")
    try:
        return JsonResponse(function(**json.loads(request.body or b"{}")) or {})
    except RecursionError:
        return _error("the JSON is nested too deeply")
    # TypeError: the command has no such argument, or the body is no object.
    except (CannotChange, ConfigurationError, TypeError, ValueError) as error:
        return _error(str(error))


def _error(text: str, *, status: int = 400) -> JsonResponse:
    return JsonResponse({"error": text}, status=status)


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
    if active is not None:
        switches["is_active"] = active
    wrong = [
        name
        for name, value in switches.items()
        if name not in edit_people.SWITCHES or type(value) is not bool
    ]
    if wrong:
        raise CannotChange(
            "verified_user, verified_email, mfa and active must be true or false, and there are no"
            f" others; wrong: {', '.join(wrong)}"
        )
    sessions = manage_peering_sessions
    edit_people.change_person(
        person,
        networks=None if networks is None else _parse_asn_keys(networks),
        sessions=sessions if isinstance(sessions, int | None) else _parse_asn_keys(sessions),
        switches=switches,
    )


def _parse_asn_keys(values: Any) -> dict[int, int]:
    """Make the keys of a JSON object, which are texts, ASNs."""
    if not isinstance(values, dict):
        raise CannotChange(
            "permissions for networks must be an object of ASN to bits, such as {64500: 15}, not"
            f" {values!r}"
        )
    return {int(asn): value for asn, value in values.items()}


def add_fault(
    kind: str, *, path: str | None = None, times: int | None = None, seconds: float = 3.0
) -> None:
    """Switch a fault on. The arguments are the fields of `Fault`.

    Raises:
        CannotChange: there is no such fault, nothing is at the path, or a value is out
            of range.
    """
    if kind not in KINDS:
        raise CannotChange(f"there is no fault {kind!r}; there are: {', '.join(KINDS)}")
    if path is not None:
        _check_path(kind, path)
    if times is not None and times < 1:
        raise CannotChange("times must be at least 1; leave it out for a fault without end")
    if not 0 < seconds <= 600:
        raise CannotChange("seconds must be more than 0 and at most 600")
    settings.SANDBOX.faults.add(Fault(kind=kind, path=path, times=times, seconds=seconds))


def _check_path(kind: str, path: str) -> None:
    """Refuse a path that no request can meet the fault at."""
    if kind not in KINDS_WITH_PATH:
        raise CannotChange(f"the fault {kind!r} takes no path, because it has its own")
    if path.startswith(CONTROL_PREFIX):
        raise CannotChange(f"the pages below {CONTROL_PREFIX} have no faults")
    if is_valid_path(path):
        return
    bare = path.strip("/")
    similar = next(filter(is_valid_path, (f"/{bare}", f"/{bare}/")), None)
    hint = f"; did you mean {similar!r}?" if similar else ""
    raise CannotChange(
        f"no request would meet this fault: PeeringDB has nothing at the path {path!r}{hint}"
    )


def use_up_limit(left: Any = 0, address: str = "127.0.0.1") -> None:
    """Leave an address this number of requests, in this minute and in the next.

    Raises:
        CannotChange: the number is out of range, or the sandbox has no limits.
    """
    if not settings.SANDBOX.options.limits:
        raise CannotChange("this sandbox was started without limits")
    if type(left) is not int or not 0 <= left <= REQUESTS_PER_MINUTE:
        raise CannotChange(f"left must be from 0 to {REQUESTS_PER_MINUTE}, not {left!r}")
    settings.SANDBOX.limits.leave_requests(address, left, clock.now())


def _clear_faults() -> None:
    settings.SANDBOX.faults.clear()


def _revoke_tokens(person: str | None = None) -> dict[str, int]:
    return {"revoked": edit_people.revoke_tokens(person)}


def _reset_limits() -> None:
    settings.SANDBOX.limits.reset()


def _advance(seconds: float) -> None:
    clock.advance(seconds)


def _reset() -> None:
    people_file = settings.SANDBOX.options.people
    edit_people.replace_all_people(load_people(people_file) if people_file else default_people())
    edit_people.revoke_tokens(None)
    _clear_faults()
    _reset_limits()
    clock.reset()


_COMMANDS: dict[str, Callable[..., dict[str, Any] | None]] = {
    "register": register_application,
    "person": _add_person,
    "change": _change_person,
    "fault": add_fault,
    "clear-faults": _clear_faults,
    "rotate-key": keys.rotate_signing_key,
    "tokens": issue_tokens,
    "revoke-tokens": _revoke_tokens,
    "reset-limits": _reset_limits,
    "use-limit": use_up_limit,
    "advance": _advance,
    "reset": _reset,
}
