import builtins
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.web.seal import Sealer

OLD, NEW = "old-secret-0123456789", "new-secret-0123456789"


def test_a_sealed_value_can_be_opened():
    sealer = Sealer(NEW)
    value = ["a", 1, None, {"b": "c"}]
    assert sealer.open("login", sealer.seal("login", value)) == value


def test_sealed_text_cannot_be_read_and_fits_into_a_cookie():
    sealed = Sealer(NEW).seal("login", "verifier-0123")
    assert b"verifier" not in urlsafe_b64decode(sealed)
    assert all(character.isalnum() or character in "-_=" for character in sealed)


def test_a_value_sealed_twice_gives_different_text():
    assert Sealer(NEW).seal("login", 1) != Sealer(NEW).seal("login", 1)


def test_the_key_is_derived_with_hkdf_and_a_label_for_the_purpose():
    """So the same secret can also serve the framework's own cookies."""
    label = b"peeringdb_oauth login"
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=label).derive(NEW.encode())
    sealed = Sealer(NEW).seal("login", {"a": [1, 2]})
    assert Fernet(urlsafe_b64encode(key)).decrypt(sealed) == b'{"a":[1,2]}'


@pytest.mark.parametrize("text", [None, "", "x", 7, b"bytes", "é", "gAAAAA" * 20])
def test_other_text_opens_to_none(text):
    assert Sealer(NEW).open("login", text) is None


def test_text_with_a_changed_character_opens_to_none():
    sealed = Sealer(NEW).seal("login", 1)
    assert (
        Sealer(NEW).open("login", sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:])
        is None
    )


def test_a_value_does_not_open_for_another_purpose():
    assert Sealer(NEW).open("tokens", Sealer(NEW).seal("login", 1)) is None


def test_another_secret_opens_to_none():
    assert Sealer(NEW).open("login", Sealer(OLD).seal("login", 1)) is None


def test_an_old_secret_opens_but_does_not_seal():
    both = Sealer(NEW, OLD)
    assert both.open("login", Sealer(OLD).seal("login", 1)) == 1
    assert Sealer(NEW).open("login", both.seal("login", 2)) == 2


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (NEW, "x" * 15)])
def test_refuses_missing_and_short_secrets(secrets):
    with pytest.raises(ConfigurationError) as refused:
        Sealer(*secrets)
    assert str(refused.value) == (
        "the secret key of the sessions is missing or has fewer than 16 characters; this makes"
        " one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    )


def test_accepts_the_shortest_secret():
    assert Sealer("x" * 16).open("login", Sealer("x" * 16).seal("login", 1)) == 1


def test_a_hidden_name_is_an_hmac_with_a_key_of_its_own():
    label = b"peeringdb_oauth names"
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=label).derive(NEW.encode())
    hidden = hmac.new(key, b"a name", "sha256").hexdigest()[:24]
    assert Sealer(NEW, OLD).hide("a name") == hidden


def test_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without_cryptography(name, *arguments, **more):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without_cryptography)
    with pytest.raises(ConfigurationError) as refused:
        Sealer(NEW)
    assert str(refused.value) == (
        'sessions need the package "cryptography": pip install cryptography'
    )
