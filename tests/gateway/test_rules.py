"""Which rule decides about a request, and what it says to a person."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from path_models import slow_match

from peeringdb_oauth.gateway.asn_file import ASNFile
from peeringdb_oauth.gateway.paths import TRICKS, OddPath, parse
from peeringdb_oauth.gateway.rules import Conditions, Role, Rule, Rules, roles_of
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.web import NO_ASN

LG, GRAFANA = "lg.example.net", "grafana.example.net"
READ, UPDATE = Permission.READ, Permission.UPDATE


def person(networks=(), **fields):
    """A verified person. ``networks``: perms by AS number."""
    rows = dict(networks)
    known = {"verified_user": True, "verified_email": True, "email": "ada@example.net", **fields}
    return User(
        id=7,
        networks=tuple(
            Network(id=asn, asn=asn, name=f"Net {asn}", perms=perms, manage_peering_sessions=perms)
            for asn, perms in rows.items()
        ),
        **known,
    )


def rules(*fields):
    return Rules(Rule(index=index, **one) for index, one in enumerate(fields, 1))


def decides(these, path, host=LG, method="GET"):
    match = these.match(host, method, parse(path))
    return match.rule and match.rule.index, match.refusal and match.refusal.code


OPEN = {"allow": "everybody"}
SOME = rules(
    {"path": "/public/", **OPEN},
    {"path": "/members/{asn}/"},
    {"path": "/members/", "allow": "verified"},
    {"host": GRAFANA, "conditions": Conditions(asns=(64500,))},
    {"path": "/status", "methods": frozenset({"GET", "HEAD"}), "allow": "verified"},
)


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("/public", 1),
        ("/public/", 1),
        ("/public/a/b?x", 1),
        ("/publicity", None),
        ("/Public/", None),  # exactly as written
        ("/members", 3),
        ("/members/", 3),
        ("/members/64500", 2),
        ("/members/64500/sessions/7", 2),
        ("/status", 5),
        ("/statusboard", None),
        ("/status/board", 5),
        ("/", None),
        ("/a/public", None),
    ],
)
def test_a_rule_matches_whole_segments_at_the_start_of_a_path(path, index):
    assert decides(SOME, path) == (index, None if index else "no_rule")


@pytest.mark.parametrize(
    "number", ["064500", "AS64500", "4294967296", "0", "-1", "64500x", "6450\u0660", "me", "1e3"]
)
def test_a_path_that_fits_but_for_its_number_is_refused_by_that_rule(number):
    match = SOME.match(LG, "GET", parse(f"/members/{number}/x".encode().decode("latin-1")))
    assert (match.rule.index, match.asn, match.refusal.code) == (2, NO_ASN, "invalid_asn")


def test_the_number_is_read_from_the_path():
    assert SOME.match(LG, "GET", parse("/members/4294967295/")).asn == 4294967295
    assert SOME.match(LG, "GET", parse("/public/64500/")).asn is None


def test_host_and_methods_are_conditions():
    assert decides(SOME, "/x", host=GRAFANA) == (4, None)
    assert decides(SOME, "/status", host=GRAFANA) == (4, None)
    assert decides(SOME, "/status", method="HEAD") == (5, None)
    assert decides(SOME, "/status", method="POST") == (None, "no_rule")


@pytest.mark.parametrize("method", ["", "get", "Get", "GET ", "GET\n", "-", "GÉT", "G" * 33])
def test_an_odd_method_is_refused_before_any_rule(method):
    """Some servers read ``get`` as GET, and a rule for GET would not match it."""
    assert decides(SOME, "/public/", method=method) == (None, "odd_method")


@pytest.mark.parametrize(
    ("path", "tricks"),
    [
        ("/public%2Fx", "%2F"),
        ("/public\\x", "%5C"),
        ("/public;x", ";"),
        ("/public//x", "//"),
        ("/public/100%25", "%25"),
        ("/public/what%3F", "%3F"),
        ("/public/c%23", "%23"),
    ],
)
def test_a_trick_is_refused_where_no_rule_allows_it(path, tricks):
    match = SOME.match(LG, "GET", parse(path))
    assert (match.rule, match.refusal.code) == (None, "ambiguous_path")
    assert f'allow_in_path = ["{tricks}"]' in match.refusal.cause


def test_all_tricks_of_a_path_are_named():
    refusal = SOME.match(LG, "GET", parse("/public;x//y\\z")).refusal
    assert refusal == "servers could read this address in more than one way"
    assert refusal.cause == (
        "if the application needs such addresses, add"
        ' allow_in_path = ["//", ";", "%5C"] to its rule'
    )


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("/a/b/64500/c/d", 1),
        ("/a/b/64500/c/d/e", 1),
        ("/a/b/64500/x/d", None),
        ("/a/b/64500/c/x", None),
        ("/a/x/64500/c/d", None),
        ("/x/b/64500/c/d", None),
        ("/a/b/64500/c", None),
        ("/a/b/64500/d", None),
    ],
)
def test_all_segments_around_the_number_must_fit(path, index):
    assert decides(rules({"path": "/a/b/{asn}/c/d"}), path)[0] == index


TRICKY = rules(
    {"path": "/api/admin", "conditions": Conditions(asns=(64500,))},
    {"path": "/api/", "allow": "verified", "allow_in_path": frozenset({"%2F", ";"})},
    {"path": "/members/{asn}/", "allow_in_path": frozenset({"%2F", "//"})},
    {"path": "/", "allow": "verified", "allow_in_path": frozenset({"//"})},
)


@pytest.mark.parametrize(
    ("path", "index", "refusal"),
    [
        ("/api/group%2Fproject", 2, None),
        ("/api/a;b%2Fc", 2, None),
        ("/api/a//b", 2, "ambiguous_path"),  # another trick
        ("/api/a%5Cb", None, "ambiguous_path"),  # allowed nowhere
        ("/api%2Fadmin", None, "ambiguous_path"),  # rule 1, or rule 4
        ("/api/x;/admin", 2, None),
        ("/api;x/admin", None, "ambiguous_path"),
        ("/api;/a", None, "ambiguous_path"),  # rule 2, or rule 4
        ("/members/64500/a%2Fb", 3, None),
        ("/members/64500%2Fa", None, "ambiguous_path"),  # the number, or none
        ("/members/64500//64501", 3, None),
        ("/members//64500", None, "ambiguous_path"),
        ("//members/64500", None, "ambiguous_path"),
        ("//a", 4, None),
        ("//evil/api/admin", None, "ambiguous_path"),
        ("/%61pi/x", None, "ambiguous_path"),  # rule 2, or rule 4 for who decodes nothing
        ("/members/%364500/", None, "ambiguous_path"),
        ("/api/%7Euser", 2, None),
    ],
)
def test_a_path_with_a_trick_needs_one_rule_for_all_its_readings(path, index, refusal):
    assert decides(TRICKY, path) == (index, refusal)


PIECES = st.sampled_from(
    [
        "public",
        "members",
        "64500",
        "64501",
        "0",
        "x",
        "/",
        "/",
        "/",
        *TRICKS,
        "%78",
        "%6D",
        "..",
        "?",
    ]
)
PATHS = st.lists(PIECES, max_size=9).map(lambda pieces: "/" + "".join(pieces))
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "host": st.sampled_from([None, LG, GRAFANA]),
            "path": st.lists(st.sampled_from(["public", "members", "x", "64500"]), max_size=2)
            .flatmap(lambda names: st.sampled_from([names, [*names, "{asn}"], ["{asn}", *names]]))
            .map(lambda names: "/" + "/".join(names)),
            "methods": st.sampled_from([None, frozenset({"GET"}), frozenset({"GET", "POST"})]),
            "allow_in_path": st.sets(st.sampled_from(TRICKS)).map(frozenset),
        }
    ),
    max_size=5,
).map(lambda many: rules(*many))


@given(RULES, PATHS, st.sampled_from([LG, GRAFANA]), st.sampled_from(["GET", "POST", "PUT"]))
def test_the_rules_decide_as_the_slow_and_obvious_way(these, path, host, method):
    try:
        requested = parse(path)
    except OddPath:
        return
    match = these.match(host, method, requested)
    found = {slow_match(these, host, method, reading) for reading in requested.readings}
    [(rule, number), *others] = found
    passes = match.refusal is None
    allows = rule is not None and requested.tricks <= rule.allow_in_path
    assert passes == (not others and allows and number != "none")
    if passes:
        assert (match.rule, match.asn) == (rule, number)


@given(RULES, PATHS)
def test_a_path_with_a_trick_never_passes_a_rule_that_did_not_name_it(these, path):
    try:
        requested = parse(path)
    except OddPath:
        return
    match = these.match(LG, "GET", requested)
    if match.refusal is None:
        assert requested.tricks <= match.rule.allow_in_path


@given(RULES, PATHS)
def test_rules_after_the_one_that_decides_change_nothing(these, path):
    try:
        requested = parse(path)
    except OddPath:
        return
    match = these.match(LG, "GET", requested)
    if match.refusal is None:
        first = Rules(list(these)[: match.rule.index])
        assert first.match(LG, "GET", requested) == match


def code_of(rule, user, asn=None):
    decision = rule.check(user, asn)
    return None if decision.allowed else decision.reasons[0].code


def test_everybody_passes_an_open_rule():
    rule = Rule(index=1, allow="everybody")
    assert rule.is_open
    assert rule.check(person(verified_user=False), None).allowed


def test_verified_people_pass_without_a_network():
    rule = Rule(index=1, allow="verified")
    assert not rule.is_open
    assert code_of(rule, person()) is None
    assert code_of(rule, person(verified_user=False)) == "unverified_user"
    assert code_of(rule, person(verified_email=False)) == "unverified_email"
    with_mfa = replace(rule, conditions=Conditions(mfa=True))
    assert code_of(with_mfa, person(amr=("pwd", "mfa"))) is None
    assert code_of(with_mfa, person(amr=("pwd",))) == "needs_second_factor"


def test_one_of_several_networks_suffices():
    rule = Rule(index=1, conditions=Conditions(asns=(64500, 64501), perms=UPDATE))
    assert code_of(rule, person({64501: READ | UPDATE})) is None
    assert code_of(rule, person({64501: READ})) == "needs_one_network"
    assert code_of(rule, person()) == "needs_one_network"


IN_PATH = Rule(index=1, path="/members/{asn}/", conditions=Conditions(perms=UPDATE), own_asn=64496)


@pytest.mark.parametrize(
    ("networks", "asn", "code"),
    [
        ({64500: READ | UPDATE}, 64500, None),
        ({64500: READ}, 64500, "needs_update"),
        ({64500: READ | UPDATE}, 64501, "not_affiliated"),
        ({64496: READ | UPDATE}, 64501, None),  # people of the operator's network
        ({64496: READ}, 64501, "not_affiliated"),  # who must have the same right there
        ({64496: READ, 64501: READ | UPDATE}, 64501, None),
        ({64496: READ | UPDATE}, 64496, None),
        ({64496: READ | UPDATE}, NO_ASN, "invalid_asn"),
        ({64496: READ | UPDATE}, None, "invalid_asn"),  # never without a number
    ],
)
def test_the_network_in_the_path_is_asked_for(networks, asn, code):
    assert code_of(IN_PATH, person(networks), asn) == code


def test_own_people_need_the_same_account():
    rule = replace(IN_PATH, conditions=Conditions(mfa=True, manage_sessions=True))
    own = person({64496: READ | UPDATE}, amr=("mfa",))
    assert code_of(rule, own, 64501) is None
    assert code_of(rule, replace(own, verified_user=False), 64501) == "unverified_user"
    assert code_of(rule, replace(own, amr=("pwd",)), 64501) == "needs_second_factor"
    assert code_of(rule, person({64496: READ}, amr=("mfa",)), 64501) == "not_affiliated"


def test_a_list_and_a_number_in_the_path_must_both_fit():
    rule = Rule(index=1, path="/{asn}", conditions=Conditions(asns=(64500,)))
    both = person({64500: READ, 64501: READ})
    assert code_of(rule, both, 64500) is None
    assert code_of(rule, both, 64501) == "network_not_allowed"


@pytest.fixture
def members(tmp_path):
    path = tmp_path / "members.txt"
    path.write_text("64500\n64501\n")
    return ASNFile(path)


def test_networks_of_a_file_count(members):
    rule = Rule(index=1, conditions=Conditions(asn_file=members, perms=UPDATE))
    assert code_of(rule, person({64502: READ | UPDATE, 64501: READ | UPDATE})) is None
    assert code_of(rule, person({64501: READ})) == "needs_update"  # the others are not hers
    assert code_of(rule, person({64502: READ | UPDATE})) == "needs_one_network"
    members.path.write_text("64502\n# and nobody else\n")
    assert members.refresh()
    assert code_of(rule, person({64502: READ | UPDATE})) is None
    assert code_of(rule, person({64501: READ | UPDATE})) == "not_affiliated"


def test_the_network_in_the_path_must_be_in_the_file(members):
    rule = Rule(index=1, path="/{asn}", conditions=Conditions(asn_file=members))
    user = person({64500: READ, 64502: READ})
    assert code_of(rule, user, 64500) is None
    assert code_of(rule, user, 64501) == "not_affiliated"
    assert code_of(rule, user, 64502) == "network_not_allowed"
    assert code_of(rule, user, NO_ASN) == "invalid_asn"


def test_a_role_may_be_for_the_networks_of_a_file(members):
    roles = [Role(name="Member", conditions=Conditions(asn_file=members))]
    assert roles_of(person({64501: READ}), roles) == ("Member",)
    assert roles_of(person({64502: READ}), roles) == ()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "rule 3"),
        ({"path": "/"}, "rule 3"),
        ({"path": "/members/{asn}/"}, "rule 3 (path /members/{asn}/)"),
        ({"host": LG}, "rule 3 (host lg.example.net)"),
        ({"host": LG, "path": "/x"}, "rule 3 (host lg.example.net, path /x)"),
    ],
)
def test_a_rule_has_a_name(fields, name):
    assert Rule(index=3, **fields).name == name


def test_roles_are_named_in_their_order_and_once():
    roles = [
        Role(name="Editor", conditions=Conditions(asns=(64500,), perms=UPDATE)),
        Role(name="Viewer", conditions=Conditions(asns=(64500, 64501))),
        Role(name="Editor", conditions=Conditions(asns=(64501,), perms=UPDATE)),
    ]
    assert roles_of(person({64501: READ | UPDATE}), roles) == ("Viewer", "Editor")
    assert roles_of(person({64500: READ | UPDATE, 64501: READ | UPDATE}), roles) == (
        "Editor",
        "Viewer",
    )
    assert roles_of(person({64500: READ | UPDATE}, verified_user=False), roles) == ()
    assert roles_of(person(), roles) == ()
