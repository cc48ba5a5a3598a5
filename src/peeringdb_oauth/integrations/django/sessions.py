"""The sessions of the project's users: who is logged in where, and how to end it.

::

    from peeringdb_oauth.integrations.django import sessions

    for session in sessions.of(identity.peeringdb_id):
        print(session.address, session.last_seen_at)
    sessions.end_all(identity.peeringdb_id)

Each function raises `ConfigurationError` if ``PEERINGDB_OAUTH["SESSIONS"]`` is not set,
and `RecordsUnavailable` if the store does not answer.
"""

from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.web import SessionInfo


def of(user_id: int) -> list[SessionInfo]:
    """The sessions of a person, by their id at PeeringDB, the newest first."""
    return application().sessions.of(user_id)


def end(id: str) -> bool:  # noqa: A002 - the name of the field
    """End the session with this `SessionInfo.id`; whether there was one."""
    return application().sessions.end(id)


def end_all(user_id: int) -> int:
    """End all sessions of a person; how many there were."""
    return application().sessions.end_all(user_id)


def purge() -> int:
    """End what is over and delete what has ended; how many sessions that were.

    It also runs by itself, in one process at a time.
    """
    return application().sessions.purge()
