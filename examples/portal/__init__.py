"""The portal of an exchange, in Flask: members' people log in with PeeringDB.
Everything that is Flask's is in `app`.
"""

from portal.app import create_app

__all__ = ["create_app"]
