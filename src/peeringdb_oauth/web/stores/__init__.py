"""Stores: for what does not fit into a cookie, and for what processes share."""

from peeringdb_oauth.web.stores.memory import MemoryStore, Store, ended_logins

__all__ = ["MemoryStore", "Store", "ended_logins"]
