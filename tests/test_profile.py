"""Users are read from PeeringDB's recorded responses; anything else is refused."""

import json
import logging
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.profile import (
    _UNPRINTABLE,
    MAX_AMR,
    MAX_ID,
    MAX_NETWORKS,
    MAX_TEXT,
    Network,
    Permission,
    User,
)

WIRE = Path(__file__).parent / "wire"
MFA = ("pwd", "otp", "mfa")
ALL = Permission(15)
READ = Permission.READ
UPDATE = Permission.UPDATE


def wire(name):
    return json.loads((WIRE / f"{name}.json").read_text())


def profile(**changes):
    return {"id": 1, "name": "Ada Admin", "verified_user": True} | changes


def network(**changes):
    return {
        "id": 7,
        "asn": 64500,
        "name": "Example Net",
        "perms": 1,
        "manage_peering_sessions": 1,
    } | changes


def rights(user):
    return {n.asn: (n.perms, n.manage_peering_sessions) for n in user.networks}


THREE = (64500, 64501, 65550)

# For each person: id, name, verified_user, verified_email, amr and networks, where
# networks is {asn: (perms, manage_peering_sessions)}.
PEOPLE = {
    "orgadmin": (1, "Ada Admin", True, True, MFA, dict.fromkeys(THREE, (ALL, ALL))),
    "member": (2, "Mel Member", True, True, MFA, dict.fromkeys(THREE, (READ, READ))),
    "limited": (
        3,
        "Lim Ited",
        True,
        True,
        MFA,
        {64500: (ALL, ALL), 64501: (READ, ALL), 65550: (READ | UPDATE, READ | UPDATE)},
    ),
    "twoorgs": (
        4,
        "Тест",
        True,
        True,
        MFA,
        dict.fromkeys(THREE, (ALL, ALL)) | {64510: (READ, READ)},
    ),
    "nonets": (5, "No Nets", True, True, MFA, {}),
    "unverified": (6, "Una Verified", False, False, ("pwd",), {}),
    "emailunconf": (8, "Em Unconf", True, False, ("pwd",), dict.fromkeys(THREE, (ALL, ALL))),
    "superuser": (9, "Su Per", True, True, MFA, {}),
}


@pytest.mark.parametrize("person", PEOPLE)
def test_reads_the_recorded_profile(person):
    user = User.from_profile(wire(f"profile-{person}"))
    assert (
        user.id,
        user.name,
        user.verified_user,
        user.verified_email,
        user.amr,
        rights(user),
    ) == PEOPLE[person]
    assert user.email == f"{person}@example.net"


@pytest.mark.parametrize("person", PEOPLE)
def test_reads_the_recorded_id_token_as_the_same_person_without_session_rights(person):
    user = User.from_id_token(wire(f"idtoken-claims-{person}"))
    user_id, name, verified_user, verified_email, amr, networks = PEOPLE[person]
    assert (user.id, user.name, user.verified_user, user.verified_email, user.amr) == (
        user_id,
        name,
        verified_user,
        verified_email,
        amr,
    )
    assert rights(user) == {asn: (perms, None) for asn, (perms, _) in networks.items()}
    assert user.email == f"{person}@example.net"


@pytest.mark.parametrize("name", ["profile-after-refresh", "profile-scope-profile-networks"])
def test_amr_is_unknown_after_a_refresh_or_without_its_scope(name):
    assert User.from_profile(wire(name)).amr is None


def test_amr_is_unknown_in_a_refreshed_id_token():
    assert User.from_id_token(wire("idtoken-claims-refresh")).amr is None


def test_a_profile_with_only_the_scope_profile_has_names_and_verified_user():
    user = User.from_profile(wire("profile-scope-profile"))
    assert user == User(
        id=1, name="Ada Admin", given_name="Ada", family_name="Admin", verified_user=True
    )


def test_session_rights_are_separate_from_permissions():
    user = User.from_profile(wire("profile-sessions-any-network"))
    assert rights(user) == dict.fromkeys(THREE, (READ, READ | UPDATE))


def test_an_id_token_with_only_the_scope_openid_has_the_id_and_amr():
    # Measured on PeeringDB: claims that were not granted are null; openid includes amr.
    claims = dict.fromkeys(
        (
            "name",
            "given_name",
            "family_name",
            "email",
            "email_verified",
            "id",
            "verified_user",
            "networks",
        )
    )
    assert User.from_id_token(claims | {"sub": "1", "amr": ["pwd"]}) == User(id=1, amr=("pwd",))


