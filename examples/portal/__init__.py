"""A small peering portal: what an internet exchange could build on `peeringdb_oauth` with Flask. Start reading at `app.py`."""

from .app import create_app

__all__ = ["create_app"]
