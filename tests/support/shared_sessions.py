"""Stores of sessions for tests."""

from peeringdb_oauth.records import MemoryRecords
from peeringdb_oauth.web import Sealer, SessionStore, Vault, open_session_store


def store_of(records, *secrets):
    """The sessions in these records."""
    return SessionStore(Vault(records, Sealer(*secrets)))


def memory_store(clock, *secrets):
    """Sessions in memory, with a clock that a test moves."""
    return store_of(MemoryRecords(clock), *secrets)


def sqlite_store(folder, *secrets):
    """Sessions in an SQLite file, with the clock of the machine."""
    return open_session_store(f"sqlite:///{folder}/sessions.db", secrets=secrets)


def egresses(vault):
    """The names of the addresses whose budget is in a store."""
    entries, _ = vault.due(1000, ahead=1e9)
    return {entry.key.split(":")[1] for entry in entries if entry.key.startswith("budget:")}
