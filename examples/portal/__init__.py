"""The portal of an exchange in Flask. All code that knows Flask is in `app`."""

from portal.app import create_app

__all__ = ["create_app"]
