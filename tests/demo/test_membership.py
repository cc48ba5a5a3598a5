"""Who may log in, and for which members they may act."""

import pytest
from exchange.example_members import LINKED_BY_HAND, MEMBERS
from exchange.members import Members
from exchange.membership import act_as, choices, link_memberships

from peeringdb_oauth import AccessDenied, Membership, Network, Permission, User


def somebody(*asns, id_=1, verified_user=True, verified_email=True, perms=1):
    networks = tuple(
        Network(id=asn, asn=asn, name=f"Net {asn}", perms=Permission(perms)) for asn in asns
    )
    return User(
        id=id_, verified_user=verified_user, verified_email=verified_email, networks=networks
    )


@pytest.fixture
def members(tmp_path):
    members = Members(str(tmp_path / "exchange.sqlite3"))
    members.create(MEMBERS, linked_by_hand=LINKED_BY_HAND)
    return members


def asns(members, user):
    return [member.asn for member in choices(members, user)]


@pytest.mark.parametrize(
    ("networks", "linked"),
    [
        ((64500,), [64500]),
        ((64499, 64501, 64500), [64500, 64501]),
        # an active member after three that are not
        ((65550, 64510, 64511, 64500), [64500]),
        ((4_200_000_001, 4_200_000_300), [4_200_000_001]),
    ],
)
def test_a_login_links_active_members_that_opted_in(members, networks, linked):
    user = somebody(*networks)
    link_memberships(members, user)
    assert asns(members, user) == linked
    assert members.links(1) == [Membership(asn=asn, origin="peeringdb") for asn in linked]


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (
            somebody(65550),
            "AS65550 does not let its people in with PeeringDB: its contacts can switch that on",
        ),
        (somebody(64510), "AS64510 is suspended at Example-IX: ask our support"),
        (somebody(64511), "AS64511 is no longer a member of Example-IX"),
        (
            somebody(64510, 65550),
            "AS64510 is suspended at Example-IX.*; AS65550 does not let its people in",
        ),
        (somebody(64499), "none of your networks is a member of Example-IX"),
        (somebody(), "PeeringDB lists no network for you"),
        (somebody(64500, verified_user=False), "has not verified your account"),
        (
            somebody(64500, verified_email=False),
            "did not say whether your email address is confirmed",
        ),
        (somebody(64500, perms=0), "AS64500: you may not read this network"),
    ],
)
def test_a_person_who_can_act_for_no_member_cannot_log_in(members, user, reason):
    with pytest.raises(AccessDenied, match=reason):
        link_memberships(members, user)
    assert members.links(1) == []


def test_a_link_is_removed_with_the_affiliation(members):
    link_memberships(members, somebody(64500, 64501))
    link_memberships(members, somebody(64501))
    assert members.links(1) == [Membership(asn=64501, origin="peeringdb")]


def test_the_last_link_is_removed_too(members):
    link_memberships(members, somebody(64500))
    with pytest.raises(AccessDenied):
        link_memberships(members, somebody(64499))
    assert members.links(1) == []


def test_a_link_made_by_hand_stays_and_counts_without_peeringdb(members):
    user = somebody(id_=9)
    link_memberships(members, user)
    assert asns(members, user) == [64500]
    assert members.links(9) == [Membership(asn=64500, origin="staff")]


def test_a_link_made_by_hand_does_not_count_for_a_suspended_member(members):
    members.set_status(64500, "suspended")
    with pytest.raises(AccessDenied, match="lists no network for you"):
        link_memberships(members, somebody(id_=9))


@pytest.mark.parametrize("asn", [64501, 64510, 64499, "64500", True, 64500.0, "", -1])
def test_acting_for_a_member_needs_a_link(members, asn):
    user = somebody(64500, 64510)
    link_memberships(members, user)
    with pytest.raises(AccessDenied, match="you are not linked to"):
        act_as(members, user, asn)


def test_acting_needs_a_choice(members):
    with pytest.raises(AccessDenied, match="not chosen yet"):
        act_as(members, somebody(64500), None)


@pytest.mark.parametrize(
    ("happens", "user", "reason"),
    [
        ({"status": "suspended"}, somebody(64500), "suspended"),
        ({"status": "left"}, somebody(64500), "no longer a member"),
        ({}, somebody(64501), "not affiliated with AS64500"),
        ({}, somebody(64500, verified_user=False), "has not verified"),
    ],
)
def test_a_link_counts_only_as_long_as_member_and_rights_are_there(members, happens, user, reason):
    link_memberships(members, somebody(64500))
    assert act_as(members, somebody(64500), 64500).name == "Example Net One"
    members.set_status(64500, happens.get("status", "active"))
    with pytest.raises(AccessDenied, match=reason):
        act_as(members, user, 64500)
    assert asns(members, user) == []


def test_links_belong_to_the_id_of_a_person(members):
    link_memberships(members, somebody(64500))
    with pytest.raises(AccessDenied, match="not linked"):
        act_as(members, somebody(64500, id_=2), 64500)


