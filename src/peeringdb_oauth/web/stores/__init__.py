"""Stores: the memory of this process, and what processes and machines share."""

from peeringdb_oauth.web.stores.memory import MemoryStore
from peeringdb_oauth.web.stores.opening import open_records

__all__ = ["MemoryStore", "open_records"]
