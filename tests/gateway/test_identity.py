"""What the application is told about a person."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.identity import DEFAULT_HEADERS, PLACEHOLDERS, Headers
from peeringdb_oauth.profile import Network, Permission, User


def network(asn, perms=1):
    return Network(id=1, asn=asn, name="Example Net", perms=Permission(perms))


ADA = User(
    id=7,
    name="Ada Ádmin",
    given_name="Ada",
    family_name="Ádmin",
    email="ada@example.net",
    networks=(network(64500, 3), network(64501, 13), network(64502)),
)


def values(template, user=ADA, roles=()):
    return [value.decode() for _, value in Headers({"X-A": template}).of(user, roles)]


def test_the_usual_headers():
    assert Headers().of(ADA, ("Editor", "Viewer")) == [
        (b"x-peeringdb-id", b"7"),
        (b"x-peeringdb-name", "Ada Ádmin".encode()),
        (b"x-peeringdb-email", b"ada@example.net"),
        (b"x-peeringdb-asns", b"64500,64501,64502"),
        (b"x-peeringdb-update-asns", b"64500"),
        (b"x-peeringdb-roles", b"Editor,Viewer"),
    ]
    assert Headers().names == tuple(DEFAULT_HEADERS)


def test_what_is_empty_is_left_out_but_the_id_never_is():
    assert Headers().of(User(id=7), ()) == [(b"x-peeringdb-id", b"7")]


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{id}", "7"),
        ("{given_name}|{family_name}", "Ada|Ádmin"),
        ("peeringdb-{id}", "peeringdb-7"),
        ("{create_asns};{delete_asns}", "64501;64501"),
        ("{{{id}}}", "{7}"),
        ("yes", "yes"),
    ],
)
def test_a_template_may_have_text_and_several_placeholders(template, value):
    assert values(template) == [value]


@pytest.mark.parametrize(
    ("template", "value"), [("AS-SET {asns}", []), ("{email}{asns}", []), ("{id}{email}", ["7"])]
)
def test_a_header_whose_placeholders_are_all_empty_is_left_out(template, value):
    assert values(template, User(id=7)) == value


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{nam}", "there is no placeholder {nam}; did you mean {name}?"),
        ("{perms}", "there is no placeholder {perms}; there are {id}, {name}"),
        ("{}", "there is no placeholder {}; there are {id}"),
        ("{id", 'has a "{" or "}" that belongs to no placeholder'),
        ("id}", 'has a "{" or "}" that belongs to no placeholder'),
        ("{user.email}", "there is no placeholder {user.email}; "),
        ("{id!r}", "{id} must have nothing after its name"),
        ("{id:>9}", "{id} must have nothing after its name"),
    ],
)
def test_a_wrong_template_is_refused(template, problem):
    with pytest.raises(ConfigurationError) as refused:
        Headers({"X-A": template})
    assert str(refused.value).startswith(problem)


def test_a_long_list_ends_in_dots_at_the_end_of_an_element(caplog):
    many = User(id=7, networks=tuple(network(4_200_000_000 + n) for n in range(1000)))
    headers = Headers({"X-A": "{asns}", "X-B": "is {asns}!"})
    with caplog.at_level(logging.WARNING):
        [(_, value), (_, inside)] = headers.of(many, ())
        headers.of(many, ())
    *kept, dots = value.decode().split(",")
    assert dots == "..."
    assert kept == [str(4_200_000_000 + n) for n in range(len(kept))]
    assert 4096 - 11 < len(value) <= 4096
    assert 4096 - 11 < len(inside) <= 4096
    assert inside.startswith(b"is 4200000000,")
    assert inside.endswith(b",...!")
    assert [record.message for record in caplog.records] == [
        "a list in a header about user 7 is longer than 4096 bytes: it was cut"
    ]


@pytest.mark.parametrize("before", range(12))
def test_as_many_elements_as_fit_are_kept(before):
    asns = [4_200_000_000 + n for n in range(1000)]
    [value] = values("x" * before + "{asns}", User(id=7, networks=tuple(map(network, asns))))
    count = value.count(",")
    assert value == "x" * before + ",".join(map(str, asns[:count])) + ",..."
    assert len(value) <= 4096 < len(value) + len(f",{asns[count]}")


def test_a_list_that_just_fits_is_whole():
    networks = tuple(network(4_200_000_000 + n) for n in range(372))
    [value] = values("{asns}+++++", User(id=7, networks=networks))
    assert len(value) == 4096
    assert "..." not in value


def test_the_memory_of_cut_lists_is_bounded(caplog):
    headers = Headers({"X-A": "{asns}"})
    networks = tuple(network(4_200_000_000 + n) for n in range(400))
    with caplog.at_level(logging.CRITICAL, "peeringdb_oauth.gateway.identity"):
        for user_id in range(1, 10_003):
            headers.of(User(id=user_id, networks=networks), ())
    assert len(headers._cut) <= 10_000


@given(
    st.text(max_size=300),
    st.lists(st.integers(1, 2**32 - 1), max_size=600, unique=True),
    st.sampled_from(["{name}", "{asns}", "{name} {asns}", "{asns};{update_asns}", "{roles}é{id}"]),
)
def test_every_value_can_be_sent_as_a_header(name, asns, template):
    user = User(id=7, name=name, networks=tuple(network(asn, 3) for asn in asns))
    headers = Headers({"X-A": template})
    headers._cut.add(7)  # what the log says is another matter
    for _, value in headers.of(user, ("Editor",)):
        text = value.decode()
        assert 0 < len(value) <= 4096
        assert text == text.strip()
        assert not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in text)


def test_headers_are_the_same_if_their_templates_are():
    assert Headers() == Headers(dict(DEFAULT_HEADERS))
    assert Headers() != Headers({"X-A": "{id}"})
    assert Headers() != DEFAULT_HEADERS


def test_each_placeholder_has_a_value():
    for name in PLACEHOLDERS:
        [value] = values(f"{{{name}}}", roles=("Editor",))
        assert value
