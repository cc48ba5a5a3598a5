"""What fuzzing checks: each property holds for known inputs, and can fail.

Without atheris, and in seconds. `make fuzz` tries other inputs: see run.py.
"""

import ast
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.gateway.explain import explain
from peeringdb_oauth.gateway.forwarded import Forwarded
from peeringdb_oauth.id_token import verify_id_token
from peeringdb_oauth.key_set import KeySet, PublicKey
from peeringdb_oauth.metadata import PEERINGDB
from peeringdb_oauth.profile import EVERY_PERMISSION, User
from peeringdb_oauth.tokens import Introspection, parse_token_response
from peeringdb_oauth.web import Vault
from peeringdb_oauth.web.sessions.stored_login import from_json

from .targets import TARGETS, inputs

FOLDER = Path(__file__).parent
CORPUS = [(name, path) for name in TARGETS for path in sorted((FOLDER / "corpus" / name).iterdir())]
LONG = 200_000  # bytes; a loop in a loop would take minutes


def target(name):
    return import_module(f".targets.{name}", __package__)


@pytest.mark.parametrize(("name", "path"), CORPUS, ids=[f"{n}-{p.name}" for n, p in CORPUS])
def test_the_property_holds_for_an_input_of_the_corpus(name, path):
    inputs.run(target(name).check, path.read_bytes())


def test_every_target_has_a_corpus_and_a_dictionary():
    files = {path.stem for path in (FOLDER / "targets").glob("*.py")}
    assert files - {"__init__", "inputs"} == set(TARGETS)
    for part in ("corpus", "dictionaries"):
        assert {path.stem for path in (FOLDER / part).iterdir()} == set(TARGETS)
    assert {name for name, _ in CORPUS} == set(TARGETS)


def pieces_of(name):
    """The words of a dictionary, and any bytes."""
    lines = (FOLDER / "dictionaries" / f"{name}.txt").read_text().splitlines()
    words = [ast.literal_eval(f"b{line}") for line in lines]
    return st.sampled_from(words) | st.binary(max_size=6)


def changed_inputs(name):
    """Inputs of the corpus in which one place has something else."""
    known = [path.read_bytes() for target_, path in CORPUS if target_ == name]
    return st.builds(
        lambda data, at, length, piece: data[:at] + piece + data[at + length :],
        st.sampled_from(known),
        st.integers(0, 2000),
        st.integers(0, 6),
        pieces_of(name),
    )


@pytest.mark.parametrize("name", TARGETS)
@given(st.data())
def test_the_property_holds_for_any_input(name, data):
    inputs.run(target(name).check, data.draw(changed_inputs(name) | st.binary(max_size=60)))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("piece", [b"a", b"%", b"/", b"%25", b"[", b"\\", b",", b";", b"=", b"\0"])
