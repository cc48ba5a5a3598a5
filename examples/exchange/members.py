"""The exchange's database: members, links of people to members, peering requests.

It is an SQLite file.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from peeringdb_oauth import Membership, MembershipPlan

SCHEMA = """
CREATE TABLE IF NOT EXISTS member (
    asn INTEGER PRIMARY KEY, name TEXT, status TEXT, peeringdb_login INTEGER, port_enabled INTEGER
);
CREATE TABLE IF NOT EXISTS link (
    user_id INTEGER, asn INTEGER REFERENCES member, origin TEXT, PRIMARY KEY (user_id, asn, origin)
);
CREATE TABLE IF NOT EXISTS peering_request (asn INTEGER PRIMARY KEY, requested_at TEXT);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A network that has a port at the exchange.

    ``status``: "active", "suspended" or "left". ``peeringdb_login``: whether its people
    may log in with PeeringDB.
    """

    asn: int
    name: str
    status: str = "active"
    peeringdb_login: bool = True
    port_enabled: bool = True

    def __str__(self) -> str:
        return f"AS{self.asn} {self.name}"

    @property
    def standing(self) -> str:
        """What the exchange says about the network, in words."""
        if self.status != "active":
            return {"suspended": "Suspended", "left": "Former member"}[self.status]
        return "Member" if self.peeringdb_login else "Member without PeeringDB login"


class Members:
    """The tables of the exchange.

    ``path``: the database file. None: the file in ``$EXCHANGE_DATABASE``, or
    ``example-ix.sqlite3`` in the working directory.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path

    def create(
        self, members: Iterable[Member] = (), *, linked_by_hand: Iterable[tuple[int, int]] = ()
    ) -> None:
        """Create what is missing: the tables, these members and these links.

        ``linked_by_hand``: the user id and the ASN of each link.
        """
        with self._transaction() as database:
            database.executescript(SCHEMA)
            rows = [
                (
                    member.asn,
                    member.name,
                    member.status,
                    member.peeringdb_login,
                    member.port_enabled,
                )
                for member in members
            ]
            database.executemany("INSERT OR IGNORE INTO member VALUES (?, ?, ?, ?, ?)", rows)
            database.executemany(
                "INSERT OR IGNORE INTO link VALUES (?, ?, 'staff')", linked_by_hand
            )

    def all(self) -> dict[int, Member]:
        """Return all present and former members by ASN."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT asn, name, status, peeringdb_login, port_enabled FROM member ORDER BY asn"
            ).fetchall()
        names = ("asn", "name", "status", "peeringdb_login", "port_enabled")
        return {row[0]: Member(**dict(zip(names, row, strict=True))) for row in rows}

    def set_status(self, asn: int, status: str) -> None:
        """Change a member's status."""
        with self._transaction() as database:
            database.execute("UPDATE member SET status = ? WHERE asn = ?", (status, asn))

    def links(self, user_id: int) -> list[Membership]:
        """Return the links of a person: to which members, and who made them.

        ``user_id``: PeeringDB's id of the person. Names and email addresses change.
        """
        with self._transaction() as database:
            rows = database.execute(
                "SELECT asn, origin FROM link WHERE user_id = ?", (user_id,)
            ).fetchall()
        return [Membership(asn=asn, origin=origin) for asn, origin in rows]

    def carry_out(self, user_id: int, plan: MembershipPlan) -> None:
        """Carry out a plan in one transaction: all of it, or nothing."""
        with self._transaction() as database:
            for link in plan.remove:
                database.execute(
                    "DELETE FROM link WHERE user_id = ? AND asn = ? AND origin = ?",
                    (user_id, link.asn, link.origin),
                )
            for link in plan.add:
                database.execute(
                    "INSERT OR IGNORE INTO link VALUES (?, ?, ?)", (user_id, link.asn, link.origin)
                )

    def enable_port(self, asn: int, *, enabled: bool) -> None:
        """Switch a member's port on or off."""
        with self._transaction() as database:
            database.execute("UPDATE member SET port_enabled = ? WHERE asn = ?", (enabled, asn))

    def request_peering(self, asn: int) -> None:
        """Store a request for peering. A second request changes nothing."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO peering_request VALUES (?, ?)",
                (asn, datetime.now(UTC).isoformat()),
            )

    def peering_requests(self) -> dict[int, datetime]:
        """Return when peering was requested, by ASN."""
        with self._transaction() as database:
            return {
                asn: datetime.fromisoformat(at)
                for asn, at in database.execute("SELECT * FROM peering_request")
            }

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        path = self._path or os.environ.get("EXCHANGE_DATABASE", "example-ix.sqlite3")
        with closing(sqlite3.connect(path)) as connection, connection:
            yield connection
