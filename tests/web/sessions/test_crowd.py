"""Many requests of one session at once cost the store little."""

from in_threads import Calls, Gate


def test_many_requests_at_once_read_the_store_once(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    clock.now += 2  # what this process remembers is too old
    records.reads, records.gate = 0, Gate()
    client = browser.client._client  # the one that people use
    calls = Calls(lambda: client.run(browser.flow.user(browser.visit("/"))), 20)
    records.gate.arrive()
    assert records.gate.nobody_arrives()
    records.gate.open()
    assert {user.id for user in calls.outcomes()} == {browser.user().id}
    assert records.reads == 1


def test_what_others_wait_for_is_read_once_for_all_of_them(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    login = browser.flow.visitors.peek(browser.visit("/"))
    clock.now += 2
    records.reads = 0
    sessions = browser.flow.visitors._sessions
    assert browser.client.run(sessions.fresh(login)).user.id == browser.user().id
    assert records.reads == 1


def test_a_record_that_is_gone_is_not_remembered(make_browser, records, clock):
    browser = make_browser(records=records)
    browser.log_in()
    login = browser.flow.visitors.peek(browser.visit("/"))
    [record] = records.of_owner(f"user:{login.user.id}")
    records.delete(record.key, expected=record.version)
    assert browser.client.run(browser.flow.visitors._sessions.fresh(login)) is None
    clock.now += 2
    assert browser.user() is None
