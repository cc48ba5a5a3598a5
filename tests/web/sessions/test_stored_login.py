"""What is read of a login that a session has stored."""

import json
from dataclasses import replace

import pytest

from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web.sessions.stored_login import Ending, StoredLogin, from_json, to_json

NOW = 1_800_000_000.0
REASON = Reason(Text("AS{asn} is not yours", asn=64500), code="no_network", asn=64500)
LOGIN = StoredLogin(
    application=["https://auth.peeringdb.com", "portal"],
    user=User(id=7, name="Ada Admin", verified_user=True),
    logged_in_at=NOW - 60,
    seen_at=NOW - 5,
    checked_at=NOW - 60,
    failed_at=NOW - 1,
    expires_at=int(NOW) + 36_000,
    csrf_token="csrf-token",
    tokens="sealed-tokens",
    key="session:a",
    now=NOW,
    ending=Ending(reason="rule", reasons=(REASON,), at=NOW, is_told=False),
)


def stored(**changes):
    return json.loads(json.dumps(to_json(LOGIN))) | changes


def read(value):
    return from_json(value, key="session:a", now=NOW)


def test_a_login_is_read_as_it_was_written():
    found = read(stored())
    assert found == LOGIN
    assert found.ending.reasons[0].code == "no_network"
    assert read(stored(ending=None)) == replace(LOGIN, ending=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "1") for name in ("logged_in_at", "seen_at", "checked_at", "expires_at")),
        *(("seen_at", value) for value in (None, True, -1, float("nan"), float("inf"), 10**400)),
        ("failed_at", "1"),
        ("lease_until", float("inf")),
        ("lease", 1.5),
        ("application", "portal"),
        ("is_short", 1),
        ("prompted", "yes"),
        ("digest", 1),
        ("csrf_token", None),
        ("tokens", None),
        ("address", 1),
        ("handle", 1),
        ("unknown", 1),
        ("user", []),
    ],
)
def test_a_login_of_another_version_is_none(name, value):
    """What cannot be worked with later is refused when it is read."""
    with pytest.raises(ValueError, match="this is no login of this version"):
        read(stored(**{name: value}))


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "boredom"},
        {"reason": 1},
        {"at": "1"},
        {"at": float("nan")},
        {"is_told": 1},
        {"unknown": 1},
        {"reasons": [[[7, {"asn": 1}], "code", None]]},
        {"reasons": [[["{asn}", {}], 1, None]]},
        {"reasons": [[["a", {}], "code", "64500"]]},
        {"reasons": [["a"]]},
    ],
)
def test_an_ending_of_another_version_is_none(change):
    with pytest.raises(ValueError, match="this is no login of this version"):
        read(stored(ending=stored()["ending"] | change))


@pytest.mark.parametrize("value", [None, [], "a", 7, {}])
def test_what_is_no_login_at_all_is_none(value):
    with pytest.raises(ValueError, match="this is no login of this version"):
        read(value)
