"""The people file: what is right is read, and every mistake is named."""

import contextlib
import copy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.people import Network, People, Person, Right, load_people, parse_people

EXAMPLES = Path(__file__).parent / "people"
ADA = {
    "login": "ada",
    "id": 1,
    "given_name": "Ada",
    "family_name": "Admin",
    "email": "ada@example.net",
}
DOCUMENT = {
    "networks": [{"id": 1, "asn": 64500, "name": "Example Net One"}],
    "people": [ADA | {"networks": [{"asn": 64500, "perms": 3}]}],
}


def problems(document: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_people(document)
    return list(caught.value.problems)


def changed(path: list[str | int], value: object) -> dict[str, object]:
    document = copy.deepcopy(DOCUMENT)
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return document


def test_reads_a_person_with_the_documented_defaults():
    right = Right(asn=64500, perms=3, manage_peering_sessions=3)
    ada = Person(
        login="ada",
        id=1,
        given_name="Ada",
        family_name="Admin",
        email="ada@example.net",
        networks=(right,),
    )
    assert parse_people(DOCUMENT) == People(
        networks=(Network(id=1, asn=64500, name="Example Net One"),), people=(ada,)
    )
    assert (ada.verified_user, ada.verified_email, ada.mfa, ada.active, ada.about) == (
        True,
        True,
        True,
        True,
        "",
    )


def test_reads_json_and_toml_alike():
    assert load_people(str(EXAMPLES / "people.json")) == load_people(str(EXAMPLES / "people.toml"))


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (
            ["people", 0, "login"],
            "Ada Admin",
            "people[0]: login must be 1 to 64 small letters, digits, '_', '.' or '-'",
        ),
        (["people", 0, "id"], 0, "people[0]: id must be between 1 and 2147483647, not 0"),
        (["people", 0, "id"], True, "people[0]: id must be a whole number"),
        (["people", 0, "email"], "ada", "people[0]: email must be an address with one '@'"),
        (["people", 0, "mfa"], "yes", "people[0]: mfa must be true or false"),
        (["people", 0, "verified"], True, "people[0]: unknown key 'verified'"),
        (
            ["people", 0, "networks", 0, "perms"],
            16,
            "people[0].networks[0]: perms must be between 0 and 15, not 16",
        ),
        (
            ["people", 0, "networks", 0, "manage_peering_sessions"],
            -1,
            "people[0].networks[0]: manage_peering_sessions must be between 0 and 15, not -1",
        ),
        (["people", 0, "networks", 0, "asn"], 64501, "ada: AS64501 is not among the networks"),
        (
            ["people", 0, "networks"],
            [{"asn": 64500, "perms": 1}] * 2,
            "the networks of ada: asn 64500 occurs more than once",
        ),
        (["people"], [ADA, ADA | {"id": 2}], "people: login ada occurs more than once"),
        (["people"], [ADA, ADA | {"login": "bob"}], "people: id 1 occurs more than once"),
        (["people"], [], "people: at least one person is needed to log in as"),
        (["people"], ["ada"], "people[0]: must be a table (an object)"),
        (
            ["networks", 0, "asn"],
            2**32,
            "networks[0]: asn must be between 1 and 4294967295, not 4294967296",
        ),
        (["networks", 0, "id"], 0, "networks[0]: id must be between 1 and 2147483647, not 0"),
        (["networks", 0], {"id": 1, "asn": 64500}, "networks[0]: name is missing"),
        (
            ["networks"],
            [{"id": i, "asn": 64500, "name": ""} for i in (1, 2)],
            "networks: asn 64500 occurs more than once",
        ),
        (
            ["networks"],
            [{"id": 1, "asn": 64500 + i, "name": ""} for i in (0, 1)],
            "networks: id 1 occurs more than once",
        ),
        (["organisations"], [], "the document: unknown key 'organisations'"),
    ],
)
def test_names_the_problem(path, value, problem):
    assert problem in problems(changed(path, value))


def test_names_every_problem_at_once():
    document = {"people": [{"login": "X", "id": "1", "networks": [{"perms": 99}]}], "extra": 1}
    assert len(problems(document)) == 8


def test_people_are_required():
    assert problems({"networks": []}) == ["the document: people is missing"]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from([64500, 1, 15]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["networks", "people", *ADA, "asn", "perms", "name"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_any_document_is_read_or_refused(document):
    with contextlib.suppress(ConfigurationError):
        assert isinstance(parse_people(document), People)


@pytest.mark.parametrize(
    ("name", "text"), [("people.json", "{"), ("people.toml", "people = ["), ("people.toml", "\xff")]
)
def test_says_which_file_cannot_be_read(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigurationError, match=f"the people file {path} cannot be read"):
        load_people(str(path))


def test_says_which_file_is_missing(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"nobody\.toml cannot be read: No such file or directory$"
    ):
        load_people(str(tmp_path / "nobody.toml"))
