"""Events: what the audit log and observers are told, and which rights have changed."""

import logging
from dataclasses import replace

import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.observers import observers
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web import Event

ADA = User(
    id=7,
    name="Ada Admin",
    email="ada@example.net",
    networks=(Network(id=1, asn=64500, name="Net", perms=Permission.READ),),
    amr=("pwd", "otp", "mfa"),
)

NO = Reason("No.", code="closed")


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (Event(kind="login", user=ADA), logging.INFO, "login with PeeringDB: login, user 7"),
        (Event(kind="logout", user=ADA), logging.INFO, "login with PeeringDB: logout, user 7"),
        (
            Event(kind="rights_changed", user=ADA, previous=ADA),
            logging.INFO,
            "login with PeeringDB: rights_changed, user 7",
        ),
        (
            Event(kind="refused", reasons=(NO, Reason("Never.", code="needs_read"))),
            logging.WARNING,
            "login with PeeringDB: refused, nobody known: No.; Never.",
        ),
        (
            Event(
                kind="refused",
                user=ADA,
                reasons=(NO,),
                rule=AccessRule(asn=64500, perms=Permission.UPDATE),
                view="portal.edit",
                path="/as64500",
            ),
            logging.WARNING,
            (
                "login with PeeringDB: refused, user 7, view portal.edit, path /as64500,"
                " rule verified_user verified_email asn=AS64500 perms=UPDATE: No."
            ),
        ),
    ],
)
def test_an_event_is_one_record_of_the_audit_log(event, level, text, caplog):
    with caplog.at_level(logging.INFO, "peeringdb_oauth.audit"):
        event.record()
    [record] = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == (
        "peeringdb_oauth.audit",
        level,
        text,
    )


def test_the_record_has_the_fields_and_no_personal_data(caplog):
    with caplog.at_level(logging.INFO, "peeringdb_oauth.audit"):
        Event(
            kind="refused",
            user=ADA,
            reasons=(NO,),
            asn=64501,
            code="forbidden",
            rule=AccessRule(mfa=True),
            view="edit",
            path="/as64501",
        ).record()
    [record] = caplog.records
    fields = {name: value for name, value in vars(record).items() if name.startswith("peeringdb_")}
    assert fields == {
        "peeringdb_event": "refused",
        "peeringdb_code": "forbidden",
        "peeringdb_view": "edit",
        "peeringdb_path": "/as64501",
        "peeringdb_origin": None,
        "peeringdb_rule": "verified_user verified_email mfa",
        "peeringdb_reason_codes": ("closed",),
        "peeringdb_user_id": 7,
        "peeringdb_reasons": ("No.",),
        "peeringdb_asn": 64501,
        "peeringdb_asns": (64500,),
        "peeringdb_amr": ("pwd", "otp", "mfa"),
    }
    assert not any("Ada" in str(value) or "ada@" in str(value) for value in vars(record).values())


def test_an_application_may_record_an_event_with_plain_reasons(caplog):
    Event(kind="refused", reasons=("closed today",)).record()
    [record] = caplog.records
    assert record.peeringdb_reason_codes == ("refused",)


def test_the_record_of_an_unknown_user_has_no_networks(caplog):
    with caplog.at_level(logging.INFO, "peeringdb_oauth.audit"):
        Event(kind="refused").record()
    [record] = caplog.records
    assert (record.peeringdb_user_id, record.peeringdb_asns, record.peeringdb_amr) == (
        None,
        (),
        None,
    )


class Counting:
    def __init__(self):
        self.told = []
        self.on_event = self.told.append


def test_an_observer_is_told_the_event():
    counting, event = Counting(), Event(kind="logout", user=ADA)
    observers.append(counting)
    try:
        event.record()
    finally:
        observers.remove(counting)
    assert counting.told == [event]


# --- changed rights -------------------------------------------------------------------

NETWORK = ADA.networks[0]


@pytest.mark.parametrize(
    "change",
    [
        {"verified_user": True},
        {"verified_email": True},
        {"networks": ()},
        {"networks": (NETWORK, replace(NETWORK, id=2, asn=64501))},
        {"networks": (replace(NETWORK, perms=Permission.UPDATE),)},
        {"networks": (replace(NETWORK, manage_peering_sessions=Permission.READ),)},
    ],
)
def test_a_change_of_what_somebody_may_do_is_an_event(change):
    after = replace(ADA, **change)
    event = Event.of_change(ADA, after)
    assert event == Event(kind="rights_changed", user=after, previous=ADA)


@pytest.mark.parametrize(
    "change", [{}, {"name": "Ada King", "email": "king@example.net"}, {"amr": ("pwd",)}]
)
def test_a_change_of_anything_else_is_none(change):
    assert Event.of_change(ADA, replace(ADA, **change)) is None


def test_of_somebody_who_was_not_known_before_nothing_has_changed():
    assert Event.of_change(None, ADA) is None
