"""Events for an audit: a record in the log for each, and the framework's own signal."""

import logging
from dataclasses import dataclass
from typing import Literal, Self

from peeringdb_oauth.access import AccessRule, summary
from peeringdb_oauth.observers import observers
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason

log = logging.getLogger("peeringdb_oauth.audit")

Kind = Literal[
    "login", "refused", "logout", "rights_changed", "session_ended", "connected", "disconnected"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a user.

    ``kind``: ``login``, ``refused``, ``logout``, ``rights_changed``, ``session_ended``,
    ``connected`` (to an account of the application) or ``disconnected``. ``user``: None
    if nobody is known, for example when a login was cancelled. ``reason``: why a
    session has ended, a word of `EndReason`. ``reasons``: why somebody was refused or
    their session ended, or why PeeringDB could not be told about a logout. ``asn``: the
    network that a refusal is about. ``previous``: the user before their rights changed.
    ``code``: of a refusal, such as ``forbidden``. ``rule``: what the view asks of
    people. ``view``: the name of the view. ``path``: of the request, without the query,
    which may hold secrets. ``origin``: scheme and host of the request.
    """

    kind: Kind
    user: User | None = None
    reasons: tuple[Reason, ...] = ()
    asn: int | None = None
    previous: User | None = None
    code: str | None = None
    rule: AccessRule | None = None
    view: str | None = None
    path: str | None = None
    reason: str | None = None
    origin: str | None = None

    @classmethod
    def of_change(cls, previous: User | None, user: User) -> Self | None:
        """The event of a user's changed rights; None if they are the same."""
        if previous is None or _rights(previous) == _rights(user):
            return None
        return cls(kind="rights_changed", user=user, previous=previous)

    def record(self) -> None:
        """Tell the observers, and the logger ``peeringdb_oauth.audit``.

        The fields are attributes of the record, named ``peeringdb_...``. They have ids
        and AS numbers, but no names and addresses: those are personal data, and they
        change.
        """
        for observer in observers:
            observer.on_event(self)
        user_id = None if self.user is None else self.user.id
        rule = "" if self.rule is None else summary(self.rule)
        fields = {
            "peeringdb_event": self.kind,
            "peeringdb_code": self.code,
            "peeringdb_user_id": user_id,
            "peeringdb_reasons": self.reasons,
            "peeringdb_reason_codes": tuple(Reason.of(each).code for each in self.reasons),
            "peeringdb_asn": self.asn,
            "peeringdb_asns": () if self.user is None else self.user.asns,
            "peeringdb_amr": None if self.user is None else self.user.amr,
            "peeringdb_view": self.view,
            "peeringdb_path": self.path,
            "peeringdb_origin": self.origin,
            "peeringdb_rule": rule,
        }
        said = [
            "nobody known" if user_id is None else f"user {user_id}",
            self.view and f"view {self.view}",
            self.path and f"path {self.path}",
            rule and f"rule {rule}",
        ]
        reasons = f": {'; '.join(self.reasons)}" if self.reasons else ""
        log.log(
            logging.WARNING if self.kind == "refused" else logging.INFO,
            "login with PeeringDB: %s, %s%s",
            self.kind,
            ", ".join(filter(None, said)),
            reasons,
            extra=fields,
        )


def _rights(user: User) -> tuple[object, ...]:
    networks = {
        network.asn: (network.perms, network.manage_peering_sessions) for network in user.networks
    }
    return user.verified_user, user.verified_email, networks
