"""Sessions of a Flask application, in its cookies and in a store."""

import logging
import sys

import pytest
from flask import g, has_app_context, has_request_context, render_template_string, request
from reading import tokens_in
from shared_sessions import egresses, store_of

from peeringdb_oauth import ConfigurationError, ProviderError
from peeringdb_oauth.integrations.flask import current_user, session_ended
from peeringdb_oauth.records import MemoryRecords, RecordsUnavailable
from peeringdb_oauth.web import Sealer, SessionPolicy, SessionStore, Vault, open_session_store

from .conftest import SECRET

MEMBER = [64500, 64501, 65550]
ANOTHER_SECRET = "another-secret-of-32-characters!"


def make_pages(app):
    """Pages that show who is logged in, and a form."""

    @app.get("/template")
    def template():
        return render_template_string(
            "{{ peeringdb.user.name }} {{ peeringdb.user.networks|length }} {{"
            " peeringdb.csrf_token|length }}"
        )

    @app.get("/named-template")
    def named_template():
        return f"{current_user.name}: {template()}"

    @app.get("/open")
    def open_page():
        return "open to all"


@pytest.fixture
def make_site(make_portal):
    """``make_site(sessions=..., ...)``: a portal with more pages and a form."""

    def make(config=None, **arguments):
        def set_up(app):
            app.config.update(config or {})
            make_pages(app)

        portal = make_portal(set_up=set_up, **arguments)
        portal.saved = []

        @portal.app.post("/save")
        @portal.pdb.require()
        def save():
            portal.saved.append(request.form["note"])
            return "saved"

        return portal

    return make


def same_origin(browser, path="/save", **form):
    return browser.post(path, data=form or {"note": "a"}, headers={"Sec-Fetch-Site": "same-origin"})


def at(portal, browser):
    """The same browser at another process of the same site."""
    other = portal.browser()
    other.client.set_cookie("__Host-session", browser.cookie(), domain="portal.test")
    return other


def told(portal, kind="session-ended"):
    return [event for name, event in portal.events if name == kind]


def background(portal):
    """Wait for what runs behind the answers."""
    portal.client.finish_background()


# --- from login to logout -------------------------------------------------------------


def test_from_the_login_to_the_logout(make_site, sessions):
    portal = make_site(sessions=sessions)
    browser = portal.browser()
    browser.log_in("orgadmin")
    assert browser.page() == (200, "Hello Ada Admin")
    assert browser.page("/as64500") == (200, "Ada Admin changes AS64500")
    assert same_origin(browser).text == "saved"
    assert same_origin(browser, "/logout").status_code == 303
    assert browser.page() == (200, "Hello visitor")
    assert [event.reason for event in told(portal)] == ["logout"]
    assert [name for name, _ in portal.events] == ["logged-in", "session-ended", "logged-out"]


def test_with_a_store_the_browser_has_only_a_random_id_and_a_name(make_site, store):
    browser = make_site(sessions=store).browser()
    browser.log_in("manynets")
    login = browser.session()["peeringdb"]
    assert set(login) == {"id", "application", "csrf_token", "prompted", "user"}
    assert len(browser.cookie()) < 700
    [info] = store.of(login["user"][0])
    assert info.id not in browser.cookie()
    assert len(info.user.networks) == 300


def test_each_login_has_another_id(make_site, store):
    browser = make_site(sessions=store).browser()
    browser.log_in("member")
    first = browser.session()["peeringdb"]["id"]
    browser.log_in("member", "/login/peeringdb?prompt=login")
    assert browser.session()["peeringdb"]["id"] != first
    assert len(store.of(2)) == 1


def test_who_is_logged_in_is_known_in_each_process(make_site, store):
    here, there = make_site(sessions=store), make_site(sessions=store)
    browser = here.browser()
    browser.log_in("manynets")
    assert at(there, browser).page("/as4200000300") == (200, "Many Nets changes AS4200000300")


