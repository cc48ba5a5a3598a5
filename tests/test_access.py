"""Access rules: whom they allow, whom they refuse, and the reasons they give."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.access import (
    AccessRule,
    Decision,
    checked_rule,
    missing_scope,
    scope_of,
    summary,
)
from peeringdb_oauth.config import SCOPES
from peeringdb_oauth.errors import AccessDenied, ConfigurationError
from peeringdb_oauth.profile import Network, Permission, User

READ, UPDATE, CREATE, DELETE = Permission
NOT_AN_ASN = "this request names something that is not an AS number (a number from 1 to 4294967295)"
NO_ASN = "this needs rights on a network, but the request names none"


def net(asn=64500, perms=READ, sessions=READ):
    return Network(
        id=asn,
        asn=asn,
        name="Example Net",
        perms=Permission(perms),
        manage_peering_sessions=sessions,
    )


def user(*networks, **changes):
    proved = {
        "email": "ada@example.net",
        "verified_email": True,
        "verified_user": True,
        "amr": ("pwd", "otp", "mfa"),
    }
    return User(id=1, networks=networks, **(proved | changes))


def reasons(rule, who, **call):
    decision = rule.check(who, **call)
    assert decision.allowed == (not decision.reasons)
    return decision.reasons


def test_a_verified_user_without_networks_meets_the_default_rule():
    assert AccessRule().check(user()) == Decision(allowed=True, reasons=())


@pytest.mark.parametrize("allowed", [True, False])
def test_a_decision_is_true_if_access_is_allowed(allowed):
    assert bool(Decision(allowed=allowed, reasons=())) is allowed


UNVERIFIED = (
    "PeeringDB has not verified your account: ask to be affiliated with your organisation at"
    " peeringdb.com"
)
UNCONFIRMED = (
    "PeeringDB says your email address is not confirmed: confirm it at peeringdb.com and log in"
    " again"
)
NO_EMAIL = "PeeringDB did not say whether your email address is confirmed"
ONE_FACTOR = (
    "you logged in without a second factor: log in again with one (PeeringDB does not count a"
    " backup code)"
)
AMR_UNKNOWN = "PeeringDB did not say whether you used a second factor: log in again"


@pytest.mark.parametrize(
    ("switch", "change", "reason"),
    [
        ("verified_user", {"verified_user": False}, UNVERIFIED),
        ("verified_email", {"verified_email": False}, UNCONFIRMED),
        ("verified_email", {"verified_email": False, "email": None}, NO_EMAIL),
        ("mfa", {"amr": ("pwd",)}, ONE_FACTOR),
        ("mfa", {"amr": None}, AMR_UNKNOWN),
    ],
)
def test_each_switch_requires_its_evidence_and_nothing_else(switch, change, reason):
    off = {"verified_user": False, "verified_email": False, "mfa": False}
    assert reasons(AccessRule(**(off | {switch: True})), user(**change)) == (reason,)
    assert reasons(AccessRule(**off), user(**change)) == ()


def test_a_second_factor_meets_a_rule_that_requires_one():
    assert AccessRule(mfa=True).check(user())


@pytest.mark.parametrize(
    ("perms", "has", "reason"),
    [
        (READ, 0, "AS64500: you may not read this network"),
        (UPDATE, READ, "AS64500: you may read this network but not update it"),
        (UPDATE, 0, "AS64500: you may not update this network"),
        (DELETE, READ | UPDATE, "AS64500: you may read this network but not delete it"),
        (CREATE, READ, "AS64500: you may read this network but not create entries for it"),
        (READ, UPDATE, "AS64500: you may not read this network"),
    ],
)
def test_a_reason_names_missing_permissions_in_words(perms, has, reason):
    assert reasons(AccessRule(asn=64500, perms=perms), user(net(perms=has))) == (reason,)


def test_each_missing_permission_is_a_reason():
    rule = AccessRule(asn=64500, perms=UPDATE | DELETE)
    assert reasons(rule, user(net())) == (
        "AS64500: you may read this network but not update it",
        "AS64500: you may read this network but not delete it",
    )


@pytest.mark.parametrize("perms", [READ, UPDATE, READ | DELETE, CREATE])
def test_all_permissions_meet_every_rule(perms):
    assert AccessRule(asn=64500, perms=perms).check(user(net(perms=15)))


def test_a_network_of_other_people_is_refused():
    assert reasons(AccessRule(asn=64500), user(net(64501, 15))) == (
        "you are not affiliated with AS64500 at PeeringDB",
    )
    assert reasons(AccessRule(), user(net(64501, 15)), asn=64500) == (
        "you are not affiliated with AS64500 at PeeringDB",
    )


@pytest.mark.parametrize("bits", [UPDATE, CREATE, DELETE, READ | UPDATE, Permission(15)])
def test_any_write_bit_is_enough_to_manage_sessions(bits):
    assert AccessRule(asn=64500, manage_sessions=True).check(user(net(sessions=bits)))


@pytest.mark.parametrize("bits", [READ, Permission(0)])
def test_a_plain_member_does_not_manage_sessions(bits):
    assert reasons(
        AccessRule(manage_sessions=True), user(net(perms=15, sessions=bits)), asn=64500
    ) == (
        (
            "AS64500: you may not manage its peering sessions: ask an administrator of its"
            " organisation at peeringdb.com"
        ),
    )


def test_unknown_session_rights_are_refused_and_the_reason_says_so():
    assert reasons(
        AccessRule(manage_sessions=True), user(net(perms=15, sessions=None)), asn=64500
    ) == (
        (
            "AS64500: PeeringDB did not say whether you may manage its peering sessions (an ID"
            " token never says it, the profile does)"
        ),
    )


def test_session_rights_do_not_count_unless_the_rule_requires_them():
    assert AccessRule(asn=64500).check(user(net(sessions=None)))


def test_one_of_several_networks_suffices_whatever_its_position():
    rule = AccessRule(asn=[64500, 64501, 64502], perms=UPDATE)
    assert rule.check(user(net(64501), net(64502, 15)))
    assert rule.check(user(net(64500, 15), net(64501)))


def test_permissions_are_not_added_up_over_networks():
    rule = AccessRule(asn=(64500, 64501), perms=UPDATE | DELETE)
    assert not rule.check(user(net(64500, UPDATE), net(64501, DELETE)))


def test_one_reason_says_why_none_of_several_networks_suffices():
    (reason,) = reasons(AccessRule(asn=[64500, 64501, 64502], perms=UPDATE), user(net(64501)))
    assert (
        reason
        == "one network is enough, but AS64501: you may read this network but not update it, "
        "and you are not affiliated with AS64500 or AS64502 at PeeringDB"
    )


def test_that_reason_names_every_network_of_the_user():
    assert reasons(
        AccessRule(asn=[64500, 64501], perms=UPDATE), user(net(64500), net(64501, 0))
    ) == (
        (
            "one network is enough, but AS64500: you may read this network but not update it, and"
            " AS64501: you may not update this network"
        ),
    )


def test_a_reason_names_at_most_five_networks():
    assert reasons(AccessRule(asn=range(64496, 64512)), user()) == (
        (
            "one network is enough, but you are not affiliated with AS64496, AS64497, AS64498,"
            " AS64499, AS64500 or 11 others at PeeringDB"
        ),
    )


def test_the_network_of_the_call_must_be_one_of_the_rule():
    rule = AccessRule(asn=(64500, 64501))
    mine = user(net(64500), net(64502))
    assert rule.check(mine, asn=64500)
    assert reasons(rule, mine, asn=64502) == (
        "AS64502 is not one of the networks that are allowed here",
    )
    assert reasons(rule, mine, asn=64501) == ("you are not affiliated with AS64501 at PeeringDB",)


def test_only_the_network_of_the_call_counts_if_the_rule_names_several():
    rule = AccessRule(asn=(64500, 64501), perms=UPDATE)
    assert not rule.check(user(net(64500), net(64501, 15)), asn=64500)


@pytest.mark.parametrize("rule", [AccessRule(), AccessRule(asn=64500)])
@pytest.mark.parametrize("asn", ["64500", "", True, False, 0, -1, 2**32, 64500.0, (64500,), [], {}])
def test_a_call_with_an_invalid_as_number_is_refused(rule, asn):
    assert reasons(rule, user(net(64500, 15), net(1, 15)), asn=asn) == (NOT_AN_ASN,)


@pytest.mark.parametrize(
    "rule",
    [AccessRule(perms=UPDATE), AccessRule(perms=READ | UPDATE), AccessRule(manage_sessions=True)],
)
def test_permissions_without_a_network_are_refused(rule):
    assert reasons(rule, user(net(perms=15, sessions=Permission(15)))) == (NO_ASN,)


def test_all_unmet_conditions_are_reported_at_once():
    rule = AccessRule(mfa=True, asn=64501, perms=DELETE, manage_sessions=True)
    nobody = user(net(perms=READ), verified_user=False, verified_email=False, amr=None)
    assert reasons(rule, nobody, asn=64500) == (
        UNVERIFIED,
        UNCONFIRMED,
        AMR_UNKNOWN,
        "AS64500 is not one of the networks that are allowed here",
        "AS64500: you may read this network but not delete it",
        (
            "AS64500: you may not manage its peering sessions: ask an administrator of its"
            " organisation at peeringdb.com"
        ),
    )


def test_require_raises_the_reasons_of_check():
    rule = AccessRule(asn=64500, mfa=True)
    stranger = user(amr=None)
    with pytest.raises(AccessDenied) as denied:
        rule.require(stranger)
    assert denied.value.reasons == rule.check(stranger).reasons


def test_require_checks_the_network_of_the_call():
    AccessRule(perms=UPDATE).require(user(net(perms=15)), asn=64500)
    with pytest.raises(AccessDenied):
        AccessRule(perms=UPDATE).require(user(net(perms=15)), asn=64501)


@pytest.mark.parametrize(
    "asn", [[64500, 64501, 64500], (64500, 64501), iter([64500, 64501]), {64500: "a", 64501: "b"}]
)
def test_several_networks_are_kept_as_a_tuple_without_duplicates(asn):
    assert AccessRule(asn=asn).asn == (64500, 64501)


def test_one_network_is_kept_as_a_tuple_and_none_as_none():
    assert (AccessRule(asn=64500).asn, AccessRule().asn) == ((64500,), None)


@pytest.mark.parametrize(
    "rule", [AccessRule(), AccessRule(asn=64500), AccessRule(asn=[64500, 64501])]
)
def test_a_rule_can_be_copied_with_dataclasses_replace(rule):
    assert dataclasses.replace(dataclasses.replace(rule, mfa=True), mfa=False) == rule


@pytest.mark.parametrize(
    "asn",
    [
        0,
        -1,
        2**32,
        True,
        "64500",
        "",
        b"ab",
        bytearray(b"ab"),
        64500.0,
        [],
        (),
        [64500, None],
        ["64500"],
        [[64500]],
    ],
)
def test_a_rule_with_an_invalid_as_number_is_refused(asn):
    with pytest.raises(ConfigurationError) as error:
        AccessRule(asn=asn)
    assert error.value.problems == (
        "asn must be an int from 1 to 4294967295, several of them, or None",
    )


@pytest.mark.parametrize(
    "perms", [2, 0, True, None, "READ", Permission(0), Permission(16), UPDATE | Permission(16)]
)
def test_a_rule_with_unknown_permissions_is_refused(perms):
    with pytest.raises(ConfigurationError) as error:
        AccessRule(perms=perms)
    assert error.value.problems == (
        "perms must be one or several of Permission.READ, UPDATE, CREATE and DELETE, joined with |",
    )


@pytest.mark.parametrize("switch", ["verified_user", "verified_email", "mfa", "manage_sessions"])
@pytest.mark.parametrize("value", [None, 0, 1, "", "false"])
def test_a_switch_that_is_not_true_or_false_is_refused(switch, value):
    with pytest.raises(ConfigurationError) as error:
        AccessRule(**{switch: value})
    assert error.value.problems == (f"{switch} must be True or False",)


def test_all_wrong_arguments_are_reported_at_once():
    with pytest.raises(ConfigurationError) as error:
        AccessRule(verified_user=None, perms=0, asn=[])
    assert [problem.split()[0] for problem in error.value.problems] == [
        "verified_user",
        "perms",
        "asn",
    ]


ASNS = st.integers(min_value=64496, max_value=64499)
BITS = st.integers(min_value=0, max_value=15).map(Permission)
NETWORKS = st.lists(
    st.builds(net, ASNS, BITS, st.none() | BITS), unique_by=lambda n: n.asn, max_size=4
)
USERS = st.builds(
    lambda networks, **proved: User(id=1, networks=tuple(networks), **proved),
    NETWORKS,
    verified_user=st.booleans(),
    verified_email=st.booleans(),
    amr=st.sampled_from([None, ("pwd",), ("pwd", "mfa")]),
)
RULES = st.builds(
    AccessRule,
    verified_user=st.booleans(),
    verified_email=st.booleans(),
    mfa=st.booleans(),
    asn=st.none() | ASNS | st.lists(ASNS, min_size=1),
    perms=st.integers(min_value=1, max_value=15).map(Permission),
    manage_sessions=st.booleans(),
)


def weaker(who, draw):
    """The same user with one piece of evidence less."""
    at = draw(st.integers(min_value=0, max_value=max(0, len(who.networks) - 1)))
    one, others = who.networks[at : at + 1], who.networks[:at] + who.networks[at + 1 :]
    less = [dataclasses.replace(n, perms=n.perms & draw(BITS)) for n in one]
    fewer = [
        dataclasses.replace(n, manage_peering_sessions=draw(st.sampled_from([None, READ])))
        for n in one
    ]
    change = draw(
        st.sampled_from(
            [
                {"networks": others},
                {"networks": (*others, *less)},
                {"networks": (*others, *fewer)},
                {"verified_user": False},
                {"verified_email": False},
                {"amr": None},
                {"amr": ("pwd",)},
            ]
        )
    )
    return dataclasses.replace(who, **change)


@given(USERS, RULES, st.none() | ASNS, st.data())
def test_less_evidence_never_turns_a_refusal_into_an_allow(who, rule, asn, data):
    if rule.check(weaker(who, data.draw), asn=asn):
        assert rule.check(who, asn=asn)


@given(USERS, RULES, st.none() | ASNS)
def test_allowed_means_no_reason_and_refused_means_reasons(who, rule, asn):
    decision = rule.check(who, asn=asn)
    assert bool(decision) == (not decision.reasons)


@given(USERS, RULES, ASNS)
def test_an_allowed_call_means_what_the_rule_says(who, rule, asn):
    """`AccessRule.check` agrees with a second, simpler implementation."""
    network = who.network(asn)
    met = (
        network is not None
        and (rule.asn is None or asn in rule.asn)
        and all(bit in network.perms for bit in rule.perms)
        and (not rule.manage_sessions or (network.manage_peering_sessions or 0) > 1)
        and (who.verified_user or not rule.verified_user)
        and (who.verified_email or not rule.verified_email)
        and ("mfa" in (who.amr or ()) or not rule.mfa)
    )
    assert bool(rule.check(who, asn=asn)) == met


@given(USERS, RULES)
def test_a_rule_with_several_networks_allows_what_one_of_them_allows(who, rule):
    if rule.asn is not None:
        assert bool(rule.check(who)) == any(rule.check(who, asn=asn) for asn in rule.asn)


# --- what programs read of a reason ---------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "who", "call", "code", "asn"),
    [
        (AccessRule(), user(verified_user=False), {}, "unverified_user", None),
        (AccessRule(), user(verified_email=False), {}, "unverified_email", None),
        (AccessRule(), user(verified_email=False, email=None), {}, "email_unknown", None),
        (AccessRule(mfa=True), user(amr=("pwd",)), {}, "needs_second_factor", None),
        (AccessRule(mfa=True), user(amr=None), {}, "second_factor_unknown", None),
        (AccessRule(), user(), {"asn": "AS64500"}, "invalid_asn", None),
        (AccessRule(perms=UPDATE), user(), {}, "no_network", None),
        (AccessRule(asn=64501), user(net(64500)), {"asn": 64500}, "network_not_allowed", 64500),
        (AccessRule(), user(), {"asn": 64500}, "not_affiliated", 64500),
        (AccessRule(asn=64500), user(), {}, "not_affiliated", 64500),
        (AccessRule(asn=(64500, 64501)), user(), {}, "needs_one_network", None),
        (AccessRule(asn=64500), user(net(perms=0)), {}, "needs_read", 64500),
        (AccessRule(asn=64500, perms=UPDATE), user(net()), {}, "needs_update", 64500),
        (AccessRule(asn=64500, perms=CREATE), user(net()), {}, "needs_create", 64500),
        (AccessRule(asn=64500, perms=DELETE), user(net()), {}, "needs_delete", 64500),
        (AccessRule(asn=64500, manage_sessions=True), user(net()), {}, "needs_sessions", 64500),
        (
            AccessRule(asn=64500, manage_sessions=True),
            user(net(sessions=None)),
            {},
            "sessions_unknown",
            64500,
        ),
    ],
)
def test_a_reason_has_a_code_and_the_network_it_is_about(rule, who, call, code, asn):
    [reason] = reasons(rule, who, **call)
    assert (reason.code, reason.asn) == (code, asn)


@pytest.mark.parametrize(
    ("rule", "who", "cause"),
    [
        (AccessRule(), user(verified_email=False, email=None), "the scope 'email' is missing"),
        (AccessRule(mfa=True), user(amr=None), "perhaps the scope 'amr' is missing"),
        (AccessRule(perms=UPDATE), user(), "neither the rule nor the request names an AS number"),
    ],
)
def test_what_the_operator_must_do_is_not_in_the_sentence(rule, who, cause):
    [reason] = reasons(rule, who)
    assert cause in reason.cause
    assert "scope" not in reason
    assert "rule" not in reason


# --- the scope that a rule needs ------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        (AccessRule(verified_email=False), {"profile": "verified_user"}),
        (AccessRule(), {"profile": "verified_user", "email": "verified_email"}),
        (AccessRule(verified_email=False, mfa=True), {"profile": "verified_user", "amr": "mfa"}),
        *(
            (rule, {"profile": "verified_user", "networks": "asn"})
            for rule in (
                AccessRule(verified_email=False, asn=64500),
                AccessRule(verified_email=False, perms=Permission.UPDATE),
                AccessRule(verified_email=False, manage_sessions=True),
            )
        ),
    ],
)
def test_the_scope_that_a_rule_needs(rule, needed):
    assert scope_of(rule) == needed


def test_each_missing_word_is_a_problem_that_names_the_condition():
    needed = scope_of(AccessRule(asn=64500, mfa=True))
    assert missing_scope(needed, ("profile", "email"), where="the rule") == [
        "scope: 'networks' is missing, and the rule asks for asn; add 'networks'",
        "scope: 'amr' is missing, and the rule asks for mfa; add 'amr'",
    ]
    assert missing_scope(needed, SCOPES, where="the rule") == []


def test_a_rule_is_one_line_in_a_log():
    rule = AccessRule(mfa=True, asn=(64500, 64501), perms=UPDATE | DELETE, manage_sessions=True)
    assert summary(rule) == (
        "verified_user verified_email mfa asn=AS64500 or AS64501 perms=UPDATE|DELETE"
        " manage_sessions"
    )
    assert summary(AccessRule(verified_user=False, verified_email=False)) == "none"


def test_a_line_in_a_log_names_at_most_five_networks():
    five = "asn=AS64496 or AS64497 or AS64498 or AS64499 or AS64500"
    assert summary(AccessRule(asn=range(64496, 64501))).endswith(five)
    assert summary(AccessRule(asn=range(64496, 64502))).endswith(f"{five} or ...")


# --- a rule from the caller -----------------------------------------------------------


def test_without_a_rule_the_default_one_counts():
    assert checked_rule(None) == AccessRule()
    rule = AccessRule(asn=64500)
    assert checked_rule(rule) is rule


@pytest.mark.parametrize("rule", [64500, "AS64500", False, AccessRule])
def test_what_is_not_a_rule_is_refused(rule):
    with pytest.raises(ConfigurationError) as refused:
        checked_rule(rule)
    assert str(refused.value) == "rule: must be an AccessRule, such as AccessRule(asn=64500)"