@pytest.mark.parametrize("name", ["profile-post", "profile-put", "profile-delete"])
def test_an_error_body_is_not_a_user(name):
    with pytest.raises(InvalidResponse) as error:
        User.from_profile(wire(name))
    assert error.value.check == "id"


def test_unknown_fields_are_ignored():
    assert User.from_profile(profile(new="x", networks=[network(new="x")])) == User.from_profile(
        profile(networks=[network()])
    )


def test_names_lose_surrounding_white_space():
    user = User.from_profile(profile(name="Ada ", given_name=" Ada", family_name=" "))
    assert (user.name, user.given_name, user.family_name) == ("Ada", "Ada", "")


def test_names_keep_the_joiners_that_persian_and_indic_scripts_need():
    assert (
        User.from_profile(profile(name="\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")).name
        == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )


@pytest.mark.parametrize(
    "unprintable",
    [
        "\n",
        "\r",
        "\x00",
        "\x1b",
        "\x7f",
        "\x85",
        "\u061c",
        "\u200b",
        "\u200f",
        "\u2028",
        "\u202e",
        "\u2066",
        "\ud800",
        "\ufeff",
        "\U000e0041",
    ],
)
def test_unprintable_characters_in_names_become_spaces(unprintable):
    user = User.from_profile(
        profile(name=f"A{unprintable}B", networks=[network(name=f"C{unprintable}D")])
    )
    assert (user.name, user.networks[0].name) == ("A B", "C D")


def test_letters_of_every_script_and_joiners_stay_in_names():
    assert User.from_profile(profile(name="क्\u200dष Žofie 京")).name == "क्\u200dष Žofie 京"


def test_unknown_permission_bits_are_dropped():
    user = User.from_profile(
        profile(networks=[network(perms=16, manage_peering_sessions=2**70 + 2)])
    )
    assert rights(user) == {64500: (Permission(0), UPDATE)}


def test_missing_session_rights_are_unknown():
    without = {key: value for key, value in network().items() if key != "manage_peering_sessions"}
    assert (
        User.from_profile(profile(networks=[without])).networks[0].manage_peering_sessions is None
    )


@pytest.mark.parametrize("absent", [{}, {"email": None}, {"email": ""}])
def test_no_email_address_is_none(absent):
    assert User.from_profile(profile(**absent)).email is None


LIMITS = {
    "networks": [network(asn=asn) for asn in range(1, MAX_NETWORKS + 1)],
    "amr": ["pwd"] * MAX_AMR,
    "name": "x" * MAX_TEXT,
    "email": "x" * MAX_TEXT,
    "id": MAX_ID,
}


@pytest.mark.parametrize("field", LIMITS)
def test_the_largest_accepted_value_is_read(field):
    assert len(str(User.from_profile(profile(**{field: LIMITS[field]})).to_dict()[field])) >= len(
        str(MAX_ID)
    )


def test_the_smallest_and_the_largest_asn_are_read():
    assert User.from_profile(profile(networks=[network(asn=4294967295), network(asn=1)])).asns == (
        4294967295,
        1,
    )


NUMBERS = [None, 0, -1, 1.0, True, "1", [], {}]

