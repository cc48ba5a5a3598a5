"""How sessions end, and who is told."""

from copy import deepcopy
from dataclasses import replace

import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import ConfigurationError, RecordsUnavailable
from peeringdb_oauth.web import Change, Refused, Sealer, SessionPolicy, SessionStore, Vault
from peeringdb_oauth.web.sessions import Ending

from ..conftest import SECRET

READ = AccessRule()


def revoked(server):
    return [one.form["token"] for one in server.received if one.path == "/oauth2/revoke_token/"]


def reasons(browser):
    return [event.reason for event in browser.events if event.kind == "session_ended"]


def sessions(browser):
    """What an application has as ``pdb.sessions``."""
    return browser.flow.visitors.sessions


def test_a_session_that_nobody_uses_ends(kept, clock, server):
    browser = kept(policy={"recheck_every": None})
    browser.log_in()
    clock.now += 7199
    assert browser.user() is not None
    clock.now += 7199
    assert browser.user() is not None  # its use counts
    clock.now += 7200
    assert browser.user() is None
    assert browser.session == {}
    assert reasons(browser) == ["idle"]
    assert len(revoked(server)) == 1


def test_a_session_that_is_used_ends_with_its_age(kept, clock, server):
    browser = kept(policy={"recheck_every": None, "max_age": 10_000})
    browser.log_in()
    clock.now += 5000
    assert browser.user() is not None
    clock.now += 5000
    assert browser.user() is None
    assert reasons(browser) == ["max_age"]
    assert len(revoked(server)) == 1


