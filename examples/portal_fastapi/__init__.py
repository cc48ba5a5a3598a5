"""The portal of an exchange in FastAPI. All code that knows FastAPI is in `app`."""

from portal_fastapi.app import app

__all__ = ["app"]
