"""What one sees and can do once one is in."""

import re

import pytest
from portal.networks import in_words

from peeringdb_oauth import Network, Permission, User
from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server


def in_page(text, asn):
    """One network of the page, in words."""
    row = re.search(rf"AS{asn}</span>.*?</li>", text, re.DOTALL)[0]
    return " ".join(re.sub("<[^>]+>", " ", row).split())


@pytest.mark.parametrize(
    ("perms", "sessions", "may", "may_not"),
    [
        (15, 15, ["read", "update", "create entries", "delete", "manage peering sessions"], []),
        (1, 1, ["read"], ["update", "create entries", "delete", "manage peering sessions"]),
        (3, None, ["read", "update"], ["create entries", "delete", "manage peering sessions"]),
        (1, 8, ["read", "manage peering sessions"], ["update", "create entries", "delete"]),
        (0, 0, [], ["read", "update", "create entries", "delete", "manage peering sessions"]),
    ],
)
def test_rights_are_told_in_words(perms, sessions, may, may_not):
    network = Network(
        id=1,
        asn=64500,
        name="Example Net One",
        perms=Permission(perms),
        manage_peering_sessions=None if sessions is None else Permission(sessions),
    )
    assert in_words(User(id=1, verified_user=True, verified_email=True, networks=(network,)), network) == (may, may_not)


def test_the_page_tells_each_network_and_its_rights(visitor):
    visitor.log_in("limited")
    page = visitor.get("/").text
    assert in_page(page, 64500).startswith(
        "AS64500 Example Net One You may read , update , create entries , delete , manage peering sessions"
    )
    assert "You may read , manage peering sessions but not update , create entries , delete" in in_page(page, 64501)
    assert "limited@example.net" in page
    assert in_page(page, 65550).endswith("Request peering for AS65550")


def test_me_is_the_user_as_json(visitor):
    visitor.log_in("member")
    user = User.from_dict(visitor.get("/me").json)
    assert (user.name, user.asns) == ("Mel Member", (64500, 64501, 65550))


def test_peering_is_requested_with_the_right_to_update(visit):
    visitor, colleague = visit(), visit()
    visitor.log_in("orgadmin")
    colleague.log_in("member")
    assert visitor.post("/networks/64500/peering").location == "/"
    assert "Peering for AS64500 is requested." in visitor.get("/").text
    assert "Peering requested" in in_page(colleague.get("/").text, 64500)
    assert "Request peering" in in_page(colleague.get("/").text, 64501)


@pytest.mark.parametrize(
    ("asn", "reason"),
    [
        (64501, "AS64501: you may read this network but not update it"),
        (64510, "You are not affiliated with AS64510 at PeeringDB"),
        (2**40, "not an AS number"),
    ],
)
def test_peering_is_refused_with_the_reason(visitor, asn, reason):
    visitor.log_in("limited")
    answer = visitor.post(f"/networks/{asn}/peering")
    assert answer.status_code == 403
    assert reason in answer.text.replace("&#39;", "'")
    assert "Back to your networks" in answer.text


def test_rights_that_ended_after_the_page_was_made_do_not_count(visit):
    with Sandbox(tls=False) as pdb:
        visitor = visit(pdb=pdb, profile_max_age=3600)
        visitor.log_in("orgadmin")
        pdb.change("orgadmin", networks={64500: 1})
        assert "You may read , update" in in_page(visitor.get("/").text, 64500)
        assert visitor.post("/networks/64500/peering").status_code == 403
        assert "You may read but not update" in in_page(visitor.get("/").text, 64500)


def test_changed_rights_show_as_soon_as_a_page_may_not_be_older(visit):
    with Sandbox(tls=False) as pdb:
        visitor = visit(pdb=pdb)
        visitor.log_in("member")
        pdb.change("member", networks={64501: 3})
        assert "You may read , update , manage peering sessions but not" in in_page(visitor.get("/").text, 64501)


def numbers(page):
    return [int(asn) for asn in re.findall(r'class="asn">AS(\d+)', page)]


def test_a_long_list_comes_in_pages(visitor):
    visitor.log_in("manynets")
    seen = [asn for page in range(1, 13) for asn in numbers(visitor.get(f"/?page={page}").text)]
    assert seen == [4_200_000_000 + i for i in range(1, 301)]
    assert "300 networks, page 12 of 12" in visitor.get("/?page=12").text


@pytest.mark.parametrize(
    ("query", "found"), [("net 042", 1), ("AS4200000300", 1), ("4200000300", 1), ("Example", 25), (" NET 30 ", 1), ("nothing", 0)]
)
def test_a_long_list_can_be_searched(visitor, query, found):
    visitor.log_in("manynets")
    assert len(numbers(visitor.get("/", query_string={"q": query}).text)) == found


@pytest.mark.parametrize(("page", "first"), [("0", 1), ("-3", 1), ("x", 1), ("999999999999", 276)])
def test_any_page_number_is_some_page(visitor, page, first):
    visitor.log_in("manynets")
    assert numbers(visitor.get(f"/?page={page}").text)[0] == 4_200_000_000 + first


def test_what_was_searched_is_shown_as_text(visitor):
    visitor.log_in("manynets")
    page = visitor.get("/", query_string={"q": '"><script>x</script>'}).text
    assert "<script" not in page
    assert "None of your networks has" in page


def test_a_short_list_has_no_search(visitor):
    visitor.log_in("member")
    assert "Find a network" not in visitor.get("/").text
