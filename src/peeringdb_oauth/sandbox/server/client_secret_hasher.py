"""Hash client secrets, so that what is stored looks as it does at PeeringDB."""

import base64
import hashlib
import hmac

from django.contrib.auth.hashers import BasePasswordHasher


class LooksLikeArgon2(BasePasswordHasher):
    """SHA-256 in the notation of argon2.

    Real argon2 takes 50 milliseconds and a package of its own. The secrets of a sandbox
    protect nothing, and clients only see that the secret is stored as a hash.
    """

    algorithm = "argon2"

    def encode(self, password: str, salt: str) -> str:
        """The text to store."""
        digest = hashlib.sha256(f"{salt}{password}".encode()).digest()
        return f"argon2$argon2id$v=19$m=102400,t=2,p=8${_base64(salt.encode())}${_base64(digest)}"

    def verify(self, password: str, encoded: str) -> bool:
        """Whether ``encoded`` was made of this password."""
        salt = encoded.split("$")[-2]
        padded = salt + "=" * (-len(salt) % 4)
        return hmac.compare_digest(
            encoded, self.encode(password, base64.b64decode(padded).decode())
        )

    def must_update(self, encoded: str) -> bool:  # noqa: ARG002 - Django's signature
        """Hashes are never upgraded."""
        return False


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
