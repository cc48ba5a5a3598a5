"""A peering API by an IETF draft. The paths are in `app`, our exchanges in `policy`."""

from peering_api.app import create_app

__all__ = ["create_app"]