def test_the_port_of_the_chosen_member_is_shown(visitor):
    visitor.log_in("limited")
    assert visitor.post("/act-as/", asn="64501").headers["Location"] == "/networks/"
    page = visitor.get("/networks/").words
    assert "You act as AS64501 Example Net Two." in page
    assert "acting as AS64501" in page
    assert "Port of AS64501 Example Net Two" in visitor.get("/port/").words


@pytest.mark.parametrize(
    ("asn", "reason"),
    [
        ("64510", "You are not linked to AS64510 at Example-IX"),
        ("65550", "You are not linked to AS65550 at Example-IX"),
        ("64500 or 1=1", "You are not linked to a member at Example-IX"),
        ("", "You are not linked to a member at Example-IX"),
    ],
)
def test_a_member_without_a_link_cannot_be_chosen(visitor, asn, reason):
    visitor.log_in("limited")
    answer = visitor.post("/act-as/", asn=asn)
    assert answer.status_code == 403
    assert reason in answer.words
    assert "acting as" not in visitor.get("/networks/").words


def test_a_port_needs_a_member_who_can_be_chosen_there(visitor):
    visitor.log_in("limited")
    answer = visitor.get("/port/")
    assert answer.status_code == 200
    assert "You have not chosen yet which member you act as" in answer.words
    assert visitor.post("/port/", enabled="no").status_code == 403
    answer = visitor.post("/act-as/", asn="64501", next="port")
    assert answer.headers["Location"] == "/port/"
    assert "Port of AS64501" in visitor.get("/port/").words


def test_a_person_who_loses_the_right_can_no_longer_act(visitor, pdb):
    visitor.log_in("orgadmin")
    visitor.post("/act-as/", asn="64501")
    assert visitor.get("/port/").status_code == 200
    pdb.change("orgadmin", networks={64500: 15})
    answer = visitor.post("/port/", enabled="no")
    assert answer.status_code == 403
    # PeeringDB was just asked, so the link that it had made is gone.
    assert "You are not linked to AS64501 at Example-IX" in answer.words
    pdb.change("orgadmin", networks={64500: 15, 64501: 15})
    # The choice does not come back with the right.
    assert "You have not chosen yet" in visitor.get("/port/").words


def test_acting_ends_when_the_member_is_suspended(visitor, portal):
    visitor.log_in("orgadmin")
    visitor.post("/act-as/", asn="64501")
    portal.members.set_status(64501, "suspended")
    answer = visitor.get("/port/")
    assert answer.status_code == 403
    assert "AS64501 is suspended at Example-IX" in answer.words


def test_a_port_is_switched_with_the_right_to_update(visit):
    ada, mel = visit(), visit()
    for visitor, person in ((ada, "orgadmin"), (mel, "member")):
        visitor.log_in(person)
        visitor.post("/act-as/", asn="64501")
        visitor.get("/port/")
    answer = mel.post("/port/", enabled="no")
    assert answer.status_code == 403
    assert "AS64501: you may read this network but not update it" in answer.words
    assert ada.post("/port/", enabled="no").headers["Location"] == "/port/"
    assert "The port of AS64501 Example Net Two is out of service." in ada.get("/port/").words
    assert ada.post("/port/", enabled="yes").status_code in (302, 303)
    assert "State in service" in ada.get("/port/").words


def test_a_link_made_by_hand_needs_no_network_at_peeringdb(visitor):
    visitor.log_in("superuser")
    visitor.post("/act-as/", asn="64500")
    assert "Port of AS64500" in visitor.get("/port/").words


def test_the_port_needs_a_second_factor_which_is_asked_for_once(visitor):
    visitor.log_in("orgadmin", second_factor="backup")
    visitor.post("/act-as/", asn="64500")
    asked = visitor.get("/port/").headers["Location"]
    assert asked == "/login/peeringdb?next=/port/&prompt=login"
    assert (
        visitor.get(visitor.callback("orgadmin", asked, second_factor="backup")).headers["Location"]
        == "/port/"
    )
    answer = visitor.get("/port/")
    assert answer.status_code == 403
    assert "You logged in without a second factor" in answer.words
    again = visitor.get("/login/peeringdb?next=/port/&prompt=login").headers["Location"]
    assert "prompt=login" in again
    visitor.get(visitor.callback("orgadmin", "/login/peeringdb?next=/port/&prompt=login"))
    assert "Port of AS64500" in visitor.get("/port/").words


def test_the_next_user_does_not_act_for_the_member_of_the_previous_one(visitor):
    visitor.log_in("orgadmin")
    visitor.post("/act-as/", asn="64501")
    visitor.log_in("twoorgs")
    assert "acting as" not in visitor.get("/networks/").words


def test_a_logout_ends_acting(visitor):
    visitor.log_in("orgadmin")
    visitor.post("/act-as/", asn="64501")
    visitor.get("/networks/")
    visitor.post("/logout")
    visitor.log_in("orgadmin")
    assert "acting as" not in visitor.get("/networks/").words
