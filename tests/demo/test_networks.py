"""The pages of the networks, and requests for peering."""

import re

import pytest
from exchange.example_members import MEMBERS
from exchange.members import Members
from exchange.pages import in_words, networks_page

from peeringdb_oauth import Network, Permission, User


def in_page(answer, asn):
    """Return what the page says about one network."""
    row = re.search(rf"AS{asn}</span>.*?</li>", answer.text, re.DOTALL)[0]
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
def test_rights_are_shown_in_words(perms, sessions, may, may_not):
    network = Network(
        id=1,
        asn=64500,
        name="Example Net One",
        perms=Permission(perms),
        manage_peering_sessions=None if sessions is None else Permission(sessions),
    )
    assert in_words(
        User(id=1, verified_user=True, verified_email=True, networks=(network,)), network
    ) == (may, may_not)


def test_the_page_tells_each_network_and_its_rights(visitor):
    visitor.log_in("limited")
    page = visitor.get("/networks/")
    assert in_page(page, 64500).startswith(
        "AS64500 Example Net One Member You may read , update , create entries , delete , manage"
        " peering sessions"
    )
    assert (
        "You may read , manage peering sessions but not update , create entries , delete"
        in in_page(page, 64501)
    )
    assert "limited@example.net" in page.words
    assert "Member without PeeringDB login" in in_page(page, 65550)
    assert in_page(page, 65550).endswith("Request peering for AS65550")


def test_a_network_has_a_page_for_its_people(visitor):
    visitor.log_in("limited")
    answer = visitor.get("/networks/65550/")
    assert (
        "Example Net Four Byte Ünïcode At Example-IX: Member without PeeringDB login AS65550 does"
        " not let its people in with PeeringDB: its contacts can switch that on. You may read"
        in answer.words
    )
    assert "Act as AS65550" not in answer.words
    assert "Act as AS64501" in visitor.get("/networks/64501/").words


@pytest.mark.parametrize("asn", [64510, 64499])
def test_the_page_of_another_network_is_refused_with_the_reason(visitor, asn):
    visitor.log_in("limited")
    answer = visitor.get(f"/networks/{asn}/")
    assert answer.status_code == 403
    assert f"You are not affiliated with AS{asn} at PeeringDB" in answer.words


def test_me_is_the_user_as_json(visitor):
    visitor.log_in("member")
    user = User.from_dict(visitor.get("/me").json())
    assert (user.name, user.asns) == ("Mel Member", (64500, 64501, 65550))


def test_peering_is_requested_with_the_right_to_update(visit):
    visitor, colleague = visit(), visit()
    visitor.log_in("orgadmin")
    colleague.log_in("member")
    assert visitor.post("/networks/64500/peering/").headers["Location"] == "/networks/"
    assert "Peering for AS64500 is requested." in visitor.get("/networks/").words
    assert "Peering requested" in in_page(colleague.get("/networks/"), 64500)
    assert "Peering requested" in colleague.get("/networks/64500/").words
    assert "Request peering" in in_page(colleague.get("/networks/"), 64501)


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
    answer = visitor.post(f"/networks/{asn}/peering/")
    assert answer.status_code == 403
    assert reason in answer.words
    assert "Back to your networks" in answer.words


def test_rights_that_ended_after_the_page_was_made_do_not_count(visitor, pdb):
    visitor.log_in("orgadmin")
    assert "You may read , update" in in_page(visitor.get("/networks/"), 64500)
    pdb.change("orgadmin", networks={64500: 1})
    assert visitor.post("/networks/64500/peering/").status_code == 403
    assert "You may read but not update" in in_page(visitor.get("/networks/"), 64500)


def test_changed_rights_show_at_once(visitor, pdb):
    visitor.log_in("member")
    pdb.change("member", networks={64501: 3})
    assert "You may read , update , manage peering sessions but not" in in_page(
        visitor.get("/networks/"), 64501
    )


@pytest.fixture
def find(tmp_path):
    """``find(q=..., page=...)``: the page of a user with 300 networks."""
    members = Members(str(tmp_path / "exchange.sqlite3"))
    members.create(MEMBERS)
    networks = tuple(
        Network(id=i, asn=4_200_000_000 + i, name=f"Example Net {i:03}", perms=Permission.READ)
        for i in range(1, 301)
    )
    return lambda **query: networks_page(members, User(id=1, networks=networks), query)


@pytest.mark.parametrize(
    ("query", "found", "count"),
    [
        ("net 042", 1, "1 network for “net 042”"),
        ("AS4200000300", 1, "1 network for “AS4200000300”"),
        ("4200000300", 1, "1 network for “4200000300”"),
        ("Example", 25, "300 networks for “Example”, page 1 of 12"),
        (" NET 30 ", 1, "1 network for “NET 30”"),
        ("nothing", 0, "None of your networks has “nothing” in its name or number."),
        ("", 25, "300 networks, page 1 of 12"),
    ],
)
def test_a_long_list_can_be_searched(find, query, found, count):
    page = find(q=query)
    assert (len(page["rows"]), page["count"]) == (found, count)


@pytest.mark.parametrize(
    ("page", "first"),
    [("0", 1), ("-3", 1), ("x", 1), ("²", 1), ("", 1), ("9" * 30, 1), ("2", 26), ("999999", 276)],
)
def test_any_page_number_shows_a_page(find, page, first):
    assert find(page=page)["rows"][0].asn == 4_200_000_000 + first


def test_pages_link_to_each_other(find):
    page = find(q="net 1", page="3")
    assert [link.number for link in page["page_links"] if link.current] == [3]
    assert (page["previous_page"].url, page["next_page"].url) == (
        "/networks/?q=net+1&page=2",
        "/networks/?q=net+1&page=4",
    )
    assert find(page="1")["previous_page"] is None
    assert find(page="12")["next_page"] is None
    assert find(q="net 042")["page_links"] == []


def numbers(answer):
    return [int(asn) for asn in re.findall(r'class="asn">AS(\d+)', answer.text)]


def test_three_hundred_networks_come_in_pages_and_can_be_searched(visitor):
    visitor.log_in("manynets")
    pages = [visitor.get(f"/networks/?page={page}") for page in range(1, 13)]
    assert [asn for page in pages for asn in numbers(page)] == [
        4_200_000_000 + i for i in range(1, 301)
    ]
    assert "300 networks, page 12 of 12" in pages[-1].words
    links = re.findall(r'href="(/networks/\?[^"]+page=12)"', pages[0].text.replace("&amp;", "&"))
    assert numbers(visitor.get(links[0])) == numbers(pages[-1])
    assert numbers(visitor.get("/networks/", params={"q": "net 042"})) == [4_200_000_042]


def test_what_was_searched_is_shown_as_text(visitor):
    visitor.log_in("manynets")
    answer = visitor.get("/networks/", params={"q": '"><script>x</script>'})
    assert "<script" not in answer.text
    assert "None of your networks has" in answer.words


def test_a_short_list_has_no_search(visitor):
    visitor.log_in("member")
    assert "Find a network" not in visitor.get("/networks/").words
