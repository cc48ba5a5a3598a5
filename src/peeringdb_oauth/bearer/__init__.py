"""Bearer tokens at an API of one's own (RFC 6750): `BearerVerifier`."""

from peeringdb_oauth.bearer.challenge import REALM
from peeringdb_oauth.bearer.verifier import BearerVerifier

__all__ = ["REALM", "BearerVerifier"]
