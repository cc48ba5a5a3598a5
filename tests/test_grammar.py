"""Which texts fit each pattern, and that none takes more than its ABNF allows."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth import grammar

VSCHAR = {chr(code) for code in range(0x20, 0x7F)}
NQSCHAR = VSCHAR - {'"', "\\"}
UNRESERVED = {character for character in VSCHAR if re.match(r"[A-Za-z0-9._~-]", character)}
# The characters that each ABNF allows, and the shortest and the longest text that fits
# the pattern.
FORMS = {
    "CLIENT_CREDENTIAL": (VSCHAR, 1, None),
    "URI_REFERENCE": (VSCHAR, 1, None),
    "ENDPOINT_ERROR": (NQSCHAR, 1, 64),
    "CALLBACK_ERROR": (NQSCHAR, 1, 64),
    "CODE": (UNRESERVED, 1, 128),
    "UNKNOWN_ACCESS_TOKEN": (UNRESERVED, 1, 128),
    "TOKEN": (VSCHAR, 1, 4096),
    "CODE_VERIFIER": (UNRESERVED, 43, 128),
}


def fits(name, text):
    return getattr(grammar, name).fullmatch(text) is not None


def test_every_pattern_is_tested():
    patterns = {name for name, value in vars(grammar).items() if isinstance(value, re.Pattern)}
    assert patterns == set(FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_lengths(name):
    _, shortest, longest = FORMS[name]
    assert fits(name, "x" * shortest)
    assert not fits(name, "x" * (shortest - 1))
    assert fits(name, "x" * (longest or 10_000))
    assert longest is None or not fits(name, "x" * (longest + 1))


@pytest.mark.parametrize("name", FORMS)
@given(st.characters())
def test_no_pattern_takes_a_character_that_its_abnf_has_not(name, character):
    allowed, shortest, _ = FORMS[name]
    text = "x" * shortest + character + "x"
    assert character in allowed or not fits(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CLIENT_CREDENTIAL", 'a secret with "spaces" and \\'),
        ("URI_REFERENCE", "https://portal.example.net/callback?a=b#c"),
        ("ENDPOINT_ERROR", "Invalid username or password"),
        ("CALLBACK_ERROR", "access_denied"),
        ("CODE", "Tm9NRBnhPoUnr67P3d6RQ6wMi1Z8Em"),
        ("CODE", "._-"),
        ("TOKEN", "eyJ0.eyJ1.c2ln"),
        ("CODE_VERIFIER", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ],
)
def test_accepts(name, text):
    assert fits(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CLIENT_CREDENTIAL", " pasted"),
        ("CLIENT_CREDENTIAL", "pasted "),
        ("URI_REFERENCE", "https://portal.example.net/call back"),
        ("ENDPOINT_ERROR", 'invalid "grant"'),
        ("CALLBACK_ERROR", "Your account was locked"),
        *(("CODE", text) for text in ("<script>", "../../etc/passwd", "a~b", "a=b", "%2e")),
        ("TOKEN", "two words"),
        ("CODE_VERIFIER", "v" * 42 + "+"),
    ],
)
def test_refuses(name, text):
    assert not fits(name, text)


# --- texts that were checked ----------------------------------------------------------

SOURCE = Path(grammar.__file__).parent
CHECKED = {"AuthorizationCode": "checked_code", "BearerToken": "checked_token"}


def functions_that_call(name):
    """The functions of the package in which ``name`` is called."""
    return [
        function.name
        for path in SOURCE.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == name
    ]


@pytest.mark.parametrize("name", CHECKED)
def test_only_the_check_makes_a_checked_text(name):
    assert functions_that_call(name) == [CHECKED[name]]