def test_the_current_login(make_site, sessions, clock):
    portal = make_site(sessions=sessions)
    browser = portal.browser()

    @portal.app.get("/session")
    def show():
        info = portal.pdb.current_login()
        portal.found = info
        return "" if info is None else info.user.name

    assert browser.page("/session") == (200, "")
    browser.log_in("member")
    assert browser.page("/session") == (200, "Mel Member")
    info = portal.found
    assert (info.stale, info.address, info.user.asns) == (False, "127.0.0.1", tuple(MEMBER))
    assert (info.id is None) == (sessions is None)
    assert info.expires_at - info.last_seen_at == pytest.approx(7200, abs=2)
    assert clock.now == pytest.approx(info.logged_in_at, abs=30)


# --- how sessions end -----------------------------------------------------------------


def test_a_logout_in_one_process_counts_in_the_other(make_site, store, clock):
    here, there = make_site(sessions=store), make_site(sessions=store)
    browser = here.browser()
    browser.log_in("member")
    other = at(there, browser)
    assert other.page("/me")[0] == 200
    same_origin(browser, "/logout")
    clock.now += 1  # a process remembers a record for a second
    assert other.get("/me").status_code == 302
    assert other.page() == (200, "Hello visitor")


def test_sessions_can_be_listed_and_ended(make_site, store, clock):
    portal = make_site(sessions=store)
    first, second, stranger = (portal.browser() for _ in range(3))
    for browser, person in ((first, "member"), (second, "member"), (stranger, "orgadmin")):
        browser.log_in(person)
    with portal.app.app_context():
        listed = portal.pdb.sessions.of(2)
        assert [info.user.name for info in listed] == ["Mel Member", "Mel Member"]
        assert portal.pdb.sessions.end("made-up") is False
        assert portal.pdb.sessions.end(listed[0].id) is True
        assert portal.pdb.sessions.end(listed[0].id) is False
        assert len(portal.pdb.sessions.of(2)) == 1
        assert portal.pdb.sessions.end_all(2) == 1
        assert portal.pdb.sessions.of(2) == []
    clock.now += 1
    assert [b.get("/me").status_code for b in (first, second, stranger)] == [302, 302, 200]
    assert [event.reason for event in told(portal)] == ["operator", "operator"]


def test_the_tokens_of_a_session_that_was_ended_are_revoked(make_site, memory):
    portal = make_site(sessions=memory)
    browser = portal.browser()
    browser.log_in("member")
    [entry] = memory.vault.of_owner("user:2")
    _, refresh_token = tokens_in(entry.value, portal.client.config, SECRET)
    with portal.app.app_context():
        portal.pdb.sessions.end_all(2)
    background(portal)
    with pytest.raises(ProviderError, match="invalid_grant"):
        portal.client.refresh(refresh_token)
    [entry] = memory.vault.of_owner("user:2")
    assert entry.value["tokens"] == ""


def test_without_a_store_sessions_cannot_be_listed(portal):
    with (
        portal.app.app_context(),
        pytest.raises(ConfigurationError, match="sessions: must be set, such as to sqlite:///"),
    ):
        portal.pdb.sessions  # noqa: B018 - raises


@pytest.mark.parametrize(
    ("policy", "seconds", "reason"),
    [(SessionPolicy(), 7200, "idle"), (SessionPolicy(max_age=600), 600, "max_age")],
)
def test_a_session_ends_by_its_age(make_site, timed, clock, *, policy, seconds, reason):
    portal = make_site(sessions=timed, session_policy=policy)
    browser = portal.browser()
    browser.log_in("member")
    clock.now += seconds - 1
    assert browser.page("/open") == (200, "open to all")  # this is no use of the session
    clock.now += 1
    assert browser.page() == (200, "Hello visitor")
    background(portal)  # the purge may have been faster than the page
    assert [event.reason for event in told(portal)] == [reason]
    assert browser.get("/me").status_code == 302


def test_who_uses_the_site_stays_logged_in(make_site, timed, clock):
    browser = make_site(sessions=timed).browser()
    browser.log_in("member")
    for _ in range(3):
        clock.now += 7100
        assert browser.page() == (200, "Hello Mel Member")


def test_the_setting_says_how_long_sessions_last(make_portal, clock):
    portal = make_portal(
        set_up=lambda app: app.config.update(PEERINGDB_OAUTH_SESSION_POLICY={"idle_timeout": 60})
    )
    browser = portal.browser()
    browser.log_in("member")
    clock.now += 60
    assert browser.page() == (200, "Hello visitor")


