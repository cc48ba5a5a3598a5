"""The profile and the claims: what is missing or odd in them is never a permission."""

import json
from zlib import crc32

from recordings import WIRE, read_recording

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.messages import parse_json
from peeringdb_oauth.profile import Permission, User

from .inputs import assert_tells_no_secret, json_of

PROFILES = ("member", "orgadmin", "twoorgs", "unverified", "emailunconf", "nonets", "limited")
VALID = [
    *(json.dumps(read_recording(f"profile-{name}").json) for name in PROFILES),
    *((WIRE / f"idtoken-claims-{name}.json").read_text() for name in PROFILES),
]
MAX_ASN = 2**32 - 1
UPDATE = {
    one: AccessRule(verified_user=one, verified_email=one, perms=Permission.UPDATE)
    for one in (False, True)
}
SESSIONS = AccessRule(verified_user=False, verified_email=False, manage_sessions=True)


def check(data, from_profile=User.from_profile, from_id_token=User.from_id_token):
    try:
        value = parse_json(json_of(data, VALID))
    except ValueError:
        return
    for read, verified_email in (
        (from_profile, "verified_email"),
        (from_id_token, "email_verified"),
    ):
        user = _read(read, value)
        if user is not None:
            _assert_user_is(user, value, verified_email)
            _assert_rights_follow_from(user, value, verified_email)
            _assert_less_is_no_more(read, user, value, crc32(data))


def _read(read, value):
    try:
        return read(value)
    except InvalidResponse as error:
        assert_tells_no_secret(error)
        return None


def _assert_user_is(user, value, verified_email):
    assert str(user.id) == str(value["sub" if verified_email == "email_verified" else "id"])
    assert user.verified_user is (value.get("verified_user") is True)
    assert user.verified_email is (value.get(verified_email) is True)
    assert user.amr is None or list(user.amr) == value["amr"]
    assert user.email is None or user.email == value["email"]
    rows = value.get("networks") or []
    assert [network.asn for network in user.networks] == [row["asn"] for row in rows]
    assert len(set(user.asns)) == len(user.asns)
    for network, row in zip(user.networks, rows, strict=True):
        assert type(row["asn"]) is int
        assert 0 < row["asn"] <= MAX_ASN
        assert network.id == row["id"]
        assert int(network.perms) == row["perms"] % 16
        sessions = network.manage_peering_sessions
        given = row.get("manage_peering_sessions")
        assert (sessions is None) == (given is None)
        assert sessions is None or int(sessions) == given % 16
    for text in (user.name, user.given_name, user.family_name, user.email or ""):
        assert not {"\x00", "\n", "\u202e", "\u2028"} & set(text)
        text.encode()
    assert User.from_dict(json.loads(json.dumps(user.to_dict()))) == user


def _assert_rights_follow_from(user, value, verified_email):
    """Whoever may do something has the evidence for it in the JSON."""
    for row in (value.get("networks") or [])[:2]:
        if UPDATE[True].check(user, asn=row["asn"]):
            assert value["verified_user"] is value[verified_email] is True
        assert bool(UPDATE[False].check(user, asn=row["asn"])) == bool(row["perms"] & 2)
        if SESSIONS.check(user, asn=row["asn"]):
            assert row["manage_peering_sessions"] & 14
    assert not UPDATE[False].check(user, asn=4_200_000_000) or 4_200_000_000 in user.asns


def _assert_less_is_no_more(read, user, value, chance):
    """Without one of its members the same JSON gives no right that it did not give."""
    _assert_no_more(user, _read(read, _without_one(value, chance)))
    if user.networks:
        row, *others = value["networks"]
        rows = [_without_one(row, chance), *others]
        _assert_no_more(user, _read(read, value | {"networks": rows}))


def _without_one(members, chance):
    name = list(members)[chance % len(members)]
    return {key: members[key] for key in members if key != name}


def _assert_no_more(user, other):
    if other is None:
        return
    assert other.verified_user <= user.verified_user
    assert other.verified_email <= user.verified_email
    assert set(other.amr or ()) <= set(user.amr or ())
    for network in other.networks:
        known = user.network(network.asn)
        assert not network.perms & ~known.perms
        sessions = network.manage_peering_sessions or 0
        assert not sessions & ~(known.manage_peering_sessions or 0)
