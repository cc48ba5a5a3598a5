"""What real servers make of odd paths is what the gateway takes into account."""

from urllib.parse import unquote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from path_readers import path_readers, read_path

from peeringdb_oauth.gateway.paths import TRICKS, OddPath, parse

SERVERS = (
    *("nginx read", "nginx unmerged", "nginx sent", "nginx rewritten", "nginx decoded"),
    *("caddy read", "caddy sent", "haproxy read", "haproxy sent", "php", "node"),
    *("flask", "django", "starlette on uvicorn", "starlette on granian"),
)
USUAL = (
    *("a", "public", "members", "64500", "x.y", "..x", ".a", "a.", "/", "/", "/", "?x=/../y"),
    *("%70", "%41", "%2B", "+", "%20", "%40", "@", "%3A", ":", "%3D", "=", "%26", "&", "%7E", "~"),
    *("%2C", ",", "$", "%24", "!", "'", "(", ")", "*", "%22", "%3C", "%5B", "[", "]", "%7B", "|"),
    *("%7C", "^", '"', "<", "{", "`", "-", "_", "%2D", "%5F", "%2E", "x%2Ey", "%C3%A9", "\xc3\xa9"),
    *("%F0%9F%A6%8A", "%E2%80%A5", "%EF%BC%8F"),
)
TRICKY = (*TRICKS, "%5C", "%2f", "%3B", "%252F", "%25%32%46", "%255c", "%253b", "%2525")


def paths(pieces):
    return st.lists(st.sampled_from(pieces), min_size=1, max_size=8).map(
        lambda chosen: "/" + "".join(chosen)
    )


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    with path_readers(tmp_path_factory.mktemp("readers")) as ports:
        yield ports


def split(path):
    segments = path.split("/")[1:]
    return tuple(segments[:-1] if segments[-1:] == [""] else segments)


def decoded(segments):
    return tuple(map(unquote, segments))


def check(ports, target):
    try:
        requested = parse(target)
    except OddPath:
        assume(False)  # noqa: FBT003 - the gateway asks nobody
    known = set(requested.readings)
    known |= {decoded(reading) for reading in known}
    for name in SERVERS:
        for path in read_path(ports[name], target):
            # A proxy's target is read once more by the application behind it.
            assert {split(path), decoded(split(path))} & known, (name, path)
    return requested


@settings(max_examples=400)
@given(paths(USUAL))
def test_a_path_without_tricks_is_read_the_same_by_all(ports, target):
    requested = check(ports, target)
    if "%" not in requested.text and "//" not in requested.text:
        assert len(requested.readings) == 1


@settings(max_examples=400)
@given(paths(USUAL[:12] + TRICKY))
def test_each_reading_of_a_path_with_tricks_is_known(ports, target):
    check(ports, target)


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_reads_a_plain_path(ports, name):
    [*_, path] = read_path(ports[name], "/members/64500/?page=2")
    assert path == "/members/64500/"