@pytest.mark.parametrize("way", ["operator", "idle", "lost"])
def test_a_form_in_a_session_that_has_ended_is_not_saved_and_says_so(make_site, memory, clock, way):
    portal = make_site(sessions=memory)
    browser = portal.browser()
    browser.log_in("member")
    token = browser.csrf_token()
    if way == "operator":
        memory.end_all(2)
    elif way == "lost":
        memory.vault._records._records.clear()
    clock.now += 7200 if way == "idle" else 1
    answer = browser.post("/save", data={"note": "a", "peeringdb_csrf": token})
    sentences = {
        "operator": "The people who run this site ended it",
        "idle": "You did not use this site for a while",
        "lost": "This site has lost it",
    }
    assert browser.failure(answer) == (401, "Your session has ended", [sentences[way]])
    assert "Nothing was saved" in answer.text
    assert portal.saved == []


def test_a_form_after_an_idle_hour_without_a_store_is_not_dropped_without_a_word(make_site, clock):
    portal = make_site(session_policy=SessionPolicy(idle_timeout=3600))
    browser = portal.browser()
    browser.log_in("member")
    token = browser.csrf_token()
    clock.now += 3600
    answer = browser.post("/save", data={"note": "a", "peeringdb_csrf": token})
    assert browser.failure(answer)[:2] == (401, "Your session has ended")
    assert portal.saved == []


def test_a_new_login_in_the_same_browser_replaces_the_session(make_site, store):
    portal = make_site(sessions=store)
    browser = portal.browser()
    browser.log_in("member")
    browser.log_in("orgadmin")
    assert store.of(2) == []
    assert [event.reason for event in told(portal)] == ["replaced"]


def test_what_another_program_has_ended_is_told_at_the_purge(make_site, memory, clock):
    """In an application context, without a request."""
    portal = make_site(sessions=memory)
    contexts = []

    def note(_, event):
        contexts.append((event.reason, has_app_context(), has_request_context()))

    browser = portal.browser()
    browser.log_in("member")
    memory.end_all(2)
    with session_ended.connected_to(note, portal.app):
        clock.now += 60
        portal.browser().page()
        background(portal)
    assert contexts == [("operator", True, False)]


# --- re-checks ------------------------------------------------------------------------


def test_a_page_is_served_with_what_is_known_and_the_next_one_sees_the_news(
    make_site, timed, clock
):
    portal = make_site(sessions=timed)
    browser = portal.browser()
    browser.log_in("member")
    portal.sandbox.change("member", networks={64501: 1})
    clock.now += 900
    assert browser.page("/me") == (200, f"Mel Member {tuple(MEMBER)}")
    background(portal)
    assert browser.page("/me") == (200, "Mel Member (64501,)")
    [event] = told(portal, "rights-changed")
    assert (event.previous.asns, event.user.asns) == (tuple(MEMBER), (64501,))


def test_a_form_is_checked_with_the_rights_of_now(make_site, timed, clock):
    portal = make_site(sessions=timed)
    browser = portal.browser()
    browser.log_in("orgadmin")
    portal.sandbox.change("orgadmin", networks={64500: 1})
    clock.now += 900
    answer = same_origin(browser, "/as64500")
    assert browser.failure(answer)[:2] == (403, "You may read AS64500, not change it")


def test_the_hook_is_called_once_with_the_rights_before_and_after(make_site, timed, clock):
    portal = make_site(sessions=timed)
    browser, changes = portal.browser(), []

    @portal.pdb.on_rights_changed
    def follow(previous, user):
        g.used = True  # there is an application context
        changes.append((previous.asns, user.asns))

    browser.log_in("member")
    portal.sandbox.change("member", networks={64501: 1})
    clock.now += 900
    for _ in range(3):
        browser.page("/me")
        background(portal)
    assert changes == [(tuple(MEMBER), (64501,))]


