"""Bearer tokens at an API of your own (RFC 6750): `BearerVerifier`.

The API takes an ID token or an access token, gets the user, or answers with the right
refusal. Nothing in here knows a web framework.
"""

from peeringdb_oauth.bearer.challenge import REALM
from peeringdb_oauth.bearer.verifier import BearerVerifier

__all__ = ["REALM", "BearerVerifier"]