MALFORMED = [
    *[("id", profile(id=value)) for value in [*NUMBERS, MAX_ID + 1]],
    ("id", {"name": "Ada", "verified_user": True}),
    *[
        (field, profile(**{field: value}))
        for field in ("verified_user", "verified_email")
        for value in (0, 1, "true", [], {})
    ],
    *[
        (field, profile(**{field: value}))
        for field in ("name", "given_name", "family_name")
        for value in (0, False, [], "x" * (MAX_TEXT + 1))
    ],
    *[
        ("email", profile(email=value))
        for value in (0, False, [], {}, "a@example.net\nBcc: b", "\ud800", "x" * (MAX_TEXT + 1))
    ],
    *[
        ("networks", profile(networks=value))
        for value in ({}, 0, False, "", "x", LIMITS["networks"] + [network(asn=65551)])
    ],
    *[("networks[0]", profile(networks=[value])) for value in (None, 64500, "64500", [])],
    *[
        ("networks[1].id", profile(networks=[network(), network(id=value, asn=64501)]))
        for value in NUMBERS
    ],
    *[
        ("networks[0].asn", profile(networks=[network(asn=value)]))
        for value in [*NUMBERS, 2**32, "AS64500"]
    ],
    *[
        ("networks[0].name", profile(networks=[network(name=value)]))
        for value in (None, 0, [], "x" * (MAX_TEXT + 1))
    ],
    *[
        ("networks[0].perms", profile(networks=[network(perms=value)]))
        for value in (None, -1, 1.0, True, "15", [])
    ],
    *[
        (
            "networks[0].manage_peering_sessions",
            profile(networks=[network(manage_peering_sessions=value)]),
        )
        for value in (-1, 1.0, True, False, "15", [])
    ],
    *[
        (f"networks[0].{key}", profile(networks=[{k: v for k, v in network().items() if k != key}]))
        for key in ("id", "asn", "name", "perms")
    ],
    ("networks[2].asn", profile(networks=[network(), network(asn=64501), network()])),
    *[
        ("amr", profile(amr=value))
        for value in ("mfa", {}, {"mfa": True}, 0, False, ["pwd"] * (MAX_AMR + 1))
    ],
    *[
        ("amr[1]", profile(amr=["pwd", value]))
        for value in (None, 1, True, ["mfa"], "mfa\n", "x" * (MAX_TEXT + 1))
    ],
    *[("profile", value) for value in (None, 1, "x", [], [profile()])],
]


@pytest.mark.parametrize(
    ("check", "body"), MALFORMED, ids=[f"{at}-{check}" for at, (check, _) in enumerate(MALFORMED)]
)
def test_a_malformed_profile_is_refused_and_the_error_names_the_field(check, body):
    with pytest.raises(InvalidResponse) as error:
        User.from_profile(body)
    assert error.value.check == check
    assert check in str(error.value)


@pytest.mark.parametrize(
    "sub",
    [
        None,
        1,
        True,
        "",
        "0",
        "01",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "-1",
        "1.0",
        "x",
        "\u0661",
        str(MAX_ID + 1),
        "9" * 5000,
    ],
)
def test_a_subject_that_is_not_an_id_in_digits_is_refused(sub):
    with pytest.raises(InvalidResponse) as error:
        User.from_id_token({"sub": sub, "id": 1})
    assert error.value.check == "sub"


@pytest.mark.parametrize("user_id", [2, 0, True, 1.0, "1"])
def test_an_id_that_is_not_the_subject_is_refused(user_id):
    with pytest.raises(InvalidResponse) as error:
        User.from_id_token({"sub": "1", "id": user_id})
    assert error.value.check == "id"


@pytest.mark.parametrize("claims", [None, [], "x"])
def test_claims_that_are_not_a_mapping_are_refused(claims):
    with pytest.raises(InvalidResponse) as error:
        User.from_id_token(claims)
    assert error.value.check == "claims"


def test_profile_and_id_token_each_read_only_their_own_email_flag():
    assert not User.from_profile(profile(email_verified=True)).verified_email
    assert not User.from_id_token({"sub": "1", "verified_email": True}).verified_email


def test_an_error_contains_no_personal_data():
    with pytest.raises(InvalidResponse) as error:
        User.from_profile(profile(email="ada@example.net\n"))
    assert "ada" not in str(error.value)


def test_asns_keep_the_order_of_peeringdb_and_network_finds_each():
    user = User.from_profile(wire("profile-twoorgs"))
    assert user.asns == (64500, 64501, 65550, 64510)
    assert [user.network(asn) for asn in user.asns] == list(user.networks)
    assert user.network(64511) is None


