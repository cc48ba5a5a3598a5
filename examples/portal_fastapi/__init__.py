"""The portal of an exchange, in FastAPI: members' people log in with PeeringDB.
Everything that is FastAPI's is in `app`.
"""

from portal_fastapi.app import app

__all__ = ["app"]
