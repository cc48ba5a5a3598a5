"""Sessions of an application in Starlette or FastAPI, in cookies and in a store."""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from reading import tokens_in
from shared_sessions import egresses, store_of
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from peeringdb_oauth import AsyncClient, ConfigurationError
from peeringdb_oauth.integrations.starlette import PeeringDB
from peeringdb_oauth.records import MemoryRecords, RecordsUnavailable
from peeringdb_oauth.steps import later, pause
from peeringdb_oauth.web import SessionPolicy, open_session_store

from .conftest import SECRET, Portal, failure, in_fastapi, in_starlette
from .test_login import refused_at_peeringdb

MEMBER = [64500, 64501, 65550]
ANOTHER_SECRET = "another-secret-of-32-characters!"


@pytest.fixture
def clock(clock):
    """The clock of the client. It shows the time until a test changes it."""
    clock.now = time.time()
    return clock


def with_pages(pdb):
    """The portal with pages that show who is logged in, and a form."""
    app = in_starlette(pdb)
    app.state.saved = []

    @pdb.require().guard
    async def save(request, _):
        async with request.form() as form:
            app.state.saved.append(form["note"])
        return PlainTextResponse("saved")

    async def show(request):
        """What a template knows if nobody has asked who is logged in."""
        context = pdb.template_context(request)["peeringdb"]
        user = context.user
        return JSONResponse(None if user is None else [user.name, user.asns])

    @pdb.require().guard
    async def show_guarded(request, _):
        return await show(request)

    async def session(request):
        app.state.found = await pdb.current_login(request)
        return PlainTextResponse("")

    app.router.routes += [
        Route("/save", save, methods=["POST"]),
        Route("/template", show),
        Route("/guarded-template", show_guarded),
        Route("/session", session),
    ]
    return app


@dataclass
class Site:
    """One process of a site: all its requests run in one event loop."""

    portal: Portal
    client: AsyncClient
    first: object

    def browser(self, *, cookies_of=None):
        """A browser; ``cookies_of``: another one whose cookies it has."""
        browser = self.portal.browser()
        browser.client.portal = self.first.client.portal
        if cookies_of is not None:
            browser.client.cookies.update(cookies_of.client.cookies)
        return browser

    def call(self, function, *arguments):
        """Await a coroutine function in the event loop of the site."""
        return self.first.client.portal.call(function, *arguments)

    def settle(self):
        """Wait for what runs behind the answers."""
        self.call(self.client.finish_background)

    @property
    def sessions(self):
        return self.portal.pdb.sessions

    @property
    def state(self):
        return self.portal.app.state

    def endings(self):
        return [event.reason for event in self.portal.events if event.kind == "session_ended"]


@pytest.fixture
def make_site(make_portal, make_config, clock):
    """``make_site(sessions=..., ...)``: a process of a site. It has its own client."""
    with ExitStack() as stack:

        def make(make_app=with_pages, requests_per_minute=None, **arguments):
            config = make_config(requests_per_minute=requests_per_minute)
            client = AsyncClient(config, clock=clock, monotonic=clock)
            portal = make_portal(make_app, client=client, **arguments)
            first = portal.browser()
            stack.enter_context(first.client)
            stack.callback(lambda: first.client.portal.call(client.close))
            return Site(portal, client, first)

        yield make


def same_origin(browser, path="/save", **form):
    return browser.post(path, form or {"note": "a"}, Sec_Fetch_Site="same-origin")


# --- from login to logout -------------------------------------------------------------


@pytest.mark.parametrize("make_app", [in_starlette, in_fastapi])
def test_from_the_login_to_the_logout(make_site, sessions, make_app):
    site = make_site(make_app, sessions=sessions)
    browser = site.browser()
    browser.log_in("orgadmin")
    assert browser.json("/me")[1]["id"] == 1
    assert browser.json("/networks/64500")[1]["asns"] == MEMBER
    assert same_origin(browser, "/networks/64500", note="hello").json()["note"] == "hello"
    assert browser.log_out().status_code == 303
    assert browser.json("/me") == (200, None)
    assert site.portal.kinds() == ["login", "session_ended", "logout"]
    assert site.endings() == ["logout"]


