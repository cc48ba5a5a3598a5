"""Tokens are refreshed before they expire, by one process at a time."""

from dataclasses import replace

import pytest
from canned_server import answering

from peeringdb_oauth import flows
from peeringdb_oauth.errors import (
    AccessDenied,
    RecordsUnavailable,
    RightsUnknown,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.steps import Shared
from peeringdb_oauth.web import Sealer, SessionPolicy, SessionStore, Vault

from ..conftest import SECRET

FOR_DAYS = SessionPolicy(max_age=None, idle_timeout=None)
INVALID_GRANT = answering({"error": "invalid_grant"}, status=400)


def revoked(server):
    return [one.form["token"] for one in server.received if one.path == "/oauth2/revoke_token/"]


def bearers(server):
    return [one.headers["authorization"] for one in server.received if one.path == "/profile/v1"]


def test_tokens_are_refreshed_before_they_expire(make_browser, records, clock, tokens, server):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    clock.now += 34_000
    assert browser.user() is not None
    assert tokens.refreshed == []
    clock.now += 1100  # less than a quarter of an hour is left
    browser.user()
    assert len(tokens.refreshed) == 1
    assert bearers(server)[-1] == "Bearer new-access-token-1"


def test_a_session_lives_on_with_the_refreshed_tokens(make_browser, records, clock, tokens):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    for _ in range(3):
        clock.now += 40_000
        assert browser.user().amr == ("pwd", "otp", "mfa")  # PeeringDB forgets it, we do not
    assert tokens.refreshed[1:] == ["new-refresh-token-1", "new-refresh-token-2"]


def test_without_a_store_nothing_is_refreshed(make_browser, clock, tokens):
    browser = make_browser(policy=FOR_DAYS)
    browser.log_in()
    clock.now += 35_900
    assert browser.user() is not None
    assert tokens.refreshed == []


def test_a_refused_access_token_is_refreshed_before_the_session_ends(stored, clock, tokens, server):
    stored.log_in()
    with_profile = server.answers["/profile/v1"]

    def answer(handler):
        is_new = "new-access-token" in handler.received.headers["authorization"]
        (with_profile if is_new else answering(b"", status=403))(handler)

    server.answers["/profile/v1"] = answer
    clock.now += 1800
    assert stored.user() is not None
    assert len(tokens.refreshed) == 1


def test_a_refused_refresh_ends_the_session(make_browser, records, clock, tokens):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    tokens.failure = INVALID_GRANT
    clock.now += 40_000
    with pytest.raises(TokenRejected):
        browser.user()
    assert browser.user() is None
    assert browser.events[-1].reason == "refused_by_peeringdb"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_refresh_without_an_answer_is_tried_again(make_browser, records, clock, tokens, status):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    tokens.failure = answering(b"", status=status)
    clock.now += 35_500  # the rights are older than they may be
    with pytest.raises(RightsUnknown):
        browser.user()
    tokens.failure = None
    clock.now += 100
    assert browser.user() is not None
    assert len(tokens.refreshed) == 1


def test_a_store_that_is_down_is_noticed_before_the_old_tokens_are_spent(
    make_browser, records, clock, tokens
):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    clock.now += 40_000
    records.down_after = 1  # the claim of the re-check, but not that of the refresh
    with pytest.raises(RecordsUnavailable):
        browser.user()
    assert tokens.refreshed == []


def test_new_tokens_that_the_store_does_not_take_are_written_when_it_does(
    make_browser, records, clock, tokens
):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    clock.now += 40_000

    def go_down():
        records.down_after = 0

    tokens.during = go_down
    waits = []

    def come_back(seconds):
        waits.append(seconds)
        clock.now += seconds
        if len(waits) == 3:
            records.down_after = None

    browser.client.pause = come_back
    with pytest.raises(RecordsUnavailable):
        browser.user()
    tokens.during = lambda: None
    clock.now += 20
    assert browser.user() is not None
    assert len(waits) == 3
    assert len(tokens.refreshed) == 1


def test_a_logout_during_a_refresh_revokes_the_new_tokens(
    make_browser, records, clock, tokens, server
):
    browser, other = (make_browser(records=records, policy=FOR_DAYS) for _ in range(2))
    browser.log_in()
    other.session = browser.session
    clock.now += 40_000
    tokens.during = lambda: other.log_out(Sec_Fetch_Site="same-origin")
    with pytest.raises(TokenRejected):
        browser.user()
    assert revoked(server) == ["new-refresh-token-1"]


def claim(browser):
    """The lease of the browser's session, as a process has it that asks PeeringDB."""
    sessions = browser.flow.visitors._sessions
    login = browser.client.run(sessions.load(browser.visit("/")))
    return browser.client.run(sessions.claim(login))


def test_another_process_waits_for_the_refresh_and_takes_its_result(
    make_browser, records, clock, tokens
):
    browser, other = (make_browser(records=records, policy=FOR_DAYS) for _ in range(2))
    browser.log_in()
    other.session = browser.session
    clock.now += 40_000
    mine, waits = claim(browser), []

    def wait(seconds):
        waits.append(seconds)
        clock.now += seconds
        if len(waits) == 3:
            browser.client.run(browser.flow.visitors._rechecks.ask_and_store(mine))

    other.client.pause = wait
    assert other.user() is not None
    assert len(waits) == 3
    assert len(tokens.refreshed) == 1


def test_a_process_that_died_locks_nobody_out_for_longer_than_the_lease(
    make_browser, records, clock, tokens
):
    browser, other = (make_browser(records=records, policy=FOR_DAYS) for _ in range(2))
    browser.log_in()
    other.session = browser.session
    clock.now += 40_000
    claim(browser)
    with pytest.raises(RightsUnknown) as caught:
        other.user(max_age=0)
    assert caught.value.retry_after == 10
    clock.now += 16  # five were spent waiting
    assert other.user(max_age=0) is not None
    assert len(tokens.refreshed) == 1


def test_a_session_that_ended_before_its_refresh_is_not_refreshed(
    make_browser, records, clock, tokens, server
):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    clock.now += 40_000
    mine = claim(browser)
    SessionStore(Vault(records, Sealer(SECRET))).end_all(mine.user.id)
    with pytest.raises(TokenRejected):
        browser.client.run(browser.flow.visitors._rechecks.ask_and_store(mine))
    assert tokens.refreshed == []
    assert len(revoked(server)) == 1


@pytest.mark.usefixtures("tokens")
def test_tokens_that_came_during_a_logout_are_revoked_too(make_browser, records, clock, server):
    browser = make_browser(records=records)
    browser.log_in()
    visitors = browser.flow.visitors
    login = browser.client.run(visitors._sessions.load(browser.visit("/")))
    other = flows.refresh(visitors._provider, visitors._tokens.open(login))
    answer = server.answers["/oauth2/revoke_token/"]

    def refresh_first(handler):
        server.answers["/oauth2/revoke_token/"] = answer
        sealed = visitors._tokens.seal(browser.client.run(other))
        change = visitors._sessions.change(login, lambda stored: replace(stored, tokens=sealed))
        browser.client.run(change)
        answer(handler)

    server.answers["/oauth2/revoke_token/"] = refresh_first
    browser.log_out(Sec_Fetch_Site="same-origin")
    clock.now += 61
    browser.client.run(visitors.sessions.purge())
    assert revoked(server)[-1] == "new-refresh-token-1"


def test_a_late_answer_does_not_replace_newer_tokens(make_browser, records, clock, tokens, server):
    browser, other = (make_browser(records=records, policy=FOR_DAYS) for _ in range(2))
    browser.log_in()
    other.session = browser.session
    clock.now += 40_000

    def be_late():
        tokens.during = lambda: None
        clock.now += 20  # the lease has ended
        claim(other)

    tokens.during = be_late
    with pytest.raises(RightsUnknown):
        browser.user(max_age=0)
    assert revoked(server) == ["new-refresh-token-1"]


def test_a_wrong_client_secret_is_no_reason_to_end_a_session(make_browser, records, clock, tokens):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    tokens.failure = answering({"error": "invalid_client"}, status=401)
    clock.now += 35_500
    with pytest.raises(RightsUnknown):
        browser.user()
    tokens.failure = None
    clock.now += 100
    assert browser.user() is not None


def test_new_tokens_are_given_back_when_the_store_stays_down(  # noqa: PLR0917 - fixtures
    make_browser, records, clock, tokens, server, caplog
):
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    clock.now += 40_000

    def go_down():
        records.down_after = 0

    tokens.during = go_down
    with pytest.raises(RecordsUnavailable):
        browser.user()
    assert revoked(server) == ["new-refresh-token-1"]
    assert "did not take the new tokens of user 1" in caplog.text
    records.down_after, tokens.during = None, lambda: None
    tokens.failure = INVALID_GRANT  # PeeringDB: the old one is spent
    clock.now += 20
    with pytest.raises(TokenRejected):
        browser.user()
    assert browser.user() is None


def test_new_tokens_that_nobody_uses_are_revoked_until_it_is_done(
    make_browser, records, clock, tokens, server
):
    browser, other = (make_browser(records=records, policy=FOR_DAYS) for _ in range(2))
    browser.log_in()
    other.session = browser.session
    clock.now += 40_000

    def be_late():
        tokens.during = lambda: None
        clock.now += 20  # the lease has ended
        claim(other)

    tokens.during = be_late
    server.answer("/oauth2/revoke_token/", status=503)
    with pytest.raises(RightsUnknown):
        browser.user(max_age=0)
    server.answer("/oauth2/revoke_token/", b"")
    clock.now += 61
    browser.client.run(browser.flow.visitors.sessions.purge())
    assert revoked(server) == ["new-refresh-token-1"] * 2


def test_new_tokens_that_were_written_without_an_answer_are_not_revoked(
    make_browser, records, clock, tokens, server
):
    browser, other = (make_browser(records=records, policy=FOR_DAYS) for _ in range(2))
    browser.log_in()
    other.session = browser.session
    clock.now += 40_000
    put = records.put

    def put_without_answer(record, *, expected):
        records.put = put
        put(record, expected=expected)
        raise RecordsUnavailable("the store of the sessions does not answer")

    def wait(seconds):
        clock.now += 20 + seconds  # the lease has ended
        claim(other)

    tokens.during = lambda: setattr(records, "put", put_without_answer)
    browser.client.pause = wait
    with pytest.raises(RecordsUnavailable):
        browser.user()
    clock.now += 20
    assert other.user() is not None
    assert revoked(server) == []
    assert len(tokens.refreshed) == 1


def test_a_session_without_a_refresh_token_is_rechecked_until_it_expires(
    make_browser, records, clock, server, recording
):
    body = recording("token-success-no-openid").json
    del body["refresh_token"]
    server.answer("/oauth2/token/", body)
    browser = make_browser(records=records, policy=FOR_DAYS)
    browser.log_in()
    clock.now += 35_500
    assert browser.user() is not None
    assert len(bearers(server)) == 2


def test_a_process_that_waits_sees_that_peeringdb_gave_no_answer(
    make_browser, records, clock, server
):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = browser.session
    server.answer("/profile/v1", status=503)
    mine = claim(browser)

    def wait(seconds):
        clock.now += seconds
        browser.client.run(browser.flow.visitors._rechecks.ask_and_store(mine))

    other.client.pause = wait
    before = clock.now
    with pytest.raises(RightsUnknown):
        other.user(max_age=0)
    assert clock.now - before < 1


def test_a_process_that_waits_sees_a_logout(make_browser, records, clock):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = dict(browser.session)
    claim(browser)

    def wait(seconds):
        clock.now += seconds
        browser.log_out(Sec_Fetch_Site="same-origin")

    other.client.pause = wait
    with pytest.raises(TokenRejected):
        other.user(max_age=0)
    assert other.session == {}


def test_a_process_that_waits_sees_that_the_record_is_gone(make_browser, records):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = dict(browser.session)
    claim(browser)
    other.client.pause = lambda _: records.clear()
    with pytest.raises(TokenRejected, match="this session has ended: log in again"):
        other.user(max_age=0)


def test_a_process_that_waits_sees_why_the_session_has_ended(make_browser, records, profile):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = dict(browser.session)
    mine = claim(browser)

    def wait(_):
        profile(verified_user=False)
        with pytest.raises(AccessDenied):
            browser.client.run(browser.flow.visitors._rechecks.ask_and_store(mine))

    other.client.pause = wait
    with pytest.raises(TokenRejected, match="not verified"):
        other.user(max_age=0)


def test_a_logout_during_a_recheck_revokes_the_tokens(make_browser, records, server, recording):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = dict(browser.session)
    with_profile = server.answers["/profile/v1"]

    def answer(handler):
        other.log_out(Sec_Fetch_Site="same-origin")
        with_profile(handler)

    server.answers["/profile/v1"] = answer
    with pytest.raises(TokenRejected):
        browser.user(max_age=0)
    assert revoked(server) == [recording("token-success-no-openid").json["refresh_token"]]
    assert [event.reason for event in other.events if event.reason] == ["logout"]
    assert browser.user() is None


def late(clock, profile, server, other, answer):
    """PeeringDB answers after the lease, when another process has newer rights."""

    def be_late(handler):
        profile(networks=[])
        clock.now += 20  # the lease has ended
        assert other.user(max_age=0).asns == ()
        answer(handler)

    server.answers["/profile/v1"] = be_late


def test_late_rights_do_not_replace_newer_ones(make_browser, records, clock, profile, server):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = dict(browser.session)
    late(clock, profile, server, other, server.answers["/profile/v1"])
    assert browser.user(max_age=0).asns == ()
    clock.now += 2
    assert other.user().asns == ()


def test_late_rights_are_not_told_after_newer_ones(make_browser, records, clock, profile, server):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = dict(browser.session)
    profile(networks=[{"id": 1, "name": "Less", "asn": 64511, "perms": 1}])
    late(clock, profile, server, other, server.answers["/profile/v1"])
    assert browser.user(max_age=0).asns == ()
    assert [browser.kinds(), other.kinds()] == [["login"], ["rights_changed"]]


def test_a_late_failure_does_not_make_newer_rights_old(
    make_browser, records, clock, profile, server
):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = dict(browser.session)
    late(clock, profile, server, other, answering(b"", status=503))
    with pytest.raises(RightsUnknown):
        browser.user(max_age=0)
    clock.now += 2
    sessions = other.flow.visitors._sessions
    assert other.client.run(sessions.load(other.visit("/"))).failed_at is None


def test_a_session_that_has_just_ended_elsewhere_is_not_rechecked(make_browser, records, server):
    here, there = (make_browser(records=records) for _ in range(2))
    here.log_in()
    there.session = dict(here.session)
    assert here.user() is not None  # remembered for a second
    there.log_out(Sec_Fetch_Site="same-origin")
    count = len(bearers(server))
    with pytest.raises(TokenRejected):
        here.user(max_age=0)
    assert len(bearers(server)) == count


def test_a_session_whose_record_is_deleted_during_a_recheck_ends(make_browser, records, server):
    browser = make_browser(records=records)
    browser.log_in()
    with_profile = server.answers["/profile/v1"]

    def answer(handler):
        records.clear()
        with_profile(handler)

    server.answers["/profile/v1"] = answer
    with pytest.raises(TokenRejected):
        browser.user(max_age=0)
    assert browser.user() is None


def test_a_process_that_has_lost_its_lease_does_not_refresh(
    make_browser, records, clock, server, tokens
):
    browser, other = (make_browser(records=records) for _ in range(2))
    browser.log_in()
    other.session = browser.session

    def answer(handler):
        clock.now += 21  # longer than the lease
        claim(other)
        answering(b"", status=403)(handler)

    server.answers["/profile/v1"] = answer
    with pytest.raises(RightsUnknown):
        browser.user(max_age=0)
    assert tokens.refreshed == []


def test_who_waits_too_long_for_another_in_the_process_goes_on_with_what_is_known(
    make_browser, records, clock
):
    browser = make_browser(records=records)
    browser.log_in()
    clock.now += 1800
    perform = browser.client.perform

    def wait_in_vain(step):
        if isinstance(step, Shared) and step.name.startswith("re-check"):
            raise TransportError("PeeringDB has been asked the same already")
        return perform(step)

    browser.client.perform = wait_in_vain
    assert browser.user().asns == (64500, 64501, 65550)
    with pytest.raises(RightsUnknown):
        browser.user(max_age=0)
