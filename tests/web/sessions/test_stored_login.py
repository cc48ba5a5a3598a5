"""How long a stored login lasts, and what is written and read of it."""

import json
import math
from dataclasses import replace

import pytest

from peeringdb_oauth.id_token import MAX_DATE
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.stored_login import (
    Ending,
    StoredLogin,
    from_json,
    is_leased,
    release,
    remnant,
    to_json,
)

NOW = 1_800_000_000.0
ANOTHER_VERSION = "^this is no login of this version$"
NETWORKS = (
    Network(id=1, asn=64500, name="Ten", perms=Permission(15), manage_peering_sessions=None),
    Network(
        id=2,
        asn=65550,
        name="Ünïon",
        perms=Permission.READ,
        manage_peering_sessions=Permission.UPDATE,
    ),
)
REASON = Reason(Text("AS{asn} is not yours", asn=64500), code="no_network", asn=64500)
LOGIN = StoredLogin(
    application=["https://auth.peeringdb.com", "portal"],
    user=User(id=7, name="Ada Admin", verified_user=True, networks=NETWORKS),
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


@pytest.mark.parametrize("name", ["logged_in_at", "lease_until", "failed_at"])
def test_the_first_and_the_last_possible_time_are_read(name):
    for time in (0, MAX_DATE):
        assert getattr(read(stored(**{name: time})), name) == time


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
def test_a_login_of_another_version_is_refused(name, value):
    """What cannot be worked with later is refused when it is read."""
    with pytest.raises(ValueError, match=ANOTHER_VERSION):
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
def test_an_ending_of_another_version_is_refused(change):
    with pytest.raises(ValueError, match=ANOTHER_VERSION):
        read(stored(ending=stored()["ending"] | change))


@pytest.mark.parametrize("value", [None, [], "a", 7, {}])
def test_what_is_no_login_at_all_is_refused(value):
    with pytest.raises(ValueError, match=ANOTHER_VERSION):
        read(value)


@pytest.mark.parametrize("length", [4, 6])
def test_a_network_with_other_columns_is_refused(length):
    *values, networks = stored()["user"]
    row = [*networks[0], "more"][:length]
    with pytest.raises(ValueError, match=ANOTHER_VERSION):
        read(stored(user=[*values, [row]]))


@pytest.mark.parametrize("length", [7, 9])
def test_a_user_with_other_fields_is_refused(length):
    *values, _ = stored()["user"]
    with pytest.raises(ValueError, match=ANOTHER_VERSION):
        read(stored(user=[*[*values, "more"][:length], []]))


# --- for how long it counts -----------------------------------------------------------


def aged(age, idle):
    return replace(LOGIN, logged_in_at=NOW - age, seen_at=NOW - idle)


@pytest.mark.parametrize(
    ("login", "policy", "reason"),
    [
        (aged(999, 99), SessionPolicy(max_age=1000, idle_timeout=100), None),
        (aged(1000, 99), SessionPolicy(max_age=1000, idle_timeout=100), "max_age"),
        (aged(999, 100), SessionPolicy(max_age=1000, idle_timeout=100), "idle"),
        (aged(1000, 100), SessionPolicy(max_age=None, idle_timeout=100), "idle"),
        (aged(1000, 100), SessionPolicy(max_age=1000, idle_timeout=None), "max_age"),
        (aged(10**8, 10**8), SessionPolicy(max_age=None, idle_timeout=None), None),
    ],
)
def test_a_session_is_over_at_its_age_or_when_nobody_has_used_it(login, policy, reason):
    assert login.over(policy) == reason


@pytest.mark.parametrize(
    ("policy", "end"),
    [
        (SessionPolicy(max_age=1000, idle_timeout=100), NOW - 5 + 100),
        (SessionPolicy(max_age=150, idle_timeout=100), NOW - 60 + 150),
        (SessionPolicy(max_age=None, idle_timeout=100), NOW - 5 + 100),
        (SessionPolicy(max_age=150, idle_timeout=None), NOW - 60 + 150),
        (SessionPolicy(max_age=None, idle_timeout=None), math.inf),
    ],
)
def test_it_says_when_it_ends_if_nobody_uses_it(policy, end):
    assert LOGIN.ends_at(policy) == end


def test_a_lease_lasts_until_its_time():
    assert is_leased(replace(LOGIN, lease_until=NOW + 0.1))
    assert not is_leased(replace(LOGIN, lease_until=NOW))


def test_a_login_that_is_released_is_the_same_without_the_lease():
    assert release(replace(LOGIN, lease_until=NOW + 20)) == LOGIN


def test_of_a_session_that_has_ended_only_what_is_still_needed_is_kept():
    login = replace(LOGIN, address="192.0.2.1", handle="0123", lease=3, lease_until=NOW + 20)
    assert remnant(login) == StoredLogin(
        application=login.application,
        user=User(id=7),
        logged_in_at=0,
        seen_at=0,
        checked_at=0,
        expires_at=login.expires_at,
        csrf_token="",
        tokens="sealed-tokens",
        handle="0123",
        lease=3,
        lease_until=NOW + 20,
        ending=login.ending,
    )
