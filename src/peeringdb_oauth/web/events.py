"""What happened to whom, for an audit: one record of ``logging`` each, with its fields,
and the framework's own signal.
"""

import logging
from dataclasses import dataclass
from typing import Literal

from peeringdb_oauth.profile import User

log = logging.getLogger("peeringdb_oauth.audit")

Kind = Literal["login", "refused", "logout", "rights_changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One of: ``login``, ``refused`` (with ``reasons``), ``logout``, ``rights_changed``
    (with ``previous``, the user as they were).

    ``user`` is None where nobody is known, as when a login is cancelled. ``asn``: the
    network that a refusal is about.
    """

    kind: Kind
    user: User | None = None
    reasons: tuple[str, ...] = ()
    asn: int | None = None
    previous: User | None = None

    def record(self) -> None:
        """Write it to the logger ``peeringdb_oauth.audit``: its fields are attributes
        of the record, named ``peeringdb_...``.

        Ids and AS numbers, no names and addresses: those are personal data, and change.
        """
        user_id = None if self.user is None else self.user.id
        fields = {
            "peeringdb_event": self.kind,
            "peeringdb_user_id": user_id,
            "peeringdb_reasons": self.reasons,
            "peeringdb_asn": self.asn,
            "peeringdb_asns": () if self.user is None else self.user.asns,
            "peeringdb_amr": None if self.user is None else self.user.amr,
        }
        said = f": {'; '.join(self.reasons)}" if self.reasons else ""
        level = logging.WARNING if self.kind == "refused" else logging.INFO
        log.log(
            level,
            "login with PeeringDB: %s, %s%s",
            self.kind,
            "nobody known" if user_id is None else f"user {user_id}",
            said,
            extra=fields,
        )