def test_the_hook_is_called_at_a_login_that_replaces_another(make_site, timed):
    portal = make_site(sessions=timed)
    browser, changes = portal.browser(), []
    portal.pdb.on_rights_changed(lambda previous, user: changes.append((previous.id, user.asns)))
    browser.log_in("member")
    browser.log_in("member", "/login/peeringdb?prompt=login")
    assert changes == []
    portal.sandbox.change("member", networks={64501: 1})
    browser.log_in("member", "/login/peeringdb?prompt=login")
    assert changes == [(2, (64501,))]


def test_the_hook_may_be_a_coroutine_function(make_site, memory, clock):
    portal = make_site(sessions=memory)
    browser, changes = portal.browser(), []

    @portal.pdb.on_rights_changed
    async def follow(_, user):
        changes.append(user.asns)

    browser.log_in("member")
    portal.sandbox.change("member", networks={64501: 1})
    clock.now += 900
    browser.page("/me")
    background(portal)
    assert changes == [(64501,)]


def test_a_hook_that_flask_cannot_await_is_refused(make_site, caplog):
    """Only its result shows that it is to be awaited."""
    portal = make_site()
    browser = portal.browser()

    async def follow_later(_, __):
        pytest.fail("nobody can await it")

    @portal.pdb.on_rights_changed
    def follow(previous, user):
        return follow_later(previous, user)

    browser.log_in("member")
    portal.sandbox.change("member", networks={64501: 1})
    with caplog.at_level(logging.WARNING):
        answer = browser.log_in("member", "/login/peeringdb?prompt=login")
    assert answer.status_code == 500
    assert "needs an AsyncClient" in caplog.text
    assert browser.page() == (200, "Hello visitor")


def test_a_session_ends_when_peeringdb_has_ended_the_login(make_site, timed, clock):
    portal = make_site(sessions=timed)
    browser = portal.browser()
    browser.log_in("member")
    portal.sandbox.revoke_tokens("member")
    clock.now += 900
    assert browser.page("/me")[0] == 200
    background(portal)
    assert browser.get("/me").status_code == 302
    assert [event.reason for event in told(portal)] == ["refused_by_peeringdb"]


def test_an_outage_of_peeringdb_is_tolerated_and_then_a_503(make_site, timed, clock):
    portal = make_site(sessions=timed)
    browser = portal.browser()
    browser.log_in("member")
    portal.sandbox.fault("outage")
    clock.now += 900
    browser.page("/me")
    background(portal)
    clock.now += 3500
    assert browser.page("/me")[0] == 200
    background(portal)
    clock.now += 100
    answer = browser.get("/me")
    assert browser.failure(answer)[:2] == (503, "PeeringDB is not available")
    assert answer.headers["Retry-After"] == "10"
    portal.sandbox.clear_faults()
    clock.now += 10
    assert browser.page("/me")[0] == 200


# --- the store in trouble -------------------------------------------------------------


class FailingRecords(MemoryRecords):
    """Records that a test can switch off; ``asked`` counts the sessions meanwhile."""

    is_down = False
    asked = 0

    def get(self, key):
        if self.is_down:
            self.asked += key.startswith("session:")
            raise RecordsUnavailable("the store of the sessions does not answer")
        return super().get(key)


@pytest.fixture
def records(clock):
    return FailingRecords(clock)


@pytest.fixture
def with_records(make_site, records):
    return make_site(sessions=store_of(records, SECRET))


def test_a_store_that_is_down_logs_nobody_out(with_records, records, clock):
    browser = with_records.browser()
    browser.log_in("member")
    clock.now += 1
    records.is_down = True
    answer = browser.get("/me")
    assert browser.failure(answer)[:2] == (503, "This site cannot read its sessions")
    assert answer.headers["Retry-After"] == "5"
    assert browser.page("/open") == (200, "open to all")
    assert browser.page("/template")[1].startswith("Mel Member 0 ")
    assert same_origin(browser).status_code == 503
    assert same_origin(browser, "/logout").status_code == 503
    records.is_down = False
    assert browser.page("/me")[0] == 200
    assert told(with_records) == []


