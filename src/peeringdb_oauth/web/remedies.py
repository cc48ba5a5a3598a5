"""What a person who is refused reads for each reason, and what they can do.

The codes are those of `Reason`. They stay the same in later versions. docs/refusals.md
lists them.
"""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

from peeringdb_oauth.reasons import REFUSED, Reason
from peeringdb_oauth.texts import Text

OPERATOR = "The people who run this site have to look into it. Their log says why."


class Remedy(NamedTuple):
    """What belongs to a reason.

    ``title``: what happened, with ``{asn}`` for the AS number. ``advice``: what the
    person can do, and whom to ask. ``offers_login``: whether another login can help.
    ``prompts``: whether PeeringDB must ask for the password and the second factor in
    that login.
    """

    title: str
    advice: str
    offers_login: bool = True
    prompts: bool = False


_GENERAL = "You have no access here"
_RIGHTS = (
    "An administrator of its organisation can give you this right at peeringdb.com. Then log in"
    " again."
)
_ASK = "Ask the people who run this site."
_SECOND_FACTOR = Remedy(
    "A second factor is needed here",
    "Log in again, and give your second factor when PeeringDB asks for it. If you have none, set it"
    " up in your profile at peeringdb.com before.",
    prompts=True,
)
_ODD_ADDRESS = Remedy(
    "This address cannot be opened",
    f"Check the address. If it is right: {_ASK}",
    offers_login=False,
)
REMEDIES = {
    "unverified_user": Remedy(
        "PeeringDB has not verified your account",
        "An administrator of your organisation can affiliate you at peeringdb.com. Then log in"
        " again.",
    ),
    "unverified_email": Remedy(
        "Your email address is not confirmed", "It is in your profile at peeringdb.com."
    ),
    "email_unknown": Remedy("PeeringDB did not say enough about you", OPERATOR, offers_login=False),
    "needs_second_factor": _SECOND_FACTOR,
    "second_factor_unknown": _SECOND_FACTOR,
    "invalid_asn": Remedy(
        "This is not an AS number", "Check the number in the address.", offers_login=False
    ),
    "no_network": Remedy("No network is named here", OPERATOR, offers_login=False),
    "network_not_allowed": Remedy(
        "This is not open to AS{asn}",
        f"Check the number. If it is right: {_ASK}",
        offers_login=False,
    ),
    "not_affiliated": Remedy(
        "You are not affiliated with AS{asn}",
        "Check the number. If it is right, an administrator of its organisation can affiliate you"
        " at peeringdb.com. Then log in again.",
    ),
    "needs_one_network": Remedy(
        "None of your networks is enough here",
        "An administrator of the organisation of one of these networks can change your rights at"
        " peeringdb.com. Then log in again.",
    ),
    "needs_read": Remedy("You may not read AS{asn}", _RIGHTS),
    "needs_update": Remedy("You may read AS{asn}, not change it", _RIGHTS),
    "needs_create": Remedy("You may read AS{asn}, not create entries for it", _RIGHTS),
    "needs_delete": Remedy("You may read AS{asn}, not delete it", _RIGHTS),
    "needs_sessions": Remedy("You may not manage the peering sessions of AS{asn}", _RIGHTS),
    "sessions_unknown": Remedy(
        "PeeringDB did not say what you may do",
        "Log in again. At an API, send an access token: an ID token never says it.",
    ),
    "insufficient_scope": Remedy(
        "The token does not say enough",
        "Get another token, from a login that asks PeeringDB for all that is needed here.",
    ),
    "no_rule": Remedy(
        "This page is open to nobody",
        f"Check the address. If it is right: {_ASK}",
        offers_login=False,
    ),
    "odd_path": _ODD_ADDRESS,
    "ambiguous_path": _ODD_ADDRESS,
    "odd_method": Remedy("This request cannot be answered", _ASK, offers_login=False),
    "no_account": Remedy("You have no account at this site", _ASK, offers_login=False),
    "account_disabled": Remedy("Your account at this site is disabled", _ASK, offers_login=False),
    "email_taken": Remedy(
        "Your email address belongs to another account here",
        "Log in to that account as you did before. If it is not yours, ask the people who run this"
        " site.",
        offers_login=False,
    ),
    "no_email": Remedy(
        "This site needs your email address", "Confirm it at peeringdb.com. Then log in again."
    ),
    "awaits_approval": Remedy(
        "Your access waits for approval",
        "The people who run this site decide about it. Log in again later.",
        offers_login=False,
    ),
    REFUSED: Remedy(_GENERAL, "If you think that this is wrong, ask the people who run this site."),
}
# The titles for people who may not even read the network.
WITHOUT_READ = {
    "needs_update": "You may not change AS{asn}",
    "needs_create": "You may not create entries for AS{asn}",
    "needs_delete": "You may not delete AS{asn}",
}


def remedy_for(reasons: Iterable[Reason]) -> Remedy:
    """One remedy for all reasons together, with the title of the first."""
    remedies = [_remedy_for(reason) for reason in reasons] or [REMEDIES[REFUSED]]
    return Remedy(
        title=remedies[0].title,
        advice=reduce(_join, dict.fromkeys(remedy.advice for remedy in remedies)),
        offers_login=all(remedy.offers_login for remedy in remedies),
        prompts=any(remedy.prompts for remedy in remedies),
    )


def _remedy_for(reason: Reason) -> Remedy:
    remedy = REMEDIES.get(reason.code, REMEDIES[REFUSED])
    title = remedy.title
    if "you may read" not in reason.lower():
        title = WITHOUT_READ.get(reason.code, title)
    # An application may use our codes without a number.
    is_complete = reason.asn is not None or "{asn}" not in title
    return remedy._replace(title=Text(title, asn=reason.asn) if is_complete else _GENERAL)


def _join(first: str, second: str) -> str:
    return Text("{first} {second}", first=Text.of(first), second=Text.of(second))
