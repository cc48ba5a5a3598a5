"""Prepares what the templates show, so that the templates need no logic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from exchange.members import Member, Members
from exchange.membership import WHY_CLOSED, choices
from peeringdb_oauth import AccessRule, Network, Permission, User

MAY_REQUEST = AccessRule(perms=Permission.UPDATE)
MAY_MANAGE_SESSIONS = AccessRule(manage_sessions=True)
WORDS = {
    Permission.READ: "read",
    Permission.UPDATE: "update",
    Permission.CREATE: "create entries",
    Permission.DELETE: "delete",
}
PAGE_SIZE = 25

Words = list[tuple[str, str]]  # each word with what separates it from the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One network.

    ``standing``: at the exchange; empty if it is no member. ``explanation``: what that
    means for its people; empty for nothing. ``may_request``: whether a request for
    peering is let through, as far as is known now. ``requested``: when peering was
    requested; empty: it was not.
    """

    asn: int
    name: str
    standing: str
    explanation: str
    may_request: bool
    may: Words
    may_not: Words
    requested: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """A link to one page of a long list."""

    number: int
    url: str
    current: bool


def networks_page(members: Members, user: User, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the context of ``networks.html``: one page of the user's networks.

    ``query``: the parameters of the page: ``q``, a text to find, and ``page``.
    """
    wanted = query.get("q", "").strip()[:100]
    found = [
        network
        for network in user.networks
        if wanted.casefold() in f"AS{network.asn} {network.name}".casefold()
    ]
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(max(_number(query.get("page", "1")), 1), pages)
    links = [
        PageLink(
            number=n, url=f"/networks/?{urlencode({'q': wanted, 'page': n})}", current=n == page
        )
        for n in range(1, pages + 1)
    ]
    return {
        "here": "networks",
        "user": user,
        "second_factor": (
            "not known" if user.amr is None else "used" if "mfa" in user.amr else "not used"
        ),
        "choices": choices(members, user),
        "rows": rows(members, user, *found[(page - 1) * PAGE_SIZE :][:PAGE_SIZE]),
        "wanted": wanted,
        "count": _count(len(found), wanted, page, pages) if wanted or pages > 1 else "",
        "page_links": links if pages > 1 else [],
        "previous_page": links[page - 2] if page > 1 else None,
        "next_page": links[page] if page < pages else None,
    }


def network_page(members: Members, user: User, asn: int) -> dict[str, Any]:
    """Return the context of ``network.html`` for one of the user's networks."""
    [row] = rows(members, user, *(network for network in user.networks if network.asn == asn))
    return {
        "here": "networks",
        "row": row,
        "may_act": asn in [member.asn for member in choices(members, user)],
    }


def choose_page(members: Members, user: User) -> dict[str, Any]:
    """Return the context of ``choose.html``, for somebody who acts for nobody yet."""
    return {"here": "port", "choices": choices(members, user)}


def port_page(member: Member) -> dict[str, Any]:
    """Return the context of ``port.html``."""
    return {
        "here": "port",
        "member": member,
        "ipv4": f"192.0.2.{member.asn % 250 + 1}",
        "ipv6": f"2001:db8::{member.asn:x}:1",
    }


def rows(members: Members, user: User, *networks: Network) -> list[Row]:
    """Describe some of the user's networks."""
    everybody, requests = members.all(), members.peering_requests()
    found = []
    for network in networks:
        may, may_not = in_words(user, network)
        standing = everybody[network.asn].standing if network.asn in everybody else ""
        explanation = WHY_CLOSED.get(standing, "")
        found.append(
            Row(
                asn=network.asn,
                name=network.name,
                standing=standing,
                explanation=f"AS{network.asn} {explanation}." if explanation else "",
                may_request=bool(MAY_REQUEST.check(user, asn=network.asn)),
                may=_separated(may),
                may_not=_separated(may_not),
                requested=f"{requests[network.asn]:%H:%M} UTC" if network.asn in requests else "",
            )
        )
    return found


def in_words(user: User, network: Network) -> tuple[list[str], list[str]]:
    """Return what the user may do with a network, and what they may not do."""
    rights = {word: bool(network.perms & permission) for permission, word in WORDS.items()}
    rights["manage peering sessions"] = bool(MAY_MANAGE_SESSIONS.check(user, asn=network.asn))
    return [word for word, granted in rights.items() if granted], [
        word for word, granted in rights.items() if not granted
    ]


def _count(found: int, wanted: str, page: int, pages: int) -> str:
    if not found:
        return f"None of your networks has “{wanted}” in its name or number."
    matching = f" for “{wanted}”" if wanted else ""
    paged = f", page {page} of {pages}" if pages > 1 else ""
    return f"{found} {'network' if found == 1 else 'networks'}{matching}{paged}"


def _separated(words: list[str]) -> Words:
    return [(word, ", " if at < len(words) else "") for at, word in enumerate(words, start=1)]


def _number(text: str) -> int:
    """Read a page number. Anything else, and a number of 15 digits or more, is 1."""
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and len(digits) < 15 else 1