def test_a_page_about_a_store_that_is_down_does_not_ask_it_once_more(
    with_records, records, clock, tmp_path
):
    folder = tmp_path / "peeringdb_oauth"
    folder.mkdir()
    (folder / "failure.html").write_text("{{ peeringdb.user.name }} {{ pdb_user() }}")
    with_records.app.template_folder = str(tmp_path)
    with_records.app.context_processor(lambda: {"pdb_user": with_records.pdb.user})
    browser = with_records.browser()
    browser.log_in("member")
    clock.now += 1
    records.is_down = True
    assert browser.page("/me") == (503, "Mel Member None")
    assert records.asked == 1


def test_nobody_can_log_in_while_the_store_is_down_and_no_code_is_spent(with_records, records):
    browser = with_records.browser()
    callback = with_records.sandbox.log_in("member", browser.start())
    records.is_down = True
    assert browser.get(callback).status_code == 503
    records.is_down = False
    assert browser.get(callback).location == "/me"
    assert browser.page("/me")[0] == 200


def test_an_emptied_store_asks_people_to_log_in_and_is_no_error(with_records, records, clock):
    browser = with_records.browser()
    browser.log_in("member")
    records._records.clear()
    clock.now += 1
    assert browser.page() == (200, "Hello visitor")
    assert browser.get("/me").status_code == 302
    assert [event.reason for event in told(with_records)] == ["lost"]
    browser.log_in("member")
    assert browser.page("/me")[0] == 200


# --- templates ------------------------------------------------------------------------


def test_templates_know_the_whole_user_of_the_store(make_site, memory, clock):
    browser = make_site(sessions=memory).browser()
    browser.log_in("manynets")
    clock.now += 1
    assert browser.page("/template") == (200, "Many Nets 300 43")


def test_templates_know_the_user_whom_the_view_has_asked_for(make_site):
    """Also one with more networks than the cookie has room for."""
    site = make_site()
    browser = site.browser()
    browser.log_in("manynets")
    assert at(make_site(), browser).page("/template")[1].startswith("Many Nets 0 ")
    named = at(make_site(), browser).page("/named-template")[1]
    assert named.startswith("Many Nets: Many Nets 300 ")


def test_templates_know_that_a_session_was_ended_elsewhere(make_site, memory, clock):
    browser = make_site(sessions=memory).browser()
    browser.log_in("member")
    memory.end_all(2)
    clock.now += 1
    assert browser.page("/template") == (200, " 0 0")


@pytest.mark.parametrize("path", ["/", "/template"])
def test_a_page_for_all_that_notices_the_end_lets_a_login_start_at_once(
    make_site, memory, clock, path
):
    browser = make_site(sessions=memory).browser()
    browser.log_in("member", "/login/peeringdb?next=/me")
    memory.end_all(2)
    clock.now += 1
    assert browser.get(path).status_code == 200
    assert browser.start("/login/peeringdb?next=/me")


def test_templates_of_a_page_ask_the_store_once(with_records, records, clock):
    reads = []
    records.get = lambda key: reads.append(key) or MemoryRecords.get(records, key)
    browser = with_records.browser()
    browser.log_in("member")
    clock.now += 1
    reads.clear()
    browser.page("/template")
    assert len(reads) == 1


# --- keys and settings ----------------------------------------------------------------


def test_the_secret_key_can_be_changed_while_people_are_logged_in(make_site, tmp_path):
    url = f"sqlite:///{tmp_path}/sessions.db"
    browser = make_site(sessions=url).browser()
    browser.log_in("member")
    new = make_site(
        sessions=url, secret_key=ANOTHER_SECRET, config={"SECRET_KEY_FALLBACKS": [SECRET]}
    )
    other = at(new, browser)
    assert other.page("/me")[0] == 200
    other.log_in("member", "/login/peeringdb?prompt=login")
    newest = at(make_site(sessions=url, secret_key=ANOTHER_SECRET), other)
    assert newest.page("/me")[0] == 200


