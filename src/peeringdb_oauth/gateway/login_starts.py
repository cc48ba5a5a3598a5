"""How many logins may start from one address."""

import math
from collections import OrderedDict
from collections.abc import Callable

from peeringdb_oauth.cost import Payer, payers_of
from peeringdb_oauth.errors import RateLimited

MOST = 30  # logins from an address within a minute
# All visitors have the address of a proxy where it does not pass on theirs.
MOST_OF_PROXY = 240
_MAX_ADDRESSES = 10_000


class LoginStarts:
    """Counts the logins that start from each address.

    An IPv6 address stands for its /64. ``monotonic``: gives seconds that only grow.
    ``most_addresses``: how many are remembered.
    """

    def __init__(
        self, monotonic: Callable[[], float], *, most_addresses: int = _MAX_ADDRESSES
    ) -> None:
        self._monotonic = monotonic
        self._most_addresses = most_addresses
        # When each address will have all of its logins back.
        self._full_at: OrderedDict[Payer, float] = OrderedDict()

    def count(self, address: str | None) -> None:
        """Count a login that is about to start; None for an unknown address.

        Raises:
            RateLimited: too many have started from this address.
        """
        now = self._monotonic()
        for payer in payers_of(address)[:1]:
            most = MOST_OF_PROXY if payer.kind == "proxy" else MOST
            full_at = max(self._full_at.get(payer, now), now) + 60 / most
            too_early = full_at - now - 60
            if too_early > 0:
                raise RateLimited(
                    "too many logins were started from this address",
                    retry_after=math.ceil(too_early),
                    for_caller=True,
                )
            self._full_at[payer] = full_at
            self._full_at.move_to_end(payer)
            while len(self._full_at) > self._most_addresses:
                self._full_at.popitem(last=False)
