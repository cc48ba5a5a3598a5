"""What only this application may read or write, as text that a browser may carry:
encrypted and authenticated with Fernet.
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


class Sealer:
    """Seals values with the first of the application's ``secrets``, and opens what was
    sealed with any of them: so they can be changed.

    Raises: `ConfigurationError` for a missing or very short secret, or without
    ``cryptography``.
    """

    def __init__(self, *secrets: str) -> None:
        if not secrets or any(len(secret) < _MIN_LENGTH for secret in secrets):
            raise ConfigurationError(
                f"the secret key of the sessions is missing or has fewer than {_MIN_LENGTH}"
                " characters",
            )
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._fernet = cache(self._make_fernet)
        self._fernet("")  # rather find out now that it cannot be made

    def seal(self, purpose: str, value: Any) -> str:
        """A JSON value as text for a cookie or a session. What is sealed for one
        ``purpose`` does not open for another.
        """
        return (
            self._fernet(purpose)
            .encrypt(json.dumps(value, separators=(",", ":")).encode())
            .decode("ascii")
        )

    def open(self, purpose: str, text: object) -> Any:
        """What `seal` was given; None for anything else."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - an optional dependency

        try:
            return json.loads(self._fernet(purpose).decrypt(text if isinstance(text, str) else ""))
        except (InvalidToken, ValueError):  # ValueError: not ASCII
            return None

    def _make_fernet(self, purpose: str) -> "MultiFernet":
        try:
            from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415
        except ImportError as missing:
            raise ConfigurationError(
                'sessions need the package "cryptography": pip install cryptography',
            ) from missing
        label = f"peeringdb_oauth {purpose}".encode()
        return MultiFernet(
            [
                Fernet(urlsafe_b64encode(hmac.digest(secret, label, "sha256")))
                for secret in self._secrets
            ],
        )