@pytest.mark.parametrize("place", ["application", "environment", "ini"])
def test_the_store_can_be_a_setting(make_site, tmp_path, monkeypatch, place):
    url, config = f"sqlite:///{tmp_path}/sessions.db", {}
    if place == "application":
        config = {"PEERINGDB_OAUTH_SESSIONS": url}
    elif place == "environment":
        monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", url)
    else:
        ini = tmp_path / "portal.ini"
        ini.write_text(f"[peeringdb_oauth]\nsessions = {url}\n")
        monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", str(ini))
    browser = make_site(config=config).browser()
    browser.log_in("member")
    with open_session_store(url, secrets=(SECRET,)) as sessions:
        assert [info.user.id for info in sessions.of(2)] == [2]


@pytest.mark.parametrize(
    ("of_client", "of_store", "name"),
    [("default", "default", "default"), ("rack1", "default", "rack1"), ("rack1", "rack2", "rack2")],
)
def test_processes_with_one_store_share_one_budget(
    make_portal, clock, *, of_client, of_store, name
):
    store = SessionStore(Vault(MemoryRecords(clock), Sealer(SECRET)), egress=of_store)
    portals = [
        make_portal(sessions=store, requests_per_minute=100, egress=of_client) for _ in range(2)
    ]
    for portal in portals:
        portal.browser().log_in("member")
    for portal in portals:
        portal.client.close()  # writes what is not yet written
    assert egresses(store.vault) == {name}


@pytest.mark.parametrize(
    ("sessions", "problem"),
    [
        ("mongodb://", "sessions: must begin with one of sqlite://, postgresql+psycopg://,"),
        (7, "sessions: must be a URL, or from open_session_store"),
    ],
)
def test_what_is_wrong_is_said_at_once(make_portal, sessions, problem):
    with pytest.raises(ConfigurationError) as caught:
        make_portal(
            sessions=sessions,
            secret_key="short",
            set_up=lambda app: app.config.update(
                PEERINGDB_OAUTH_SESSION_POLICY={"max_age": 0, "idle": 5}
            ),
        )
    secret, found, *policy = caught.value.problems
    assert secret.startswith(
        "SECRET_KEY: the secret key of the sessions is missing or has fewer than 16 characters"
    )
    assert found.startswith(problem)
    assert policy == [
        (
            'app.config["PEERINGDB_OAUTH_SESSION_POLICY"]: idle: there is no such setting; there'
            " are recheck_every, stale_for, idle_timeout, max_age"
        ),
        (
            'app.config["PEERINGDB_OAUTH_SESSION_POLICY"]: max_age: must be seconds, 1 or more,'
            " or None"
        ),
    ]


def test_the_store_is_named_as_it_was_written(make_portal, monkeypatch):
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", "mongodb://192.0.2.1")
    for place, set_up in (
        ("PEERINGDB_OAUTH_SESSIONS", lambda app: app.config.update(PEERINGDB_OAUTH_SESSIONS="")),
        (
            'app.config["PEERINGDB_OAUTH_SESSIONS"]',
            lambda app: app.config.update(PEERINGDB_OAUTH_SESSIONS="mongodb://"),
        ),
    ):
        with pytest.raises(ConfigurationError) as caught:
            make_portal(set_up=set_up)
        assert str(caught.value).startswith(f"{place}: must begin with one of sqlite://")


def test_a_wrong_secret_is_said_once(make_portal, tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        make_portal(sessions=f"sqlite:///{tmp_path}/sessions.db", secret_key="short")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("url", "module", "driver", "extra"),
    [
        ("sqlite:///sessions.db", "sql", "sqlalchemy", "sql"),
        ("redis://127.0.0.1/0", "redis", "redis", "redis"),
    ],
)
def test_a_missing_driver_is_named_with_how_to_install_it(
    make_portal, monkeypatch, *, url, module, driver, extra
):
    monkeypatch.delitem(sys.modules, f"peeringdb_oauth.web.stores.{module}", raising=False)
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(ConfigurationError) as caught:
        make_portal(sessions=url)
    assert str(caught.value) == (
        f'sessions: needs a package: pip install "peeringdb-oauth[{extra}]"'
    )


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


@pytest.mark.parametrize("rule", [64500, 0, "AS64500", (64500,)])
def test_a_rule_must_be_a_rule(make_portal, rule):
    with pytest.raises(ConfigurationError, match=r"such as AccessRule\(asn=64500\)"):
        make_portal(rule=rule)