def test_with_a_store_the_browser_has_only_a_random_id_and_a_name(make_site, store):
    browser = make_site(sessions=store).browser()
    browser.log_in("manynets")
    login = browser.session()
    assert set(login) == {"id", "application", "csrf_token", "prompted", "user"}
    assert len(browser.client.cookies["__Host-session"]) < 700
    [info] = store.of(login["user"][0])
    assert info.id not in str(login)
    assert len(info.user.networks) == 300


def test_who_is_logged_in_is_known_in_each_process(make_site, store):
    browser = make_site(sessions=store).browser()
    browser.log_in("manynets")
    other = make_site(sessions=store).browser(cookies_of=browser)
    assert len(other.json("/me")[1]["asns"]) == 300


def test_the_current_login(make_site, sessions):
    site = make_site(sessions=sessions)
    browser = site.browser()
    browser.get("/session")
    assert site.state.found is None
    browser.log_in("member")
    browser.get("/session")
    info = site.state.found
    assert (info.user.id, info.stale, info.address) == (2, False, "testclient")
    assert (info.id is None) == (sessions is None)
    assert info.expires_at - info.last_seen_at == pytest.approx(7200, abs=2)


# --- how sessions end -----------------------------------------------------------------


def test_a_logout_in_one_process_counts_in_the_other(make_site, store, clock):
    here, there = make_site(sessions=store), make_site(sessions=store)
    browser = here.browser()
    browser.log_in("member")
    other = there.browser(cookies_of=browser)
    assert other.json("/me")[1]["id"] == 2
    browser.log_out()
    clock.now += 1  # a process remembers a record for a second
    assert other.json("/me") == (200, None)
    assert other.get("/networks/64500").status_code == 302


def test_sessions_can_be_listed_and_ended(make_site, store, clock):
    site = make_site(sessions=store)
    browsers = [site.browser() for _ in range(3)]
    for browser, person in zip(browsers, ("member", "member", "orgadmin"), strict=True):
        browser.log_in(person)
    listed = site.call(site.sessions.of, 2)
    assert [info.user.name for info in listed] == ["Mel Member", "Mel Member"]
    assert site.call(site.sessions.end, "made-up") is False
    assert site.call(site.sessions.end, listed[0].id) is True
    assert site.call(site.sessions.end, listed[0].id) is False
    assert site.call(site.sessions.end_all, 2) == 1
    assert site.call(site.sessions.of, 2) == []
    clock.now += 1
    assert [browser.json("/me")[1] is None for browser in browsers] == [True, True, False]
    assert site.endings() == ["operator", "operator"]


def test_the_tokens_of_a_session_that_was_ended_are_revoked(make_site, memory):
    site = make_site(sessions=memory)
    site.browser().log_in("member")
    [entry] = memory.vault.of_owner("user:2")
    _, refresh_token = tokens_in(entry.value, site.client.config, SECRET)
    site.call(site.sessions.end_all, 2)
    site.settle()
    assert refused_at_peeringdb(site.portal, refresh_token)


def test_a_page_for_all_that_notices_the_end_lets_a_login_start_at_once(make_site, memory, clock):
    browser = make_site(sessions=memory).browser()
    browser.log_in("member", "/login/peeringdb?next=/me")
    memory.end_all(2)
    clock.now += 1
    assert browser.get("/").json() is None
    assert browser.start("/login/peeringdb?next=/me")


def test_without_a_store_sessions_cannot_be_listed(portal):
    with pytest.raises(ConfigurationError, match="sessions: must be set, such as to sqlite:///"):
        portal.pdb.sessions  # noqa: B018 - raises


def test_a_purge_ends_what_is_over_and_says_so(make_site, memory, clock):
    told = []
    site = make_site(
        sessions=memory, on_event=lambda request, event: told.append((request, event.reason))
    )
    site.browser().log_in("member")
    told.clear()
    clock.now += 7200
    assert site.call(site.sessions.purge) == 1
    assert told == [(None, "idle")]


@pytest.mark.parametrize(
    ("policy", "seconds", "reason"),
    [(SessionPolicy(), 7200, "idle"), (SessionPolicy(max_age=600), 600, "max_age")],
)
def test_a_session_ends_by_its_age(make_site, timed, clock, *, policy, seconds, reason):
    site = make_site(sessions=timed, session_policy=policy)
    browser = site.browser()
    browser.log_in("member")
    clock.now += seconds
    assert browser.json("/me") == (200, None)
    site.settle()  # the purge may have been faster than the page
    assert site.endings() == [reason]


