"""Answers are remembered for a moment, and never when they are not true any more."""

import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from in_threads import Calls, until

from peeringdb_oauth.gateway.gateway import Gateway
from peeringdb_oauth.gateway.identity import Headers
from peeringdb_oauth.gateway.memory import Memory
from peeringdb_oauth.gateway.rules import Rules
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.web import RecentLogin, Sealer, SessionStore, Vault

from .conftest import PERSON, PROXY, SCRIPT, SECRET, identity

pytestmark = pytest.mark.server

PERMISSIVE = '[[rule]]\npath = "/members/{asn}/"\n\n[[rule]]\npath = "/"\nallow = "verified"'


@pytest.fixture
def member(browser):
    browser.log_in("orgadmin")
    browser.ask("/members/64500/")
    return browser


def another_program(site):
    """The sessions as the command line sees them."""
    return SessionStore(Vault(site.records, Sealer(SECRET)))


def test_within_a_second_neither_store_nor_cookie_is_read_anew(site, member):
    reads = site.records.reads
    for _ in range(20):
        assert identity(member.ask("/members/64500/"))["id"] == "1"
    assert site.records.reads == reads


def test_a_proxy_with_a_memory_of_its_own_gets_what_the_store_says_now(site, member):
    anew = PERSON | {"Cache-Control": "no-cache"}
    assert member.ask("/members/64500/", headers=anew).status_code == 204
    assert another_program(site).end_all(1) == 1
    assert member.ask("/members/64500/").status_code == 204  # remembered
    assert member.ask("/members/64500/", headers=anew).status_code == 401
    assert member.ask("/members/64500/").status_code == 401
    assert site.browser().ask("/members/64500/", headers=anew).status_code == 401


def test_within_a_second_a_person_is_known_at_every_page(site, member):
    reads = site.records.reads
    for number in range(20):
        assert identity(member.ask(f"/{number}"))["id"] == "1"
        assert identity(member.ask(f"/public/{number}"))["id"] == "1"
    assert member.ask("/members/64502/").status_code == 403
    assert site.records.reads == reads


def test_a_form_waits_for_the_rights_of_now_whatever_is_remembered(site, member, clock):
    site.sandbox.change("orgadmin", networks={64501: 15})
    site.sandbox.fault("slow", path="/profile/v1", seconds=0.3, times=1)
    clock.wait(901)
    assert member.ask("/members/64500/").status_code == 204
    assert member.ask("/members/64500/", "POST").status_code == 403


def test_two_gateways_share_sessions_and_their_ends(make_site, site, clock):
    browser = site.browser()
    browser.log_in("member")
    second = make_site(records=site.records).browser()
    second.jars = browser.jars
    assert identity(second.ask("/"))["id"] == "2"
    kept = dict(browser.cookies)
    browser.post("/_peeringdb/logout")
    second.cookies.update(kept)
    clock.wait(1)
    assert second.ask("/").status_code == 401


def test_an_answer_is_another_for_another_request(member):
    assert member.ask("/members/64502/").status_code == 403
    assert member.ask("/members/64500/", "DELETE").status_code == 204
    assert (
        member.ask("/members/64500/", headers={"X-Forwarded-Host": "grafana.test"}).status_code
        == 401
    )
    assert member.ask("/members/64500/", headers={"X-Forwarded-Proto": "http"}).status_code == 403
    member.cookies["theme"] = "dark"
    assert member.ask("/members/64500/").headers["x-peeringdb-cookie"] == "theme=dark"
    member.cookies.clear()
    assert member.ask("/members/64500/").status_code == 401


def test_a_session_that_another_program_has_ended_passes_for_one_second_at_most(
    site, member, clock
):
    clock.wait(0.9)
    assert member.ask("/members/64500/").status_code == 204
    assert another_program(site).end_all(1) == 1
    clock.wait(0.1)
    assert member.ask("/members/64500/").status_code == 401


def test_a_look_at_an_answer_does_not_make_it_younger(site, member, clock):
    another_program(site).end_all(1)
    for _ in range(7):
        clock.wait(0.125)
        member.ask("/members/64500/")
        member.ask("/other")
    clock.wait(0.125)
    assert member.ask("/members/64500/").status_code == 401
    assert member.ask("/other").status_code == 401


def test_a_logout_counts_at_once(member):
    kept = dict(member.cookies)
    member.post("/_peeringdb/logout")
    member.cookies.update(kept)
    assert member.ask("/members/64500/").status_code == 401


def test_rights_that_were_read_again_count_at_once(site, member, clock):
    site.sandbox.change("orgadmin", networks={64501: 15})
    clock.wait(899)
    assert member.ask("/members/64500/", headers=SCRIPT).status_code == 204
    site.settle()
    assert member.ask("/members/64500/").status_code == 403
    assert identity(member.ask("/members/64501/"))["asns"] == "64501"


