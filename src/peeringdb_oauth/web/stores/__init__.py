"""Stores: for what does not fit into a cookie, and for what processes share."""

from peeringdb_oauth.web.stores.memory import MemoryStore, Store, ended_logins
from peeringdb_oauth.web.stores.opening import open_records

__all__ = ["MemoryStore", "Store", "ended_logins", "open_records"]
