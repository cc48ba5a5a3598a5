"""A stored client secret that looks as PeeringDB's does, without argon2's 50 ms and
without its package.
"""

import base64
import hashlib
import hmac

from django.contrib.auth.hashers import BasePasswordHasher


class LooksLikeArgon2(BasePasswordHasher):
    """SHA-256 in argon2's notation. The secrets of a sandbox on loopback protect
    nothing; clients only see that they got a hash.
    """

    algorithm = "argon2"

    def encode(self, password: str, salt: str) -> str:
        """The text that is stored."""
        digest = hashlib.sha256(f"{salt}{password}".encode()).digest()
        return f"argon2$argon2id$v=19$m=102400,t=2,p=8${_b64(salt.encode())}${_b64(digest)}"

    def verify(self, password: str, encoded: str) -> bool:
        """Whether this is the secret that was stored."""
        salt = encoded.split("$")[-2]
        return hmac.compare_digest(
            encoded,
            self.encode(password, base64.b64decode(salt + "=" * (-len(salt) % 4)).decode()),
        )

    def must_update(self, encoded: str) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
