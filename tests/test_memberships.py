"""Plans make, keep and remove the right links, and never remove those made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.memberships import Membership, MembershipPlan, plan_memberships
from peeringdb_oauth.profile import Network, Permission, User

TENANTS = {64500: "Example One", 64501: "Example Two", 64502: "Example Three"}


def user(*asns, perms=1, **changes):
    networks = tuple(Network(id=asn, asn=asn, name="x", perms=Permission(perms)) for asn in asns)
    return User(
        id=1, networks=networks, **({"verified_user": True, "verified_email": True} | changes)
    )


def links(*asns, origin="peeringdb"):
    return tuple(Membership(asn=asn, origin=origin) for asn in asns)


def plan(who, tenants=TENANTS, current=(), rule=AccessRule()):  # noqa: B008 - a frozen value
    return plan_memberships(who, tenants, current, rule)


def test_a_first_login_links_the_users_networks_that_are_tenants():
    assert plan(user(64502, 64510, 64500)) == MembershipPlan(
        add=links(64500, 64502), keep=(), remove=()
    )


def test_a_later_login_keeps_its_links():
    assert plan(user(64500, 64501), current=links(64500)) == MembershipPlan(
        add=links(64501), keep=links(64500), remove=()
    )


def test_a_link_is_removed_with_the_affiliation():
    assert plan(user(64501), current=links(64500, 64501)) == MembershipPlan(
        add=(), keep=links(64501), remove=links(64500)
    )


def test_a_link_is_removed_with_the_tenant():
    assert plan(user(64510), current=links(64510)) == MembershipPlan(
        add=(), keep=(), remove=links(64510)
    )


@pytest.mark.parametrize("asns", [(64510, 64500), (64500, 64510)])
def test_the_position_of_a_network_in_the_list_does_not_matter(asns):
    assert plan(user(*asns)).add == links(64500)


def test_a_link_is_removed_when_the_rule_no_longer_allows_it():
    rule = AccessRule(perms=Permission.UPDATE)
    assert plan(user(64500, perms=1), current=links(64500), rule=rule).remove == links(64500)
    assert plan(user(64500, perms=3), current=links(64500), rule=rule).keep == links(64500)


def test_an_unverified_user_loses_only_the_links_that_peeringdb_made():
    current = links(64500) + links(64501, origin="manual")
    outcome = plan(user(64500, 64501, 64502, verified_user=False), current=current)
    assert outcome == MembershipPlan(
        add=(), keep=links(64501, origin="manual"), remove=links(64500)
    )


@pytest.mark.parametrize("origin", ["manual", "", "PeeringDB", "ldap"])
def test_a_link_of_another_origin_is_always_kept(origin):
    current = links(64500, 64511, origin=origin)
    assert plan(user(), current=current) == MembershipPlan(add=(), keep=current, remove=())


def test_a_link_made_by_hand_is_not_made_a_second_time():
    assert plan(user(64500), current=links(64500, origin="manual")).add == ()


def test_a_link_by_peeringdb_beside_one_by_hand_is_removed_without_it():
    both = links(64500, origin="manual") + links(64500)
    assert plan(user(64500), current=both) == MembershipPlan(add=(), keep=both, remove=())
    assert plan(user(), current=both) == MembershipPlan(add=(), keep=both[:1], remove=both[1:])


def test_a_repeated_link_counts_once():
    assert plan(user(64500), current=links(64501, 64500, 64500, 64501)) == MembershipPlan(
        add=(), keep=links(64500), remove=links(64501)
    )


def test_a_plan_is_true_while_a_link_is_left():
    assert plan(user(64500))
    assert plan(user(64500), current=links(64500))
    assert plan(user(), current=links(64500, origin="manual"))


def test_a_plan_without_any_link_left_is_false():
    assert not plan(user())
    assert not plan(user(), current=links(64500))


def test_the_links_may_come_from_a_generator():
    assert plan(user(64500), current=(link for link in links(64500))).keep == links(64500)


@pytest.mark.parametrize(
    "tenants", [None, [64500], {"64500": "x"}, {64500: "x", None: "y"}, {0: "x"}, {True: "x"}]
)
def test_tenants_that_are_not_a_mapping_by_asn_are_refused(tenants):
    with pytest.raises(ConfigurationError) as error:
        plan(user(64500), tenants=tenants)
    assert error.value.problems == (
        "tenants must be a mapping from ASNs (int) to the application's tenants",
    )


@pytest.mark.parametrize(
    "current",
    [
        None,
        64500,
        links(64500)[0],
        [64500],
        ["peeringdb"],
        "peeringdb",
        [links(64500)],
        [*links(64500), None],
    ],
)
def test_links_that_are_not_memberships_are_refused(current):
    with pytest.raises(ConfigurationError) as error:
        plan(user(64500), current=current)
    assert error.value.problems == ("current must be the user's links, each a Membership",)


def test_both_problems_are_reported_at_once():
    with pytest.raises(ConfigurationError) as error:
        plan(user(64500), tenants=None, current=None)
    assert len(error.value.problems) == 2


@pytest.mark.parametrize(
    ("asn", "origin"),
    [
        (0, "manual"),
        ("64500", "manual"),
        (True, "manual"),
        (None, "manual"),
        (64500, None),
        (64500, 1),
    ],
)
def test_a_membership_without_an_asn_or_an_origin_is_refused(asn, origin):
    with pytest.raises(ConfigurationError):
        Membership(asn=asn, origin=origin)


def test_the_origin_of_a_membership_has_no_default():
    with pytest.raises(TypeError):
        Membership(asn=64500)


ASNS = st.integers(min_value=64496, max_value=64503)
USERS = st.builds(
    lambda asns, verified: user(*asns, verified_user=verified),
    st.lists(ASNS, unique=True),
    st.booleans(),
)
CURRENT = st.lists(st.builds(Membership, asn=ASNS, origin=st.sampled_from(["peeringdb", "manual"])))
SETTINGS = st.dictionaries(ASNS, st.none())
RULES = st.builds(
    AccessRule, asn=st.none() | st.lists(ASNS, min_size=1), verified_user=st.booleans()
)


@given(USERS, SETTINGS, CURRENT, RULES)
def test_every_link_is_in_exactly_one_tuple_and_each_tuple_is_sorted(who, tenants, current, rule):
    made = plan_memberships(who, tenants, current, rule)
    planned = [*made.add, *made.keep, *made.remove]
    assert len(planned) == len(set(planned))
    assert {*made.keep, *made.remove} == set(current)
    assert all(list(part) == sorted(part) for part in (made.add, made.keep, made.remove))


@given(USERS, SETTINGS, CURRENT, RULES)
def test_links_made_by_hand_are_kept_and_never_added(who, tenants, current, rule):
    made = plan_memberships(who, tenants, current, rule)
    by_hand = {link for link in current if link.origin == "manual"}
    assert by_hand <= set(made.keep)
    assert not {link.asn for link in by_hand} & {link.asn for link in made.add}


@given(USERS, SETTINGS, CURRENT, RULES)
def test_a_plan_leaves_the_links_that_the_rule_allows(who, tenants, current, rule):
    made = plan_memberships(who, tenants, current, rule)
    allowed = {asn for asn in tenants if rule.check(who, asn=asn)}
    left = {*made.add, *made.keep}
    assert (
        {link.asn for link in left if link.origin == "peeringdb"}
        <= allowed
        <= {link.asn for link in left}
    )


@given(USERS, SETTINGS, CURRENT, RULES)
def test_a_second_plan_changes_nothing(who, tenants, current, rule):
    made = plan_memberships(who, tenants, current, rule)
    second = plan_memberships(who, tenants, [*made.keep, *made.add], rule)
    assert (second.add, second.remove) == ((), ())
