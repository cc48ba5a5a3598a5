"""How the gateway reads a path, and which paths it refuses before any rule."""

import re
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from path_models import SERVERS, decode, segments_of

from peeringdb_oauth.gateway.paths import _PLAIN, TRICKS, OddPath, _parse_any, parse

DOTS = re.compile(r"[. ]*\.[. ]*")


@pytest.mark.parametrize(
    ("uri", "segments"),
    [
        ("/", ()),
        ("/?", ()),
        ("/public", ("public",)),
        ("/public/", ("public",)),
        ("/members/64500/sessions?page=2", ("members", "64500", "sessions")),
        ("/a.b/..c/d../.well-known/~user", ("a.b", "..c", "d..", ".well-known", "~user")),
        ("/a=b&c,d:e@f!$'()*+-_", ("a=b&c,d:e@f!$'()*+-_",)),
        ("/caf%C3%A9", ("café",)),
        ("/caf%c3%a9", ("café",)),
        ("/caf\xc3\xa9", ("café",)),  # the bytes of UTF-8, as a server hands them on
        ("/caf\xc3%A9", ("café",)),
        ("/%F0%9F%A6%8A", ("🦊",)),
        ("/?next=//evil.test/../%2F%00;\\", ()),  # a query is the application's business
        ("/" + "x" * 8191, ("x" * 8191,)),
        ("/%C3%A9" + "x" * 8185, ("é" + "x" * 8185,)),
    ],
)
def test_a_path_without_tricks_has_one_reading(uri, segments):
    requested = parse(uri)
    assert requested.readings == (segments,)
    assert requested.tricks == frozenset()
    assert requested.path + (f"?{requested.query}" if "?" in uri else "") == uri


@pytest.mark.parametrize(
    ("uri", "tricks"),
    [
        ("/group%2Fproject", {"%2F"}),
        ("/group%2fproject", {"%2F"}),
        ("/group\\project", {"\\"}),
        ("/group%5Cproject", {"\\"}),
        ("/group%5cproject", {"\\"}),
        ("/public;jsessionid=1/members", {";"}),
        ("/public%3Bx/members", {";"}),
        ("/public%3bx/members", {";"}),
        ("//members", {"//"}),
        ("/members//64500", {"//"}),
        ("/members//", {"//"}),
        ("/100%25", {"%25"}),
        ("/what%3F", {"%3F"}),
        ("/what%3f", {"%3F"}),
        ("/c%23", {"%23"}),
        ("/a%252Fb", {"%25", "%2F"}),
        ("/a%25%32%46b", {"%25", "%2F"}),
        ("/a%255Cb", {"%25", "\\"}),
        ("/a%253Bb", {"%25", ";"}),
        ("/a%253Fb", {"%25", "%3F"}),
        ("/a%25252Fb", {"%25", "%2F"}),
        ("/a/%2Fb", {"%2F", "//"}),
        ("/a%2F%2Fb", {"%2F", "//"}),
        ("/a%2F;b%5c//%3F%23%25x", set(TRICKS)),
    ],
)
def test_a_trick_is_named(uri, tricks):
    assert parse(uri).tricks == tricks
    assert len(parse(uri).readings) >= 1


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("", "no_path"),
        ("*", "no_path"),
        ("members", "no_path"),
        ("http://lg.example.net/members", "no_path"),  # absolute form
        ("lg.example.net:443", "no_path"),  # CONNECT
        ("?x", "no_path"),
        ("\\members", "no_path"),
        ("/" + "x" * 8192, "too_long"),
        ("/?" + "x" * 8192, "too_long"),
        ("/a#b", "fragment"),
        ("/a?b#c", "fragment"),
        ("/a b", "control_character"),
        ("/a?b c", "control_character"),
        ("/a\tb", "control_character"),
        ("/a\x00b", "control_character"),
        ("/a\x7fb", "control_character"),
        ("/a?\nb", "control_character"),
        ("/a%00b", "control_character"),
        ("/a%0d%0ab", "control_character"),
        ("/a%7f", "control_character"),
        ("/a%C2%85", "control_character"),  # NEXT LINE
        ("/a%2500b", "control_character"),
        ("/%", "broken_escape"),
        ("/%2", "broken_escape"),
        ("/%zz", "broken_escape"),
        ("/%u002e", "broken_escape"),
        ("/%E9", "broken_utf8"),  # Latin-1
        ("/caf\xe9", "broken_utf8"),
        ("/%C0%AE%C0%AE/", "broken_utf8"),  # overlong ".."
        ("/%C0%AF", "broken_utf8"),  # overlong "/"
        ("/%E0%80%AF", "broken_utf8"),
        ("/%F0%80%80%AF", "broken_utf8"),
        ("/%ED%A0%80", "broken_utf8"),  # a surrogate
        ("/%F4%90%80%80", "broken_utf8"),  # above U+10FFFF
        ("/%25C0%25AF", "broken_utf8"),
        ("/a/é€", "broken_utf8"),  # no bytes of a server
        ("/.", "dot_segment"),
        ("/..", "dot_segment"),
        ("/public/../members", "dot_segment"),
        ("/public/./members", "dot_segment"),
        ("/public/..", "dot_segment"),
        ("/public/.../members", "dot_segment"),
        ("/public/%2e%2e/members", "dot_segment"),
        ("/public/.%2E/members", "dot_segment"),
        ("/public/%252e%252e/members", "dot_segment"),
        ("/public%2F..%2Fmembers", "dot_segment"),
        ("/public\\..\\members", "dot_segment"),
        ("/public%5c..%5cmembers", "dot_segment"),
        ("/public/..;/members", "dot_segment"),
        ("/public/..;x=1/members", "dot_segment"),
        ("/public/..%3B/members", "dot_segment"),
        ("/public/..%3Fx/members", "dot_segment"),
        ("/public/..%23x/members", "dot_segment"),
        ("/public/..%20/members", "dot_segment"),
        ("/public/.%20./members", "dot_segment"),
        ("/public//../members", "dot_segment"),
        ("/a%2525252fb", "encoded_often"),
    ],
)
def test_an_odd_path_is_refused_before_any_rule(uri, name):
    with pytest.raises(OddPath) as refused:
        parse(uri)
    assert refused.value.name == name
    reason = REASONS[f"encoded {name}" if "%" in uri and f"encoded {name}" in REASONS else name]
    assert str(refused.value) == refused.value.reason == reason


