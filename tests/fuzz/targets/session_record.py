"""Records of sessions: only what we sealed opens, and only a whole login is read."""

import json
from dataclasses import replace
from typing import get_args

from recordings import read_recording

from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.records import MemoryRecords, Record
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web import Sealer, SessionPolicy, Vault
from peeringdb_oauth.web.sessions.stored_login import (
    Ending,
    EndReason,
    StoredLogin,
    from_json,
    to_json,
)

from .inputs import json_of

SEALER = Sealer("0123456789abcdef0123456789abcdef")
KEY, OTHER_KEY = "session:0123456789abcdef", "session:fedcba9876543210"
NOW = 1_800_000_000.0
POLICY = SessionPolicy()
USER = User.from_profile(read_recording("profile-orgadmin").json)
LOGIN = StoredLogin(
    application=["https://auth.peeringdb.com", "portal"],
    user=USER,
    logged_in_at=NOW - 60,
    seen_at=NOW - 5,
    checked_at=NOW - 60,
    failed_at=NOW - 1,
    expires_at=int(NOW) + 36_000,
    csrf_token="csrf-token",
    tokens="sealed-tokens",
    address="192.0.2.7",
    handle="handle",
    lease_until=NOW,
    lease=3,
    key=KEY,
    now=NOW,
)
REASON = Reason(Text("AS{asn} is not yours", asn=64500), code="no_network", asn=64500)
ENDED = replace(LOGIN, ending=Ending(reason="rule", reasons=(REASON,), at=NOW, is_told=False))
NUMBER = (int, float)
TYPES = {
    **dict.fromkeys(("logged_in_at", "seen_at", "checked_at", "expires_at"), NUMBER),
    "failed_at": (*NUMBER, type(None)),
    "lease_until": NUMBER,
    "lease": (int,),
    "csrf_token": (str,),
    "tokens": (str,),
    "address": (str, type(None)),
    "prompted": (bool,),
}
VALID = [json.dumps(to_json(one)) for one in (LOGIN, ENDED)]


def check(data, read=from_json, make_vault=Vault):
    _check_seal(data.decode("latin-1"), make_vault)
    try:
        value = json.loads(json_of(data, VALID))
    except (ValueError, RecursionError):
        return
    try:
        login = read(value, key=KEY, now=NOW)
    except ValueError:
        return
    _assert_is_a_login(login, value, read)


def _check_seal(text, make_vault):
    """``text`` as the value of a record, which anybody in the store could write."""
    records = MemoryRecords(lambda: NOW)
    vault = make_vault(records, SEALER)
    records.put(Record(key=KEY, value=text, version=1, due_at=0.0), expected=None)
    found = vault.read(KEY)
    if found is not None:
        assert found.value == json.loads(VALID[0])
        records.put(Record(key=OTHER_KEY, value=text, version=1, due_at=0.0), expected=None)
        assert vault.read(OTHER_KEY) is None
    # A value that sites with other secret keys share is not sealed.
    vault.change(KEY, lambda *_: None, is_open=True)


def _assert_is_a_login(login, value, read):
    """A later request can work with it, and it is what was written."""
    assert (login.key, login.now) == (KEY, NOW)
    for name, types in TYPES.items():
        assert type(getattr(login, name)) in types, name
    assert User.from_dict(login.user.to_dict()) == login.user
    assert login.over(POLICY) in (None, "max_age", "idle")
    assert isinstance(login.ends_at(POLICY), int | float)
    if login.ending is not None:
        assert login.ending.reason in get_args(EndReason)
    assert read(json.loads(json.dumps(to_json(login))), key=KEY, now=NOW) == login
    assert login.tokens == value["tokens"]
    secret = "no field of a login has this text"
    assert secret not in repr(replace(login, tokens=secret, csrf_token=secret))
    assert login.user.id == value["user"][0]