@pytest.mark.parametrize("way", ["operator", "idle", "lost"])
def test_a_form_in_a_session_that_has_ended_is_not_saved_and_says_so(make_site, memory, clock, way):
    site = make_site(sessions=memory)
    browser = site.browser()
    browser.log_in("member")
    token = browser.csrf_token()
    if way == "operator":
        memory.end_all(2)
    elif way == "lost":
        memory.vault._records._records.clear()
    clock.now += 7200 if way == "idle" else 1
    answer = browser.post("/save", {"note": "a", "peeringdb_csrf": token})
    sentences = {
        "operator": "The people who run this site ended it",
        "idle": "You did not use this site for a while",
        "lost": "This site has lost it",
    }
    assert failure(answer) == (401, "Your session has ended", [sentences[way]])
    assert "Nothing was saved" in answer.text
    assert site.state.saved == []


def test_a_login_whose_event_fails_is_ended_in_the_store_too(make_site, memory):
    def fail(_, event):
        if event.kind == "login":
            raise LookupError

    def make_app(pdb):
        app = with_pages(pdb)
        app.add_exception_handler(LookupError, lambda *_: PlainTextResponse("broken", 500))
        return app

    browser = make_site(make_app, sessions=memory, on_event=fail).browser()
    assert browser.log_in("member").text == "broken"
    assert browser.json("/me") == (200, None)
    assert memory.of(2) == []


# --- re-checks ------------------------------------------------------------------------


def test_a_page_is_served_with_what_is_known_and_the_next_one_sees_the_news(
    make_site, timed, clock
):
    site = make_site(sessions=timed)
    browser = site.browser()
    browser.log_in("member")
    site.portal.sandbox.change("member", networks={64501: 1})
    clock.now += 900
    assert browser.json("/me")[1]["asns"] == MEMBER
    site.settle()
    assert browser.json("/me")[1]["asns"] == [64501]
    assert site.portal.kinds() == ["login", "rights_changed"]
    event = site.portal.events[-1]
    assert (event.previous.asns, event.user.asns) == (tuple(MEMBER), (64501,))


def test_a_form_is_checked_with_the_rights_of_now(make_site, timed, clock):
    site = make_site(sessions=timed)
    browser = site.browser()
    browser.log_in("orgadmin")
    site.portal.sandbox.change("orgadmin", networks={64500: 1})
    clock.now += 900
    answer = same_origin(browser, "/networks/64500", note="a")
    assert failure(answer)[:2] == (403, "You may read AS64500, not change it")


@pytest.mark.parametrize("is_async", [True, False])
def test_the_hook_is_called_once_with_the_rights_before_and_after(
    make_site, timed, clock, is_async
):
    changes = []

    def follow(previous, user):
        changes.append((previous.asns, user.asns))

    async def follow_later(previous, user):
        follow(previous, user)

    site = make_site(sessions=timed, on_rights_changed=follow_later if is_async else follow)
    browser = site.browser()
    browser.log_in("member")
    site.portal.sandbox.change("member", networks={64501: 1})
    clock.now += 900
    for _ in range(3):
        browser.get("/me")
        site.settle()
    assert changes == [(tuple(MEMBER), (64501,))]


def test_the_hook_is_called_at_a_login_that_replaces_another(make_site, timed):
    changes = []
    site = make_site(
        sessions=timed,
        on_rights_changed=lambda previous, user: changes.append((previous.id, user.asns)),
    )
    browser = site.browser()
    browser.log_in("member")
    browser.log_in("member", "/login/peeringdb?prompt=login")
    assert changes == []
    site.portal.sandbox.change("member", networks={64501: 1})
    browser.log_in("member", "/login/peeringdb?prompt=login")
    assert changes == [(2, (64501,))]


def test_a_session_ends_when_peeringdb_has_ended_the_login(make_site, timed, clock):
    site = make_site(sessions=timed)
    browser = site.browser()
    browser.log_in("member")
    site.portal.sandbox.revoke_tokens("member")
    clock.now += 900
    assert browser.json("/me")[1]["id"] == 2
    site.settle()
    assert browser.json("/me") == (200, None)
    assert site.endings() == ["refused_by_peeringdb"]