def test_a_long_input_takes_little_time(name, piece):
    """Ten times as much as fits into any limit; see `inputs.LONGEST`."""
    [first, *_] = [path for target_, path in CORPUS if target_ == name]
    inputs.run(target(name).check, first.read_bytes() + piece * (LONG // len(piece)))


# --- a check that cannot fail proves nothing ------------------------------------------


def read_any_path(text, *, default, **_):
    return text if text.startswith("/") else default


def visitor_of_the_first(headers):
    return headers.get("X-Forwarded-For", "").partition(",")[0] or None


def read_forwarded_of_the_last(headers):
    method = headers.get("x-forwarded-method", "").rpartition(", ")[2]
    return Forwarded("https", "lg.example.net", method, "/")


def read_code_without_state(_request, callback, **_):
    value = parse_qs(callback.partition("?")[2]) if isinstance(callback, str) else callback
    return value.get("code", ["none"])[0]


def read_code_and_tell(*_, **__):
    raise InvalidResponse(f"{inputs.CANARY} is no code", check="code")


def read_cookie_of_any_name(cookies):
    return {"peeringdb": cookies}


def metadata_as_it_is(_, *documents):
    named = [one.get("token_endpoint", "") for one in documents]
    [endpoint, *_] = [one for one in named if "evil" in one] or named
    return replace(PEERINGDB, token_endpoint=endpoint)


def token_with_all_that_was_asked(*sent, requested, now):
    token = parse_token_response(*sent, requested=requested, now=now)
    return replace(token, scope=("openid", "profile", "email", "networks", "amr", "more"))


def profile_with_every_permission(value):
    user = User.from_profile(value)
    rows = tuple(replace(network, perms=EVERY_PERMISSION) for network in user.networks)
    return replace(user, networks=rows)


def profile_of_a_verified_user(value):
    return replace(User.from_profile({"networks": []} | value), verified_user=True)


def login_of_any_types(value, *, key, now):
    return replace(from_json(value, key=key, now=now), seen_at=None)


class VaultWithoutKeys(Vault):
    """Believes what is in the store."""

    def _open(self, record, now, *, is_open=False):
        del is_open
        return super()._open(record, now, is_open=True)


def claims_without_signature(token, keys, **expected):
    trusting = tuple(replace(key, verify=lambda *_: True) for key in keys.keys)
    return verify_id_token(token, KeySet(keys=trusting), **expected)


def claims_for_ever(token, keys, *, now, **expected):
    return verify_id_token(token, keys, now=min(now, 1795432515.0), **expected)


def key_of_anybody(_):
    return KeySet(keys=(PublicKey(kid=None, verify=lambda *_: True),))


WRONG = [
    ("return_path", "host", {"read": read_any_path}),
    ("return_path", "backslash", {"read": read_any_path}),
    ("return_path", "tab", {"read": read_any_path}),
    ("return_path", "encoded", {"read": read_any_path}),
    ("forwarded_address", "good", {"visitor": visitor_of_the_first}),
    ("forwarded_address", "twice", {"read": read_forwarded_of_the_last}),
    ("callback", "other-state", {"read": read_code_without_state}),
    ("callback", "issuer", {"read": read_code_without_state}),
    ("callback", "good", {"read": read_code_and_tell}),
    ("session_cookie", "other-host", {"read": read_cookie_of_any_name}),
    ("session_cookie", "session", {"strip": lambda header: header}),
    ("metadata", "other-host", {"read": metadata_as_it_is}),
    ("token", "plain", {"read": token_with_all_that_was_asked}),
    ("token", "openid", {"introspect": lambda _: Introspection(active=True, client_id="other")}),
    ("profile", "member", {"from_profile": profile_with_every_permission}),
    ("profile", "unverified", {"from_profile": profile_of_a_verified_user}),
    ("session_record", "login", {"read": login_of_any_types}),
    ("session_record", "unsealed", {"make_vault": VaultWithoutKeys}),
    ("id_token", "unsigned", {"verify": claims_without_signature}),
    ("id_token", "claims", {"verify": claims_for_ever}),
    ("key_set", "jwks", {"read": key_of_anybody}),
    ("gateway_rule", "dots", {"is_allowed": lambda *_: True}),
    ("gateway_rule", "no-rule", {"explain": lambda *given: replace(explain(*given), allowed=True)}),
]


@pytest.mark.parametrize(
    ("name", "file", "wrong"), WRONG, ids=[f"{name}-{file}" for name, file, _ in WRONG]
)
def test_the_property_fails_for_a_wrong_implementation(name, file, wrong):
    data = (FOLDER / "corpus" / name / file).read_bytes()
    with pytest.raises(AssertionError):
        target(name).check(data, **wrong)


def test_what_takes_long_is_a_finding(monkeypatch):
    monkeypatch.setattr(inputs, "LONGEST", 0.0)
    with pytest.raises(AssertionError, match="5 bytes took"):
        inputs.run(lambda _: sum(range(10_000)), b"12345")


def test_every_property_has_a_wrong_implementation():
    assert {name for name, _, _ in WRONG} == set(TARGETS)
