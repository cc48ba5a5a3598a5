"""Lists of networks in a file."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.asn_file import ASNFile, parse_asns


def write(path, text):
    """Replace a file as an editor does, so that its version changes for sure."""
    new = path.with_suffix(".new")
    new.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(new, ns=(0, path.stat().st_mtime_ns + 1_000_000 if path.exists() else 0))
    new.replace(path)


@pytest.mark.parametrize(
    ("text", "asns"),
    [
        ("64500", (64500,)),
        ("64500\n64501\n", (64500, 64501)),
        ("AS64500\nas64501", (64500, 64501)),
        ("# members\n\n  64500  # Example Net\r\n\t64501#x\r\n", (64500, 64501)),
        ("64500\n64501\n64500\n", (64500, 64501)),
        ("1\n4294967295\n", (1, 4294967295)),
    ],
)
def test_each_line_has_one_as_number(text, asns):
    assert parse_asns(text, "members.txt") == asns


@pytest.mark.parametrize(
    "line",
    ["064500", "0", "4294967296", "64500, 64501", "64500 64501", "-1", "1.10", "x", "64500;"],
)
def test_a_wrong_line_is_named(line):
    with pytest.raises(ConfigurationError) as refused:
        parse_asns(f"64500\n{line} # x\n", "members.txt")
    assert refused.value.problems == ("members.txt:2: must be one AS number, such as 64500",)


@pytest.mark.parametrize("text", ["", "\n", "# nobody\n"])
def test_an_empty_list_is_wrong(text):
    with pytest.raises(ConfigurationError) as refused:
        parse_asns(text, "members.txt")
    assert str(refused.value) == "members.txt: has no AS number in it, so nobody could pass"


def test_of_many_wrong_lines_the_first_are_named():
    with pytest.raises(ConfigurationError) as refused:
        parse_asns("x\n" * 8, "members.txt")
    assert len(refused.value.problems) == 6
    assert refused.value.problems[4] == "members.txt:5: must be one AS number, such as 64500"
    assert refused.value.problems[-1] == "members.txt: 3 more lines are wrong"


def test_five_wrong_lines_are_all_named():
    with pytest.raises(ConfigurationError) as refused:
        parse_asns("x\n" * 5, "members.txt")
    assert refused.value.problems == tuple(
        f"members.txt:{line}: must be one AS number, such as 64500" for line in range(1, 6)
    )


def test_a_file_of_ten_million_bytes_is_read(tmp_path):
    path = tmp_path / "members.txt"
    write(path, b"64500\n" + b"#" * 9_999_994)
    assert ASNFile(path).asns == (64500,)


@given(st.lists(st.integers(1, 2**32 - 1), min_size=1, unique=True))
def test_what_is_written_is_read(asns):
    assert parse_asns("".join(f"{asn}\n" for asn in asns), "members.txt") == tuple(asns)


def test_the_file_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "members.txt"
    write(path, "\ufeff64500\n")
    file = ASNFile(path)
    assert (file.asns, file.members) == ((64500,), {64500})
    assert file.refresh() is False
    write(path, "64501\n")
    assert file.refresh() is True
    assert (file.asns, file.members) == ((64501,), {64501})


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("", r"^\S*/members\.txt: has no AS number in it"),
        ("64500\nx\n", r"^\S*/members\.txt:2: must be one AS number"),
        (b"\xff", r"^\S*/members\.txt: not text in UTF-8$"),
        (b"#" * 10_000_001, r"^\S*/members\.txt: has more than 10,000,000 bytes$"),
        (None, r"^\S*/members\.txt: No such file or directory$"),
    ],
)
def test_a_broken_file_leaves_the_old_numbers_in_force_and_is_told_once(tmp_path, broken, problem):
    path = tmp_path / "members.txt"
    write(path, "64500\n")
    file = ASNFile(path)
    if broken is None:
        path.unlink()
    else:
        write(path, broken)
    with pytest.raises(ConfigurationError, match=problem):
        file.refresh()
    assert file.refresh() is False
    assert file.asns == (64500,)
    write(path, "64501\n")
    assert file.refresh() is True
    assert file.asns == (64501,)


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.mkdir()])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path, make):
    path = tmp_path / "members.txt"
    make(path)
    with pytest.raises(ConfigurationError, match=r"members\.txt: (No such file|Is a directory)"):
        ASNFile(path)
