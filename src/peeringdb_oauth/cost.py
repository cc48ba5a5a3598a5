"""What a request to PeeringDB is for, what it costs, and who pays for it.

PeeringDB counts requests and refusals for an address, so everything that an application
asks shares one budget. Important requests go first, and nobody may take more than a
small part of it.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address, ip_network
from itertools import count
from typing import Literal, NamedTuple, Self

# Addresses of a proxy of the application's own, not of a visitor.
_PROXY_NETWORKS = tuple(
    ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
    )
)


class Purpose(IntEnum):
    """What a request is for. The smaller the number, the more important."""

    LOGIN = 0  # a login, a logout, or the keys that a login needs
    LOOK_UP = 1  # a bearer token that nothing recent is known about
    RENEWAL = 2  # a bearer token that was good a few minutes ago
    RECHECK = 3  # the rights of a person who is logged in
    CLEAN_UP = 4  # the tokens of a session that has ended


class Payer(NamedTuple):
    """An account, an address, or a group whose requests are counted together.

    ``kind``: an "account" at PeeringDB, the "logouts" of one, the "address" of a
    visitor, the "site" of many IPv6 addresses, a "proxy" between the visitors and the
    application, or "strangers", all who send bearer tokens that nobody knows yet.
    ``name`` tells those of one kind apart.
    """

    kind: Literal["account", "logouts", "rechecks", "address", "site", "proxy", "strangers"]
    name: str = ""

    @classmethod
    def of_account(cls, user_id: int) -> Self:
        """The person with this id at PeeringDB."""
        return cls("account", str(user_id))

    @classmethod
    def of_rechecks(cls, user_id: int) -> Self:
        """The re-checks of that person's rights that are due.

        They have a part of their own. Otherwise somebody could use up the account's
        part in one session, so that lost rights stay in another one.
        """
        return cls("rechecks", str(user_id))

    @classmethod
    def of_logouts(cls, user_id: int) -> Self:
        """The logouts of that person.

        They have a part of their own, so that an account which has used up its other
        part can still log out.
        """
        return cls("logouts", str(user_id))

    @classmethod
    def of_address(cls, address: str | None) -> Self:
        """The visitor at this address, as the framework reports it.

        An IPv6 address stands for its /64, which is what one household gets. A loopback
        or private address is that of a proxy, and so is one that cannot be read: all
        visitors behind it are one payer, with a larger part.
        """
        try:
            parsed = ip_address(address or "")
        except ValueError:
            return cls("proxy")
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        if any(parsed in network for network in _PROXY_NETWORKS):
            return cls("proxy", str(parsed))
        if parsed.version == 4:
            return cls("address", str(parsed))
        return cls("address", str(ip_network((int(parsed), 64), strict=False)))


STRANGERS = Payer("strangers")


def payers_of(address: str | None) -> tuple[Payer, ...]:
    """Who pays for what a visitor does: nobody, where their address is not given."""
    if address is None:
        return ()
    payer = Payer.of_address(address)
    if payer.kind == "proxy" or ":" not in payer.name:
        return (payer,)
    # Many who have an IPv6 network have a /48, which is 65536 of those that pay.
    site = ip_network(payer.name).supernet(new_prefix=48)
    return (payer, Payer("site", str(site)))


new_number = count().__next__  # each number once in this process


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a request takes from the budget.

    ``purpose``: what the request is for. ``payers``: whose part it takes, each in full.
    ``requests``: how many requests it stands for: the first one of a login stands for
    the second one as well. ``is_risky``: whether it carries a token that may be dead,
    which PeeringDB would count as a refusal. ``number``: tells this object from all
    others, also from copies of it.
    """

    purpose: Purpose = Purpose.LOGIN
    payers: tuple[Payer, ...] = ()
    requests: int = 1
    is_risky: bool = False
    number: int = field(init=False, default_factory=new_number, compare=False, repr=False)


ONE_REQUEST = Cost()
PAID_REQUEST = Cost(requests=0)  # an earlier request stands for it
RISKY_REQUEST = Cost(is_risky=True)

Queue = tuple[Purpose, tuple[Payer, ...], bool, bool]


def queue_of(cost: Cost, *, is_limited: bool) -> Queue:
    """The name of the queue in which a request waits for a place in the budget.

    Those that the same room serves wait in one queue, and the first come goes first.

    ``is_limited``: whether the requests a minute are. Otherwise nobody waits for what
    their payers may ask.
    """
    payers = cost.payers if is_limited else ()
    return cost.purpose, payers, cost.is_risky, cost.requests == 0


# Goes before all others: the code of such a login is spent.
HALF_WAY = queue_of(PAID_REQUEST, is_limited=True)
