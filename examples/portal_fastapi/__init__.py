"""The portal of an exchange, in FastAPI: members' people log in with PeeringDB.
Everything that is FastAPI's is in `app`.
"""

from .app import app

__all__ = ["app"]