def test_a_reload_counts_at_once(site, member):
    before = site.app.reloadable
    site.app.reload(replace(before, rules=Rules([])))
    assert member.ask("/members/64500/").status_code == 403
    site.app.reload(replace(before, headers=Headers({"X-User": "{id}"})))
    answer = member.ask("/members/64500/")
    assert (answer.headers["x-user"], identity(answer)) == ("1", {})
    site.app.reload(replace(before, roles=()))
    assert "roles" not in identity(member.ask("/members/64500/"))
    site.app.reload(before)
    assert identity(member.ask("/members/64500/"))["roles"] == "Editor"


def test_a_reload_reads_a_changed_file(site, member, write_settings):
    assert member.ask("/members/64502/").status_code == 403
    settings = Settings.load(write_settings(PERMISSIVE.replace('"/members/{asn}/"', '"/x/{asn}/"')))
    site.app.reload(settings.reloadable)
    assert member.ask("/members/64502/").status_code == 204


def test_strangers_are_not_remembered(site, browser):
    for number in range(50):
        browser.cookies["theme"] = str(number)
        browser.ask(f"/public/{number}")
    assert site.app.remembered == 0


def test_a_long_request_is_not_remembered_and_neither_are_long_cookies(site, member):
    assert member.ask("/").status_code == 204
    remembered = site.app.remembered
    assert remembered > 1  # answers, and the person
    assert member.ask("/" + "a" * 5000).status_code == 204
    member.cookies["other"] = "a" * 5000
    assert member.ask("/").status_code == 204
    assert site.app.remembered == remembered


def test_the_memory_is_bounded_and_forgets_the_oldest():
    memory, recent = Memory(3), RecentLogin(None, lambda: 0.0)
    for key in (1, 2, 3, 1, 4):
        memory.put(key, recent, f"answer {key}")
    assert len(memory) == 3
    assert [memory.get(key) for key in range(5)] == [None, "answer 1", None, "answer 3", "answer 4"]


def test_nothing_counts_that_is_not_current_any_more(clock):
    memory, recent, replaced = Memory(3), RecentLogin(None, clock), RecentLogin(None, clock)
    memory.put(1, recent, "answer")
    memory.put(2, replaced, "answer")
    memory.put(3, None, "answer")
    assert [memory.get(key) for key in (1, 2, 3)] == ["answer", "answer", None]
    replaced.replace()
    assert [memory.get(key) for key in (1, 2)] == ["answer", None]
    clock.wait(1)
    assert memory.get(1) is None


def test_what_was_judged_by_old_rules_is_not_remembered_after_a_reload(site, member, clock):
    """A reload comes while a check waits for the store."""
    clock.wait(1)
    old = site.app.reloadable
    asked = site.app.client.run

    async def reload_meanwhile(flow):
        result = await asked(flow)
        site.app.reload(replace(old, rules=Rules([])))
        return result

    site.app.client.run = reload_meanwhile
    member.ask("/new")
    site.app.client.run = asked
    assert site.app.reloadable is not old
    assert member.ask("/new").status_code == 403


@pytest.fixture
def first_is_late(site, monkeypatch):
    """The store's first answer about a session does not arrive before ``gate`` opens.

    ``answers``: what the store has said of sessions.
    """
    get, gate, answers = site.records.get, threading.Event(), []

    def answer_late(key):
        record = get(key)
        if key.startswith("session:"):
            answers.append(record)
            if len(answers) == 1:
                gate.wait(10)
        return record

    monkeypatch.setattr(site.records, "get", answer_late)
    yield SimpleNamespace(gate=gate, answers=answers)
    gate.set()


@pytest.fixture
def late_answer(member, clock, first_is_late):
    """A page for which the store has said that the session lives, and it is on its way.

    Other answers of the store are not late.
    """
    clock.now = int(clock.now) + 2.875  # nothing is remembered any more
    page = Calls(lambda: member.ask("/members/64500/").status_code)
    until(lambda: first_is_late.answers)
    clock.wait(0.125)  # who comes now asks the store for themselves
    return SimpleNamespace(gate=first_is_late.gate, page=page)


def test_a_late_answer_of_the_store_undoes_no_logout(member, late_answer):
    kept = dict(member.cookies)
    member.post("/_peeringdb/logout")
    late_answer.gate.set()
    assert late_answer.page.outcomes() == [204]
    member.cookies.update(kept)
    assert member.ask("/members/64500/").status_code == 401
    assert member.ask("/other").status_code == 401


def test_a_late_answer_of_the_store_does_not_count_for_another_second(
    site, member, clock, late_answer
):
    assert another_program(site).end_all(1) == 1
    clock.wait(0.875)
    late_answer.gate.set()
    assert late_answer.page.outcomes() == [204]
    assert member.ask("/members/64500/").status_code == 401


def test_nobody_waits_for_an_answer_of_the_store_that_is_late(site, member, clock, late_answer):
    assert another_program(site).end_all(1) == 1
    clock.wait(1)
    later = Calls(lambda: member.ask("/members/64500/").status_code)
    until(lambda: later.ended)
    late_answer.gate.set()
    assert (later.outcomes(), late_answer.page.outcomes()) == ([401], [204])