def test_a_use_is_written_once_a_minute_at_most(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    [before] = records.of_owner("user:1")
    for _ in range(5):
        clock.now += 11
        browser.user()
    assert records.of_owner("user:1") == [before]
    clock.now += 11
    browser.user()
    assert records.of_owner("user:1") != [before]


def test_a_logout_is_told_with_its_reason(kept, server):
    browser = kept()
    browser.log_in()
    browser.log_out(Sec_Fetch_Site="same-origin")
    assert browser.kinds() == ["login", "session_ended", "logout"]
    assert reasons(browser) == ["logout"]
    assert len(revoked(server)) == 1


def test_a_new_login_in_the_same_browser_replaces_the_session(kept, server):
    browser = kept()
    browser.log_in()
    browser.log_in()
    assert reasons(browser) == ["replaced"]
    assert len(revoked(server)) == 1


def test_a_session_whose_record_is_gone_is_lost(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    records.clear()
    clock.now += 1
    assert browser.user() is None
    assert browser.session == {}
    assert reasons(browser) == ["lost"]
    assert browser.user() is None
    assert reasons(browser) == ["lost"]


def test_a_session_whose_key_is_gone_is_lost(make_browser, records):
    browser = make_browser(records=records)
    browser.log_in()
    other = make_browser(records=records, secrets=("another-secret-of-32-characters!",))
    other.session = browser.session
    assert other.user() is None
    assert reasons(other) == ["lost"]


def test_the_key_can_be_changed_while_people_are_logged_in(make_browser, records):
    new = "another-secret-of-32-characters!"
    browser = make_browser(records=records)
    browser.log_in()
    rotated = make_browser(records=records, secrets=(new, SECRET))
    rotated.session = browser.session
    assert rotated.user() is not None
    rotated.log_in()
    later = make_browser(records=records, secrets=(new,))
    later.session = rotated.session
    assert later.user() is not None


def test_the_id_of_the_session_changes_at_each_login(stored):
    stored.log_in()
    first = stored.session["peeringdb"]["id"]
    stored.log_in()
    assert stored.session["peeringdb"]["id"] != first


def test_the_store_has_no_id_no_token_and_no_name_in_the_clear(
    make_browser, records, recording, profile
):
    profile(name="Ada Admin", email="ada@example.net")
    browser = make_browser(records=records)
    browser.log_in()
    dump = repr([vars_of(record) for record in records.all()])
    tokens = recording("token-success-no-openid").json
    secrets = [
        browser.session["peeringdb"]["id"],
        browser.session["peeringdb"]["csrf_token"],
        tokens["access_token"],
        tokens["refresh_token"],
        "Ada Admin",
        "ada@example.net",
    ]
    assert [secret for secret in secrets if secret in dump] == []
    [info] = browser.client.run(sessions(browser).of(1))
    assert info.id not in browser.session["peeringdb"]["id"]
    assert info.id not in records.all()[0].key


def vars_of(record):
    return {name: getattr(record, name) for name in record.__slots__}


# --- a form in a session that has ended ---


@pytest.mark.parametrize("kind", ["idle", "operator"])
def test_a_form_in_an_ended_session_says_what_happened_and_that_nothing_was_saved(
    make_browser, records, clock, kind
):
    browser = make_browser(records=records)
    browser.log_in()
    if kind == "idle":
        clock.now += 7200
    else:
        browser.client.run(sessions(browser).end_all(1))
    with pytest.raises(Refused) as caught:
        browser.require("/peering", READ, method="POST", Sec_Fetch_Site="same-origin")
    answer = caught.value.answer
    assert (answer.status, answer.location) == (401, None)
    assert answer.page.title == "Your session has ended"
    assert "Nothing was saved" in answer.page.advice
    assert answer.page.reasons[0].code == kind


def test_the_form_s_own_token_still_counts_when_the_session_has_ended(stored, clock):
    stored.log_in()
    token = stored.flow.page_context(stored.visit("/")).csrf_token
    clock.now += 7200
    with pytest.raises(Refused) as caught:
        stored.require("/peering", READ, method="POST", csrf_token=token)
    assert caught.value.answer.page.title == "Your session has ended"


def test_a_page_of_an_ended_session_leads_to_the_login(kept, clock):
    browser = kept()
    browser.log_in()
    clock.now += 7200
    with pytest.raises(Refused) as caught:
        browser.require("/peering", READ)
    assert caught.value.answer.location == "/login/peeringdb?next=/peering"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_after_an_operator_has_ended_the_session_a_login_may_start_at_once(stored, clock, method):
    stored.log_in("?next=/peering")
    stored.client.run(sessions(stored).end_all(1))
    clock.now += 1
    with pytest.raises(Refused) as caught:
        stored.require("/peering", READ, method=method, Sec_Fetch_Site="same-origin")
    stored.take(caught.value.answer)
    assert stored.start("?next=/peering")


@pytest.mark.parametrize("is_lost", [False, True])
def test_after_somebody_only_asked_who_is_logged_in_a_login_may_start_at_once(
    stored, records, clock, is_lost
):
    stored.log_in("?next=/peering")
    stored.client.run(sessions(stored).end_all(1))
    if is_lost:
        records.clear()
    clock.now += 1
    assert stored.user() is None
    answer = stored.take(stored.flow.start(stored.visit("/login/peeringdb?next=/peering")))
    assert (answer.page is None) is not is_lost


def test_a_store_that_loses_sessions_does_not_lead_round_in_circles(stored, records, clock):
    stored.log_in("?next=/peering")
    records.clear()
    clock.now += 1
    with pytest.raises(Refused) as caught:
        stored.require("/peering", READ)
    stored.take(caught.value.answer)
    answer = stored.flow.start(stored.visit("/login/peeringdb?next=/peering"))
    assert answer.page.code == "no_cookie"


# --- the list of sessions ---


def test_the_sessions_of_a_person_can_be_listed(make_browser, records, clock):
    browsers = [make_browser(records=records) for _ in range(2)]
    for browser in browsers:
        browser.log_in()
        clock.now += 10
    run, listed = browsers[0].client.run, sessions(browsers[0])
    newest, oldest = run(listed.of(1))
    assert newest.logged_in_at == oldest.logged_in_at + 10
    assert newest.user == browsers[0].user()
    assert newest.expires_at == newest.last_seen_at + 7200
    assert (newest.stale, newest.address) == (False, None)
    assert len({newest.id, oldest.id}) == 2
    assert run(listed.of(2)) == []


def test_the_session_of_the_caller_is_the_one_in_the_list(stored):
    stored.log_in()
    assert stored.client.run(sessions(stored).of(1)) == [stored.info()]


def test_without_a_store_the_session_of_the_caller_has_no_name(browser, clock):
    browser.log_in()
    info = browser.info()
    assert (info.id, info.logged_in_at, info.expires_at) == (None, clock.now, clock.now + 7200)


def test_without_a_store_sessions_cannot_be_listed(browser):
    with pytest.raises(ConfigurationError, match="sessions: must be set"):
        sessions(browser)


def test_one_session_can_be_ended_by_its_name(make_browser, records, clock, server):
    here, there = (make_browser(records=records) for _ in range(2))
    here.log_in()
    there.log_in()
    [name] = [there.info().id]
    assert here.client.run(sessions(here).end(name)) is True
    clock.now += 1
    assert there.user() is None
    assert here.user() is not None
    assert reasons(here) == ["operator"]
    assert reasons(there) == []  # it was told already
    assert len(revoked(server)) == 1
    assert here.client.run(sessions(here).end(name)) is False


def test_all_sessions_of_a_person_can_be_ended(make_browser, records, clock):
    browsers = [make_browser(records=records) for _ in range(3)]
    for browser in browsers:
        browser.log_in()
    assert browsers[0].client.run(sessions(browsers[0]).end_all(1)) == 3
    clock.now += 1
    assert [browser.user() for browser in browsers] == [None] * 3
    assert browsers[0].client.run(sessions(browsers[0]).end_all(1)) == 0


@pytest.mark.parametrize("is_emptied", [False, True])
def test_a_session_that_ends_while_it_is_read_is_not_shown(
    make_browser, records, clock, is_emptied
):
    browser, other = make_browser(records=records), make_browser(records=records)
    browser.log_in()
    clock.now += 61  # so that its use is to be written
    get = records.get

    def end_meanwhile(key):
        found = get(key)
        records.get = get
        other.client.run(sessions(other).end_all(1))
        if is_emptied:
            records.clear()
        return found

    records.get = end_meanwhile
    assert browser.user() is None
    assert reasons(browser) == (["lost"] if is_emptied else [])


def test_an_unknown_name_ends_nothing(stored):
    assert stored.client.run(sessions(stored).end("unknown")) is False


# --- another program ---


def test_another_program_ends_sessions_and_the_application_tells_and_revokes(
    make_browser, records, clock, server
):
    browser = make_browser(records=records)
    browser.log_in()
    with SessionStore(Vault(records, Sealer(SECRET))) as store:
        [info] = store.of(1)
        assert info.user.id == 1
        assert store.end(info.id) is True
        assert store.end(info.id) is False
        assert store.end_all(1) == 0
    assert revoked(server) == []
    clock.now += 1
    assert browser.client.run(sessions(browser).purge()) == 0
    assert reasons(browser) == ["operator"]
    assert len(revoked(server)) == 1
    clock.now += 31
    browser.client.run(sessions(browser).purge())
    assert reasons(browser) == ["operator"]
    assert len(revoked(server)) == 1


def test_another_program_ends_all_sessions_of_a_person(make_browser, records, clock):
    browsers = [make_browser(records=records) for _ in range(2)]
    for browser in browsers:
        browser.log_in()
    assert SessionStore(Vault(records, Sealer(SECRET))).end_all(1) == 2
    clock.now += 1
    assert [browser.user() for browser in browsers] == [None, None]


# --- purge ---


def test_a_purge_ends_what_is_over_and_deletes_it_later(make_browser, records, clock, server):
    browser = make_browser(records=records)
    browser.log_in()
    clock.now += 7200
    purge = lambda: browser.client.run(sessions(browser).purge())  # noqa: E731
    assert purge() == 1
    assert reasons(browser) == ["idle"]
    assert len(revoked(server)) == 1
    clock.now += 31
    assert purge() == 0
    clock.now += 43_200
    assert purge() == 1
    assert records.of_owner("user:1") == []


def test_one_process_purges_at_a_time(make_browser, records, clock):
    here, there = (make_browser(records=records) for _ in range(2))
    here.log_in()
    clock.now += 7200
    assert there.client.run(sessions(there).purge()) == 1
    clock.now += 29
    assert here.client.run(sessions(here).purge()) == 0


def test_a_purge_runs_by_itself(make_browser, records, clock, server):
    here, there = (make_browser(records=records) for _ in range(2))
    here.log_in()
    clock.now += 7200
    there.user()
    assert reasons(there) == ["idle"]
    assert len(revoked(server)) == 1


def test_a_used_session_is_not_purged(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    for _ in range(4):
        clock.now += 2000
        browser.user()
    assert browser.client.run(sessions(browser).purge()) == 0
    assert browser.user() is not None


def test_tokens_that_could_not_be_revoked_are_revoked_later(make_browser, records, clock, server):
    browser = make_browser(records=records)
    browser.log_in()
    server.answer("/oauth2/revoke_token/", status=503)
    answer = browser.log_out(Sec_Fetch_Site="same-origin")
    assert answer.status == 303
    assert browser.events[-1].reasons[0].code == "not_revoked"
    server.answer("/oauth2/revoke_token/", b"")
    clock.now += 61
    browser.client.run(sessions(browser).purge())
    assert len(revoked(server)) == 2
    clock.now += 61
    browser.client.run(sessions(browser).purge())
    assert len(revoked(server)) == 2


def test_tokens_of_a_login_that_failed_are_revoked_until_it_is_done(
    make_browser, records, clock, server, recording
):
    browser = make_browser(records=records)
    server.answer("/profile/v1", {"id": "nobody"})
    server.answer("/oauth2/revoke_token/", status=503)
    assert browser.log_in().status == 502
    purge = browser.flow.visitors.sessions.purge
    for _ in range(2):
        clock.now += 61
        browser.client.run(purge())
    server.answer("/oauth2/revoke_token/", b"")
    for _ in range(3):
        clock.now += 61
        browser.client.run(purge())
    refresh_token = recording("token-success-no-openid").json["refresh_token"]
    assert revoked(server) == [refresh_token] * 4
    assert [record.key for record in records.all() if record.key.startswith("session:")] == []


# --- how many there are ---


def test_counts_the_living_sessions(make_browser, records):
    browsers = [make_browser(records=records) for _ in range(2)]
    for browser in browsers:
        browser.log_in()
    store = SessionStore(Vault(records, Sealer(SECRET)))
    assert store.count() == 2
    browsers[0].log_out(Sec_Fetch_Site="same-origin")
    assert store.count() == 1


# --- what is kept of a session that has ended ---


def value_of(records):
    [record] = records.of_owner("user:1")
    return Vault(records, Sealer(SECRET)).read(record.key).value


@pytest.mark.parametrize("is_told", [True, False])
def test_of_a_session_that_has_ended_only_what_is_still_needed_is_kept(
    make_browser, records, clock, profile, is_told
):
    profile(name="Ada Admin", email="ada@example.net")
    browser = make_browser(records=records)
    browser.log_in()
    store = SessionStore(Vault(records, Sealer(SECRET)))
    if is_told:
        browser.client.run(sessions(browser).end_all(1))
    else:
        store.end_all(1)
    assert ("Ada Admin" in str(value_of(records))) is not is_told
    clock.now += 61
    browser.client.run(sessions(browser).purge())
    ended = browser.events[-1]
    assert (ended.kind, ended.user.name, ended.user.asns) == (
        "session_ended",
        "Ada Admin",
        (64500, 64501, 65550),
    )
    value = value_of(records)
    assert "64500" not in str(value)
    assert "ada@example.net" not in str(value)
    assert set(value) <= {
        *("application", "user", "ending", "handle", "lease", "expires_at"),
        *("logged_in_at", "seen_at", "checked_at", "csrf_token", "tokens"),
    }
    assert (value["csrf_token"], value["tokens"], value["seen_at"]) == ("", "", 0.0)


# --- the address of the browser ---


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1\x1b[31m\r\n\u202e", "192.0.2.1[31m"),
        ("x" * 5000, "x" * 64),
        ("\n", None),
        (None, None),
    ],
)
def test_the_address_of_a_browser_is_short_and_can_be_shown(
    make_browser, monkeypatch, given, shown, caplog
):
    browser = make_browser()
    visit = browser.visit
    monkeypatch.setattr(
        browser, "visit", lambda *args, **more: replace(visit(*args, **more), remote_address=given)
    )
    browser.log_in()
    assert browser.info().address == shown
    assert [message for message in caplog.messages if not message.isprintable()] == []


# --- the store is down ---


def go_down(records):
    def down(*_, **__):
        raise RecordsUnavailable("the store of the sessions does not answer")

    healthy = records.get, records.put
    records.get = records.put = down

    def come_back():
        records.get, records.put = healthy

    return come_back


def test_a_store_that_is_down_logs_nobody_out(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    clock.now += 2
    before = deepcopy(browser.session)
    come_back = go_down(records)
    with pytest.raises(Refused) as caught:
        browser.require("/", READ)
    assert (caught.value.answer.status, caught.value.answer.headers["Retry-After"]) == (503, "5")
    answer = browser.log_out(Sec_Fetch_Site="same-origin")
    assert answer.status == 503
    assert browser.session == before
    come_back()
    assert browser.user() is not None


def test_a_login_does_not_spend_its_code_while_the_store_is_down(make_browser, records, server):
    browser = make_browser(records=records)
    asked = browser.start()
    come_back = go_down(records)
    assert browser.come_back(asked).status == 503
    assert server.received == []
    come_back()
    assert browser.come_back(asked).status == 302
    assert browser.user() is not None


def test_tokens_are_given_back_when_the_store_goes_down_during_a_login(
    make_browser, records, server
):
    browser = make_browser(records=records)
    asked = browser.start()
    with_profile = server.answers["/profile/v1"]

    def answer(handler):
        go_down(records)
        with_profile(handler)

    server.answers["/profile/v1"] = answer
    assert browser.come_back(asked).status == 503
    assert len(revoked(server)) == 1


def test_tokens_are_kept_while_neither_the_store_nor_peeringdb_answers(
    make_browser, records, server, clock
):
    browser = make_browser(records=records)
    asked, ways_back = browser.start(), []
    with_profile = server.answers["/profile/v1"]

    def answer(handler):
        ways_back.append(go_down(records))
        with_profile(handler)

    server.answers["/profile/v1"] = answer
    server.answer("/oauth2/revoke_token/", status=503)
    assert browser.come_back(asked).status == 503
    with pytest.raises(RecordsUnavailable):
        browser.client.run(sessions(browser).purge())
    ways_back[0]()
    server.answer("/oauth2/revoke_token/", b"")
    for _ in range(3):
        clock.now += 61
        browser.client.run(sessions(browser).purge())
    assert len(revoked(server)) == 2  # and the first of them in vain


def test_an_emptied_store_makes_people_log_in_and_shows_no_error(stored, records, clock):
    stored.log_in()
    records.clear()
    clock.now += 1
    with pytest.raises(Refused) as caught:
        stored.require("/peering", READ)
    assert caught.value.answer.location == "/login/peeringdb?next=/peering"
    stored.log_in()
    assert stored.user() is not None


# --- what a purge leaves alone ---


def test_a_purge_leaves_the_sessions_of_other_applications_alone(
    make_browser, records, clock, server
):
    here = make_browser(records=records)
    there = make_browser(records=records, client_id="another")
    foreign = make_browser(records=records, secrets=("another-secret-of-32-characters!",))
    for browser in (there, foreign):
        browser.log_in()
    clock.now += 7200
    assert here.client.run(sessions(here).purge()) == 0
    assert len(records.of_owner("user:1")) == 2
    assert revoked(server) == []


def test_a_session_that_no_key_opens_any_more_is_deleted_after_a_month(
    make_browser, records, clock
):
    foreign = make_browser(records=records, secrets=("another-secret-of-32-characters!",))
    foreign.log_in()
    clock.now += 7200 + 31 * 86_400
    here = make_browser(records=records)
    here.client.run(sessions(here).purge())
    assert records.of_owner("user:1") == []


def test_a_purge_looks_again_later_at_a_session_that_a_new_policy_lets_live(
    make_browser, records, clock
):
    browser = make_browser(records=records)
    browser.log_in()
    clock.now += 7200
    patient = make_browser(records=records, policy=SessionPolicy(idle_timeout=20_000))
    assert patient.client.run(sessions(patient).purge()) == 0
    [record] = records.of_owner("user:1")
    assert record.due_at == clock.now - 7200 + 20_000


def test_a_purge_goes_on_when_peeringdb_gives_no_answer(make_browser, records, clock, server):
    browsers = [make_browser(records=records) for _ in range(3)]
    for browser in browsers:
        browser.log_in()
    server.answer("/oauth2/revoke_token/", status=503)
    clock.now += 7200
    assert browsers[0].client.run(sessions(browsers[0]).purge()) == 3
    clock.now += 61
    browsers[0].client.run(sessions(browsers[0]).purge())
    server.answer("/oauth2/revoke_token/", b"")
    clock.now += 61
    browsers[0].client.run(sessions(browsers[0]).purge())
    assert [record.due_at for record in records.of_owner("user:1")] == [
        clock.now - 122 + 43_200
    ] * 3


def test_a_session_without_limits_is_looked_at_once_a_month(make_browser, records, clock):
    browser = make_browser(records=records, policy=SessionPolicy(idle_timeout=None, max_age=None))
    browser.log_in()
    [record] = records.of_owner("user:1")
    assert record.due_at == clock.now + 30 * 86_400


@pytest.mark.parametrize(
    "change", [{"id": 7}, {"user": []}, {"csrf_token": None, "prompted": "yes"}, {"application": 7}]
)
def test_a_session_of_another_version_has_no_login(stored, change):
    stored.log_in()
    stored.session["peeringdb"] |= change
    if "csrf_token" in change:
        del stored.session["peeringdb"]["csrf_token"]
    assert stored.user() is None


def test_a_record_of_another_version_is_a_lost_session(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    [record] = records.of_owner("user:1")
    Vault(records, Sealer(SECRET)).change(
        record.key, lambda _, now: Change(value={"of": "the future"}, due_at=now + 60)
    )
    clock.now += 1
    assert browser.user() is None
    assert reasons(browser) == ["lost"]


def test_an_outside_program_deletes_what_has_ended(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    store = SessionStore(Vault(records, Sealer(SECRET)))
    assert store.purge() == 0
    browser.log_out(Sec_Fetch_Site="same-origin")
    clock.now += 43_200
    assert store.purge() == 1
    assert records.of_owner("user:1") == []


def test_each_application_in_a_store_purges_its_own_sessions(make_browser, records, clock):
    here = make_browser(records=records)
    there = make_browser(records=records, client_id="another")
    for browser in (here, there):
        browser.log_in()
    clock.now += 7200
    assert here.client.run(sessions(here).purge()) == 1
    assert there.client.run(sessions(there).purge()) == 1


# --- two processes that finish the same session ---


def load(browser):
    """The session as the store has it."""
    return browser.client.run(browser.flow.visitors._sessions.load(browser.visit("/")))


def finish(browser, login):
    visitors = browser.flow.visitors
    return browser.client.run(visitors._endings._finish(visitors._sessions, login))


def test_a_session_that_another_process_is_finishing_is_left_to_it(
    make_browser, records, clock, server
):
    here, there = (make_browser(records=records) for _ in range(2))
    here.log_in()
    login = load(here)
    server.answer("/oauth2/revoke_token/", status=503)
    there.session = deepcopy(here.session)
    here.log_out(Sec_Fetch_Site="same-origin")
    clock.now += 61
    ended = load(there)
    there.client.run(there.flow.visitors._sessions.claim(login))
    count = len(revoked(server))
    assert finish(here, ended) == 0
    assert len(revoked(server)) == count


def test_an_end_is_told_once_also_by_two_processes(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    SessionStore(Vault(records, Sealer(SECRET))).end_all(1)
    clock.now += 1
    session = deepcopy(browser.session)
    untold = load(browser)
    for _ in range(2):
        finish(browser, untold)
    assert reasons(browser) == ["operator"]
    browser.session = session
    clock.now += 1
    assert finish(browser, load(browser)) == 0  # it is remembered for some hours


def test_a_record_that_is_gone_is_deleted_without_complaint(make_browser, records):
    browser = make_browser(records=records)
    browser.log_in()
    sessions_, login = browser.flow.visitors._sessions, load(browser)
    for _ in range(2):
        browser.client.run(sessions_.delete(login))
    assert records.of_owner("user:1") == []


def test_an_outside_program_leaves_what_is_to_be_told_or_revoked(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    store = SessionStore(Vault(records, Sealer(SECRET)))
    store.end_all(1)
    clock.now += 61
    assert store.purge() == 0
    assert len(records.of_owner("user:1")) == 1


def test_a_session_in_a_cookie_ends_once(browser):
    browser.log_in()
    sessions_ = browser.flow.visitors._sessions
    login = browser.client.run(sessions_.load(browser.visit("/")))
    ending = Ending(reason="logout")
    assert browser.client.run(sessions_.end(login, ending)).ending == ending
    assert browser.client.run(sessions_.end(login, ending)) is None


def test_a_change_of_a_session_in_a_cookie_may_change_nothing(browser):
    browser.log_in()
    sessions_ = browser.flow.visitors._sessions
    login = browser.client.run(sessions_.load(browser.visit("/")))
    assert browser.client.run(sessions_.change(login, lambda _: None)) is None
    assert browser.user() is not None


def test_many_due_records_of_another_application_hold_up_no_purge(make_browser, records, clock):
    there = make_browser(records=records, client_id="another")
    for _ in range(12):
        there.log_in()
        there.session.clear()
        clock.now += 1
    here = make_browser(records=records)
    here.log_in()
    clock.now += 7200
    purge = here.flow.visitors._endings.purge
    assert here.client.run(purge(limit=2)) == 1
    assert reasons(here) == ["idle"]