# --- the store in trouble -------------------------------------------------------------


class FailingRecords(MemoryRecords):
    """Records that a test can switch off."""

    is_down = False

    def get(self, key):
        if self.is_down:
            raise RecordsUnavailable("the store of the sessions does not answer")
        return super().get(key)


@pytest.fixture
def records(clock):
    return FailingRecords(clock)


def test_a_store_that_is_down_logs_nobody_out(make_site, records, clock):
    site = make_site(sessions=store_of(records, SECRET))
    browser = site.browser()
    browser.log_in("member")
    clock.now += 1
    records.is_down = True
    for path in ("/me", "/guarded-template"):
        answer = browser.get(path)
        assert failure(answer)[:2] == (503, "This site cannot read its sessions")
        assert answer.headers["Retry-After"] == "5"
    assert browser.json("/template")[1] == ["Mel Member", []]
    assert same_origin(browser).status_code == 503
    assert same_origin(browser, "/logout").status_code == 503
    records.is_down = False
    assert browser.json("/me")[1]["id"] == 2
    assert site.endings() == []


def test_nobody_can_log_in_while_the_store_is_down_and_no_code_is_spent(make_site, records):
    site = make_site(sessions=store_of(records, SECRET))
    browser = site.browser()
    callback = site.portal.sandbox.log_in("member", browser.start())
    records.is_down = True
    assert browser.get(callback).status_code == 503
    records.is_down = False
    assert browser.get(callback).headers["Location"] == "/me"
    assert browser.json("/me")[1]["id"] == 2


def test_an_emptied_store_asks_people_to_log_in_and_is_no_error(make_site, records, clock):
    site = make_site(sessions=store_of(records, SECRET))
    browser = site.browser()
    browser.log_in("member")
    records._records.clear()
    clock.now += 1
    assert browser.get("/networks/64500").status_code == 302
    assert site.endings() == ["lost"]
    browser.log_in("member")
    assert browser.json("/me")[1]["id"] == 2


# --- templates ------------------------------------------------------------------------


def test_templates_know_the_user_whom_the_request_has_asked_for(make_site, memory, clock):
    """They cannot ask the store, because nothing can be awaited in them."""
    browser = make_site(sessions=memory).browser()
    browser.log_in("member")
    clock.now += 1
    assert browser.json("/template")[1] == ["Mel Member", []]
    assert browser.json("/guarded-template")[1] == ["Mel Member", MEMBER]


# --- keys and settings ----------------------------------------------------------------


def test_the_secret_key_can_be_changed_while_people_are_logged_in(make_site, tmp_path):
    url = f"sqlite:///{tmp_path}/sessions.db"
    browser = make_site(sessions=url, secret_key=SECRET).browser()
    browser.log_in("member")
    new = make_site(sessions=url, secret_key=(ANOTHER_SECRET, SECRET))
    other = new.browser(cookies_of=browser)
    assert other.json("/me")[1]["id"] == 2
    other.log_in("member", "/login/peeringdb?prompt=login")
    newest = make_site(sessions=url, secret_key=ANOTHER_SECRET).browser(cookies_of=other)
    assert newest.json("/me")[1]["id"] == 2


def test_without_a_store_the_secret_key_can_be_changed_too(make_site):
    browser = make_site(secret_key=SECRET).browser()
    browser.log_in("member")
    _, refresh_token = tokens_in(browser.session(), make_site().client.config, SECRET)
    new = make_site(secret_key=(ANOTHER_SECRET, SECRET))
    other = new.browser(cookies_of=browser)
    assert other.json("/me")[1]["id"] == 2
    other.log_out()
    assert refused_at_peeringdb(new.portal, refresh_token)


@pytest.mark.parametrize("place", ["argument", "environment", "ini"])
def test_the_store_can_be_a_setting(make_site, tmp_path, monkeypatch, place):
    url, arguments = f"sqlite:///{tmp_path}/sessions.db", {}
    if place == "argument":
        arguments = {"sessions": url}
    elif place == "environment":
        monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", url)
    else:
        ini = tmp_path / "portal.ini"
        ini.write_text(f"[peeringdb_oauth]\nsessions = {url}\n")
        monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", str(ini))
    make_site(**arguments).browser().log_in("member")
    with open_session_store(url, secrets=(SECRET,)) as sessions:
        assert [info.user.id for info in sessions.of(2)] == [2]


