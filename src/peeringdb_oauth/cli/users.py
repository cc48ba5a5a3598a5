"""``peeringdb-oauth whoami`` and ``explain``: what a person may do, and why."""

import re
from typing import Any

import click
from rich.table import Table

from peeringdb_oauth.access import AccessRule, Decision
from peeringdb_oauth.cli import NO
from peeringdb_oauth.cli.client_settings import LoadConfig, config_option
from peeringdb_oauth.cli.kept_login import TerminalLogin
from peeringdb_oauth.cli.output import clean, json_option, plain_console, write_json
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import MAX_ASN, Network, Permission, User
from peeringdb_oauth.reasons import Reason

_SESSIONS = "manage_sessions"


@click.command()
@config_option
@json_option
def whoami(*, load_config: LoadConfig, as_json: bool) -> None:
    """Show who is logged in at this terminal, and their networks."""
    with Client(load_config()) as client:
        user = TerminalLogin(client).user()
    write_user(user, as_json=as_json)


@click.command()
@click.argument("asn", metavar="ASN")
@config_option
@json_option
def explain(*, asn: str, load_config: LoadConfig, as_json: bool) -> None:
    """Show what you may do with a network, why, and whom to ask.

    ASN is a number, such as 64500 or AS64500. The exit status is 1 if you may not even
    read the network here.
    """
    number = _parse_asn(asn)
    with Client(load_config()) as client:
        user = TerminalLogin(client).user()
    answers = {name: rule.check(user) for name, rule in _rules(number).items()}
    network = user.network(number)
    if as_json:
        write_json(
            {
                "asn": number,
                "user": {"id": user.id, "name": user.name},
                "network": None if network is None else network.name,
                "allowed": {name: answer.allowed for name, answer in answers.items()},
                "reasons": {
                    name: [_reason_json(reason) for reason in answer.reasons]
                    for name, answer in answers.items()
                },
            }
        )
    else:
        _write_answers(user, number, network, answers)
    if not answers["read"]:
        raise SystemExit(NO)


def write_user(user: User, *, as_json: bool) -> None:
    """Write who somebody is and what they may do with each of their networks."""
    if as_json:
        write_json(user.to_dict())
        return
    console = plain_console()
    console.print(f"{clean(user.name) or 'No name'} (PeeringDB id {user.id})")
    console.print(f"Email address: {_email(user)}")
    console.print(f"Account: {'verified' if user.verified_user else 'not verified by PeeringDB'}")
    console.print(f"Second factor: {_second_factor(user)}")
    if not user.networks:
        console.print("No networks.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("ASN", "Network", "Rights", "Peering sessions"):
        table.add_column(title, overflow="fold")
    for network in user.networks:
        table.add_row(
            f"AS{network.asn}",
            clean(network.name),
            _words(network.perms),
            _words(network.manage_peering_sessions),
        )
    console.print()
    console.print(table)


def _rules(asn: int) -> dict[str, AccessRule]:
    """The rule for each thing that somebody may do with a network."""
    rules = {str(right.name).lower(): AccessRule(asn=asn, perms=right) for right in Permission}
    return rules | {_SESSIONS: AccessRule(asn=asn, manage_sessions=True)}


def _write_answers(
    user: User, asn: int, network: Network | None, answers: dict[str, Decision]
) -> None:
    console = plain_console()
    name = "" if network is None else f" ({clean(network.name)})"
    console.print(f"{clean(user.name) or f'User {user.id}'} and AS{asn}{name}\n")
    table = Table(box=None, pad_edge=False, show_header=False)
    for allowed, answer in answers.items():
        table.add_row(
            f"  {allowed.replace('_', ' ')}", "yes" if answer else "no", " ".join(answer.reasons)
        )
    console.print(table)
    if not all(answers.values()):
        ask = "affiliate you with it" if network is None else "give you the rights that are missing"
        console.print(f"\nAn administrator of the organisation of AS{asn} can {ask}.")
        console.print(f"Its contacts: https://www.peeringdb.com/asn/{asn}")


def _reason_json(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code, "asn": reason.asn, "text": str(reason)}


def _parse_asn(text: str) -> int:
    match = re.fullmatch(r"(?:AS)?([1-9][0-9]{0,9})", text, re.IGNORECASE | re.ASCII)
    number = int(match[1]) if match else 0
    if not 1 <= number <= MAX_ASN:
        raise ConfigurationError(
            f"{text!r} is not an AS number: write one from 1 to {MAX_ASN}, such as AS64500"
        )
    return number


def _email(user: User) -> str:
    if user.email is None:
        return "PeeringDB does not say (the scope email is missing)"
    return f"{clean(user.email)}{'' if user.verified_email else ' (not confirmed)'}"


def _second_factor(user: User) -> str:
    if user.amr is None:
        return "PeeringDB does not say (the scope amr is missing)"
    return "used" if "mfa" in user.amr else "not used, as far as PeeringDB says"


def _words(permission: Permission | None) -> str:
    if permission is None:
        return "unknown"
    return ", ".join(str(right.name).lower() for right in permission) or "none"