def test_nobody_waits_for_who_waits_for_an_older_answer(site, member, clock, first_is_late):
    clock.now = int(clock.now) + 2.0  # nothing is remembered any more
    form = Calls(lambda: member.ask("/members/64500/", "POST").status_code)
    until(lambda: first_is_late.answers)
    clock.wait(0.5)
    assert another_program(site).end_all(1) == 1
    clock.wait(0.375)
    page = Calls(lambda: member.ask("/members/64500/").status_code)
    threading.Event().wait(0.2)  # until it waits for the form's answer
    clock.wait(0.875)  # the session ended 1.25 seconds ago
    assert member.ask("/members/64500/").status_code == 401
    first_is_late.gate.set()
    assert form.outcomes() + page.outcomes() == [204, 204]


# --- at once --------------------------------------------------------------------------


@pytest.fixture
def held(site, member, clock, monkeypatch):
    """A check that waits for the store. ``found``: how often a person was sought."""
    found, find, gate = [], site.app._find, threading.Event()

    def count(*arguments):
        found.append(1)
        return find(*arguments)

    monkeypatch.setattr(site.app, "_find", count)
    clock.wait(2)  # nothing is remembered any more
    site.records.gate = gate
    first = Calls(lambda: member.ask("/members/64500/").status_code)
    until(lambda: found)
    yield SimpleNamespace(found=found, gate=gate, first=first)
    gate.set()


def test_all_requests_of_a_page_wait_for_one_answer_of_the_store(member, held):
    numbers = iter(range(5))
    others = Calls(lambda: member.ask(f"/{next(numbers)}").status_code, 5)
    threading.Event().wait(0.2)  # who comes later finds it remembered
    held.gate.set()
    assert held.first.outcomes() + others.outcomes() == [204] * 6
    assert len(held.found) == 1


@pytest.mark.parametrize("asked", [("/", "POST"), ("/public/",)])
def test_a_form_and_a_page_for_everybody_do_not_wait_for_another_page(member, held, asked):
    other = Calls(lambda: member.ask(*asked).status_code)
    until(lambda: len(held.found) == 2)
    held.gate.set()
    assert held.first.outcomes() + other.outcomes() == [204] * 2


def test_nobody_waits_for_a_check_that_began_more_than_a_second_ago(member, held, clock):
    clock.wait(1)
    other = Calls(lambda: member.ask("/members/64500/").status_code)
    until(lambda: len(held.found) == 2)
    held.gate.set()
    assert held.first.outcomes() + other.outcomes() == [204] * 2


def test_nobody_waits_for_a_check_by_rules_of_before(site, member, held, write_settings):
    site.app.reload(Settings.load(write_settings('[[rule]]\npath = "/"\nasn = 65551')).reloadable)
    other = Calls(lambda: member.ask("/members/64500/").status_code)
    until(lambda: len(held.found) == 2)
    held.gate.set()
    assert held.first.outcomes() + other.outcomes() == [204, 403]


# --- a reload in another thread -------------------------------------------------------


def at_line(number, work):
    """Have ``work`` done before a line of the checks, as another thread can do it.

    Returns whether it was done, for the time when all is over.
    """
    files = {sys.modules[one.__module__].__file__ for one in (Gateway, Memory)}
    left = [number]

    def trace(frame, event, _):
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                work()
        return trace

    sys.settrace(trace)
    return lambda: left[0] <= 0


def scope_of(browser, target, make=tuple):
    """What an ASGI server says of a check. ``make``: makes each pair of items."""
    headers = browser.headers("GET", target, PERSON)
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": make(PROXY), "headers": [make(pair) for pair in pairs]}


def test_a_reload_counts_at_once_at_whatever_line_of_a_check_it_comes(site, member, clock):
    old = site.app.reloadable
    new = replace(old, headers=Headers({"X-User": "{id}"}))

    async def check_with_reload_at(number):
        site.app.reload(old)
        clock.wait(1)
        tracer = sys.gettrace()
        was_reloaded = at_line(number, lambda: site.app.reload(new))
        try:
            await site.app.check(scope_of(member, "/"))
        finally:
            sys.settrace(tracer)
        answers = [await site.app.check(scope_of(member, path)) for path in ("/", "/other")]
        return was_reloaded(), [dict(answer.headers).get(b"x-user") for answer in answers]

    number = 0
    while True:
        number += 1
        was_reloaded, users = site.client.portal.call(check_with_reload_at, number)
        if not was_reloaded:
            break
        assert users == [b"1", b"1"], f"old headers after a reload at line {number} of a check"
    assert number > 40


@pytest.mark.parametrize("make", [tuple, list])
def test_headers_may_be_tuples_or_lists(site, member, make):
    """ASGI wants two items of any kind. Mangum passes lists."""
    check = site.client.portal.call
    scope = scope_of(member, "/", make)
    assert check(site.app.check, scope).status == 204
    reads, remembered = site.records.reads, site.app.remembered
    assert check(site.app.check, scope).status == 204
    assert (site.records.reads, site.app.remembered) == (reads, remembered)


def test_headers_that_can_be_read_once_are_read_once(site, member):
    scope = scope_of(member, "/")
    scope["headers"] = iter(scope["headers"])
    assert site.client.portal.call(site.app.check, scope).status == 204