REASONS = {
    "no_path": "the address does not begin with a slash",
    "too_long": "the address has more than 8192 characters",
    "control_character": "the address has a blank or a control character in it",
    "encoded control_character": "the path has an encoded control character in it",
    "fragment": "the address has a fragment (#...), which browsers never send",
    "broken_escape": "the path has a % without two hexadecimal digits after it",
    "broken_utf8": "the path is not UTF-8",
    "dot_segment": "the path has a segment of dots in it",
    "encoded_often": "the path is encoded more than 3 times",
}


def test_what_is_odd_in_a_path_may_be_in_a_query():
    requested = parse("/caf%C3%A9?x=%zz/../%00//;")
    assert (requested.query, requested.tricks) == ("x=%zz/../%00//;", frozenset())


@pytest.mark.parametrize("segment", ["..X", "X..", ".X", "X.X", "..a..", ".well-known"])
def test_a_segment_with_more_than_dots_is_read(segment):
    assert parse(f"/public/{segment}/x").readings == (("public", segment, "x"),)


@pytest.mark.parametrize("start", ["/", "/?", "/%C3%A9"])
def test_an_address_of_8192_characters_is_read(start):
    assert parse(start.ljust(8192, "a")).path


PIECES = st.sampled_from(
    [
        *("a", "b", "public", "members", "64500", "é", ".", "..", " ", "+", "x.y"),
        *("/", "//", "\\", ";", "%2F", "%2f", "%5C", "%3B", "%25", "%3F", "%23", "%252F", "%255c"),
        *("%70", "%2e", "%252e", "%C3%A9", "%41", "?", "#", "%00", "%", "%2B", "%40"),
    ]
)
PATHS = st.lists(PIECES, max_size=8).map(lambda pieces: "/" + "".join(pieces))
WIRE = PATHS.map(lambda text: text.encode().decode("latin-1"))


@given(WIRE)
@example("/public%2F..%2Fmembers")
@example("//evil/members")
@example("/a%252fb%255cc;%253bd")
def test_whatever_a_server_does_its_reading_is_listed(uri):
    try:
        requested = parse(uri)
    except OddPath:
        assume(False)  # noqa: FBT003
    sent = requested.path.encode("latin-1").decode()
    texts = {sent}
    for order in product(SERVERS, repeat=3):
        text = sent
        for change in order:
            text = change(text)
            texts.add(text)
    # Which hexadecimal digits are capitals makes no difference to anybody.
    readings = {tuple(map(decode, reading)) for reading in requested.readings}
    for text in texts:
        assert tuple(map(decode, segments_of(text))) in readings


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=30).map("/{}".format) | WIRE)
def test_no_reading_has_dots_or_control_characters(uri):
    try:
        requested = parse(uri)
    except OddPath:
        return
    for reading in requested.readings:
        for segment in reading:
            assert not DOTS.fullmatch(decode(segment))
            assert "\x00" not in segment
            if not requested.tricks:
                assert segment not in ("", ".", "..")
                assert "/" not in decode(segment)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
def test_a_segment_that_is_encoded_as_rfc_3986_says_reads_as_it_was_written(text):
    assume(not DOTS.fullmatch(text))
    assume(not set("/\\;%?#") & set(text))
    requested = parse("/" + quote(text, safe="!$&'()*+,=:@"))
    assert requested.tricks == frozenset()
    assert (text,) in requested.readings


def test_a_letter_that_needs_no_encoding_is_read_in_both_ways():
    """A server that does not decode has another page there, or its first one."""
    requested = parse("/%70ublic/%7Euser")
    assert requested.tricks == frozenset()
    assert set(requested.readings) == {("public", "~user"), ("%70ublic", "%7Euser")}


def outcome(function, uri):
    """What a function makes of a path, or the name of what is odd in it."""
    try:
        return function(uri)
    except OddPath as odd:
        return odd.name


PLAIN_AND_OTHERS = [*"/ab.~:@!$&'()*+,=-_?", "\xe9", "/", "..", "%", ";", "#", " ", "x" * 3000]


@given(st.lists(st.sampled_from(PLAIN_AND_OTHERS)).map(lambda pieces: "/" + "".join(pieces)))
@example("/" + "a" * 5000 + "//")
@example("/?\xe9")
def test_the_short_way_for_plain_paths_gives_what_the_long_one_does(uri):
    assert outcome(parse, uri) == outcome(_parse_any, uri)


def test_nearly_all_paths_take_the_short_way():
    for uri in ("/", "/members/64500/?page=2", "/a.b/c-d_e~f", "/?next=%2F", "/index.html"):
        assert _PLAIN.fullmatch(uri)


@pytest.mark.parametrize("part", ["//a", "/%2Fa", "/%5C%2F/a"])
def test_a_path_with_thousands_of_readings_is_refused(part):
    """A stranger would keep the gateway busy for seconds with one of them."""
    with pytest.raises(OddPath) as caught:
        _ = parse(part * (8000 // len(part))).readings
    assert caught.value.name == "many_readings"
    assert str(caught.value) == "servers can read the path in far too many ways"