def test_a_client_of_each_event_loop_shares_the_budget(make_portal, make_config, memory):
    config = make_config(requests_per_minute=100, egress="rack2")
    portal = make_portal(config=config, sessions=memory)
    browser = portal.browser()
    with browser.client:
        browser.log_in("member")
        browser.client.portal.call(portal.pdb.close)
    assert egresses(memory.vault) == {"rack2"}


def test_processes_with_one_store_share_what_a_bearer_token_is_worth(
    make_portal, make_config, memory
):
    here, there = (make_portal(config=make_config(), sessions=memory) for _ in range(2))
    browser = here.browser()
    browser.log_in("orgadmin")
    [entry] = memory.vault.of_owner("user:1")
    access_token, _ = tokens_in(entry.value, here.pdb._config, SECRET)
    asked = {"Authorization": f"Bearer {access_token}"}
    assert browser.get("/api/64500", **asked).status_code == 200
    here.sandbox.fault("outage")
    assert there.browser().get("/api/64500", **asked).status_code == 200


@pytest.mark.parametrize("place", ["environment", "ini"])
def test_the_policy_can_be_a_setting(make_site, clock, tmp_path, monkeypatch, place):
    text = "idle_timeout=60, max_age=none"
    if place == "environment":
        monkeypatch.setenv("PEERINGDB_OAUTH_SESSION_POLICY", text)
    else:
        ini = tmp_path / "portal.ini"
        ini.write_text(f"[peeringdb_oauth]\nsession_policy = {text}\n")
        monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", str(ini))
    browser = make_site().browser()
    browser.log_in("member")
    clock.now += 60
    assert browser.json("/me") == (200, None)


def test_what_is_wrong_is_said_at_once(make_config, monkeypatch):
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSION_POLICY", "idle=5 max_age=soon")
    with pytest.raises(ConfigurationError) as caught:
        PeeringDB(config=make_config(), sessions="mongodb://", secret_key="short")
    secret, store, *policy = caught.value.problems
    assert secret.startswith(
        "secret_key: the secret key of the sessions is missing or has fewer than"
    )
    assert store.startswith("sessions: must begin with one of sqlite://")
    assert policy == [
        (
            "PEERINGDB_OAUTH_SESSION_POLICY: idle: there is no such setting; there are"
            " recheck_every, stale_for, idle_timeout, max_age"
        ),
        "PEERINGDB_OAUTH_SESSION_POLICY: max_age: must be seconds, 1 or more, or None",
    ]


def test_a_missing_driver_is_named_with_how_to_install_it(make_config, monkeypatch):
    monkeypatch.delitem(sys.modules, "peeringdb_oauth.web.stores.redis", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError) as caught:
        PeeringDB(config=make_config(), sessions="redis://127.0.0.1/0")
    assert str(caught.value) == 'sessions: needs a package: pip install "peeringdb-oauth[redis]"'


def test_several_processes_that_share_nothing_are_warned_of_once(
    make_portal, warned, memory, monkeypatch
):
    make_portal()
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    make_portal(sessions=memory)
    assert warned() == 0
    for _ in range(2):
        make_portal()
    assert warned() == 1


@pytest.mark.parametrize("path", ["/start", "/nowhere"])
def test_a_server_that_ends_waits_for_what_runs_behind_the_answers(make_portal, path):
    """Without a store nobody else would revoke the tokens of an ended session."""
    portal, done = make_portal(), []

    def work():
        yield from pause(0.05)
        done.append("revoked")

    async def start(_):
        await portal.pdb._client.run(later("work", work()))
        return PlainTextResponse("")

    portal.app.router.routes.append(Route("/start", start))
    with portal.browser().client as client:
        client.get(path)
        assert done == []
    assert done == (["revoked"] if path == "/start" else [])


@pytest.mark.parametrize("rule", [64500, 0, "AS64500", (64500,)])
def test_a_rule_must_be_a_rule(make_portal, rule):
    with pytest.raises(ConfigurationError, match=r"such as AccessRule\(asn=64500\)"):
        make_portal(rule=rule)
