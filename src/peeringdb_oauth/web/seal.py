"""Values that only this application can read and write, as text for a browser.

They are encrypted and authenticated with Fernet.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from functools import cache
from typing import TYPE_CHECKING, Any

from peeringdb_oauth.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_MIN_LENGTH = 16  # characters of a secret
KEY_COMMAND = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


class Sealer:
    """Seals values with the first secret, and opens what any of the secrets sealed.

    So an application can change its secret: it puts the new one first.

    Raises:
        ConfigurationError: there is no secret, one is too short, or the package
            ``cryptography`` is missing.
    """

    def __init__(self, *secrets: str) -> None:
        if not secrets or any(len(secret) < _MIN_LENGTH for secret in secrets):
            raise ConfigurationError(
                f"the secret key of the sessions is missing or has fewer than {_MIN_LENGTH}"
                f" characters; this makes one: {KEY_COMMAND}"
            )
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._fernet = cache(self._make_fernet)
        self._name_key = cache(lambda: _derive_key(self._secrets[0], "names"))
        self._fernet("")  # raises now, and not at the first login

    def seal(self, purpose: str, value: Any) -> str:
        """A JSON value as text; it opens for the same ``purpose`` only."""
        plain = json.dumps(value, separators=(",", ":")).encode()
        return self._fernet(purpose).encrypt(plain).decode("ascii")

    def open(self, purpose: str, text: object) -> Any:
        """The value that was sealed, or None if ``text`` is anything else."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - an optional dependency

        try:
            return json.loads(self._fernet(purpose).decrypt(text if isinstance(text, str) else ""))
        except (InvalidToken, ValueError):  # ValueError: not ASCII
            return None

    def hide(self, name: str) -> str:
        """Another name in its place, from which nobody without the secret finds it."""
        return hmac.digest(self._name_key(), name.encode(), "sha256")[:12].hex()

    def _make_fernet(self, purpose: str) -> "MultiFernet":
        try:
            from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415
        except ImportError as missing:
            raise ConfigurationError(
                'sessions need the package "cryptography": pip install cryptography'
            ) from missing
        keys = (_derive_key(secret, purpose) for secret in self._secrets)
        return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


def _derive_key(secret: bytes, purpose: str) -> bytes:
    """A key that serves one purpose only (HKDF, RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    label = f"peeringdb_oauth {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=label).derive(secret)