def test_repr_and_logs_hide_names_and_addresses(caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s", User.from_profile(wire("profile-orgadmin")))
    assert caplog.messages == ["User(id=1, asns=[64500, 64501, 65550])"]


def test_repr_is_short_with_many_networks():
    many = tuple(Network(id=asn, asn=asn, name="x", perms=READ) for asn in range(1, 301))
    assert repr(User(id=1, networks=many)) == "User(id=1, asns=[1, 2, 3, 4, 5, 295 more])"


def test_users_are_immutable_and_equal_if_their_fields_are():
    user = User.from_profile(wire("profile-orgadmin"))
    assert {user, User.from_profile(wire("profile-orgadmin"))} == {user}
    with pytest.raises(AttributeError):
        user.verified_user = False


@pytest.mark.parametrize("person", PEOPLE)
def test_a_user_survives_a_json_session_store(person):
    for user in (
        User.from_profile(wire(f"profile-{person}")),
        User.from_id_token(wire(f"idtoken-claims-{person}")),
    ):
        assert User.from_dict(json.loads(json.dumps(user.to_dict()))) == user


def test_the_dict_contains_only_json_types():
    permissions = User.from_profile(profile(networks=[network()])).to_dict()["networks"][0]
    assert [type(value) for value in permissions.values()] == [int, int, str, int, int]


@pytest.mark.parametrize("missing", User(id=1).to_dict())
def test_a_stored_user_without_a_field_is_refused(missing):
    stored = {key: value for key, value in User(id=1).to_dict().items() if key != missing}
    with pytest.raises(InvalidResponse) as error:
        User.from_dict(stored)
    assert error.value.check == missing


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("verified_user", {"verified_user": None}),
        ("name", {"name": "Ada "}),
        ("networks", {"networks": [network(perms=16)]}),
        ("networks", {"networks": None}),
        ("amr", {"amr": []}),
        ("unknown field", {"role": "admin"}),
        ("networks[0].asn", {"networks": [network(asn=0)]}),
    ],
)
def test_a_stored_user_that_to_dict_did_not_write_is_refused(check, change):
    with pytest.raises(InvalidResponse) as error:
        User.from_dict(User(id=1).to_dict() | change)
    assert error.value.check == check


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
ID = st.integers(min_value=1, max_value=MAX_ID)
BITS = st.integers(min_value=0, max_value=31)
NETWORK = st.fixed_dictionaries(
    {
        "id": ID,
        "asn": st.integers(min_value=1, max_value=2**32 - 1),
        "name": st.text(),
        "perms": BITS,
    },
    optional={"manage_peering_sessions": st.none() | BITS},
)
GOOD = st.fixed_dictionaries(
    {"id": ID},
    optional={
        "name": st.none() | st.text(),
        "given_name": st.text(),
        "family_name": st.text(),
        "email": st.none() | st.emails(),
        "verified_email": st.none() | st.booleans(),
        "verified_user": st.none() | st.booleans(),
        "networks": st.none() | st.lists(NETWORK, max_size=5, unique_by=lambda n: n["asn"]),
        "amr": st.none() | st.lists(st.sampled_from(["pwd", "otp", "swk", "mfa"]), max_size=5),
    },
)
KEYS = [
    "id",
    "sub",
    "name",
    "email",
    "verified_email",
    "email_verified",
    "verified_user",
    "networks",
    "amr",
    "asn",
    "perms",
]
NEAR = st.dictionaries(st.sampled_from(KEYS), ANY_JSON | st.lists(NETWORK | ANY_JSON, max_size=3))
READERS = [User.from_profile, User.from_id_token, User.from_dict]


@given(GOOD)
def test_every_well_formed_profile_survives_a_round_trip(body):
    user = User.from_profile(body)
    assert User.from_dict(json.loads(json.dumps(user.to_dict()))) == user


@given(ANY_JSON | NEAR | st.builds(lambda good, near: good | {"sub": "1"} | near, GOOD, NEAR))
def test_any_json_is_a_user_or_an_invalid_response(body):
    for read in READERS:
        try:
            user = read(body)
        except InvalidResponse as error:
            assert error.check  # noqa: PT017 - both outcomes are right
        else:
            assert user.id > 0


@pytest.mark.parametrize("type_", [User, Network])
def test_fastapi_cannot_read_a_user_from_a_request(type_):
    """FastAPI calls this method if a parameter of an endpoint lacks its ``Depends``."""
    with pytest.raises(
        TypeError, match=f"a {type_.__name__} is never read from a request: write .*Depends"
    ):
        type_.__get_pydantic_core_schema__(type_, None)


def test_a_name_that_python_can_print_has_no_unprintable_character():
    missed = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if _UNPRINTABLE.search(character) and character.isprintable()
    ]
    assert missed == []
