"""Sessions of a Django project: in Django's own, and in each kind of store."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

import json
import re
import unittest
from io import StringIO

import pytest
from reading import tokens_in
from shared_sessions import egresses

from peeringdb_oauth import AccessRule, ConfigurationError, ProviderError

SIGNED_COOKIES = "django.contrib.sessions.backends.signed_cookies"
MEMBER = [64500, 64501, 65550]
SAVING = ["/save", "/save-async", "/save-by-class", "/save-with-account"]


class Site:
    """The project with one kind of sessions, whose time a test moves."""

    def __init__(self, clock, make_visitor, watch, **settings):
        self._clock = clock
        self._settings = settings
        self._watch = watch
        self.new_visitor = make_visitor
        self.configure()
        self.visitor = make_visitor()

    @property
    def app(self):
        from peeringdb_oauth.integrations.django.application import application

        return application()

    def configure(self, **settings):
        """Make the application anew, with these settings of ours."""
        self._clock.use(**(self._settings | settings))

    def wait(self, seconds):
        """Let time pass by the clocks of the client and of the store."""
        self._clock.ahead += seconds
        if self.app.store is not None:
            vault = self.app.store.vault
            for entry in [*vault.of_owner("user:1"), *vault.of_owner("user:2")]:
                vault.change(entry.key, lambda value, _, entry=entry: _aged(entry, value, seconds))

    def finish(self):
        """Wait for what runs behind the answers."""
        self._clock.finish()

    def token(self):
        """The token of Django's protection of forms."""
        return re.search('value="([^"]*)"', self.visitor.get("/form").content.decode())[1]

    def ended(self):
        """Why sessions have ended."""
        return [sent["event"].reason for kind, sent in self._watch.seen if kind == "session_ended"]


def _aged(entry, value, seconds):
    from peeringdb_oauth.web import Change

    times = {name: max(0.0, value[name] - seconds) for name in TIMES if name in value}
    if value.get("ending"):
        times["ending"] = value["ending"] | {"at": value["ending"]["at"] - seconds}
    return Change(value=value | times, due_at=entry.due_at - seconds)


TIMES = ("logged_in_at", "seen_at", "checked_at", "failed_at", "lease_until")


def _settings(kind, folder):
    if kind == "in SQLite":
        return {"SESSIONS": f"sqlite:///{folder}/sessions.db"}
    return {"SESSIONS": "django"} if kind == "in Django's database" else {}


@pytest.fixture
def make_site(clocked, make_visitor, watch, tmp_path, pdb):
    """``make_site(kind)``: the site with one kind of sessions."""
    from django.test import override_settings
    from members_area import hooks, views

    for noted in (hooks.changes, hooks.failing, views.saved):
        noted.clear()
    sites, overridden = [], []

    def make(kind, **settings):
        if kind == "in signed cookies":
            overridden.append(override_settings(SESSION_ENGINE=SIGNED_COOKIES))
            overridden[-1].enable()
        site = Site(clocked, make_visitor, watch, **_settings(kind, tmp_path), **settings)
        sites.append(site)
        return site

    yield make
    pdb.reset()
    for site in sites:
        site.finish()
        if site.app.store is not None:
            site.app.store.close()
    for override in overridden:
        override.disable()


STORES = ["in Django's database", "in SQLite"]
KINDS = ["in Django's sessions", "in signed cookies", *STORES]


@pytest.fixture(params=KINDS)
def site(make_site, request):
    return make_site(request.param)


@pytest.fixture(params=STORES)
def stored(make_site, request):
    """The site with one of the stores."""
    return make_site(request.param)


@pytest.fixture
def sessions():
    from peeringdb_oauth.integrations.django import sessions

    return sessions


# --- from login to logout -------------------------------------------------------------


def test_from_the_login_to_the_logout(site, watch):
    site.visitor.log_in("member")
    assert site.visitor.get("/me").json()["asns"] == MEMBER
    assert site.visitor.post("/logout").status_code == 303
    assert site.visitor.get("/me").status_code == 302
    assert watch.kinds == ["logged_in", "session_ended", "logged_out"]
    assert site.ended() == ["logout"]


def test_the_logout_of_the_admin_ends_the_session(stored, sessions):
    from django.contrib.auth.models import User

    stored.visitor.log_in("member")
    User.objects.update(is_staff=True)
    assert stored.visitor.post("/admin/logout/").status_code in (200, 302)
    assert sessions.of(2) == []
    assert stored.ended() == ["logout"]


def test_with_a_store_the_session_of_django_has_only_an_id_and_a_name(stored, sessions):
    stored.visitor.log_in("manynets")
    login = stored.visitor.session["peeringdb"]
    assert set(login) == {"id", "application", "csrf_token", "prompted", "user"}
    assert len(json.dumps(login)) < 500
    [info] = sessions.of(login["user"][0])
    assert len(info.user.networks) == 300
    assert len(stored.visitor.get("/me").json()["asns"]) == 300


def test_nothing_secret_is_readable_in_the_table(make_site):
    from peeringdb_oauth.integrations.django.models import PeeringDBRecord

    site = make_site("in Django's database")
    site.visitor.log_in("member")
    rows = str(list(PeeringDBRecord.objects.values()))
    [entry] = site.app.store.vault.of_owner("user:2")
    from django.conf import settings

    tokens = tokens_in(entry.value, site.app.client.config, settings.SECRET_KEY)
    session_id = site.visitor.session["peeringdb"]["id"]
    assert "session:" in rows
    assert not [one for one in (*tokens, session_id, "Mel Member") if one in rows]


@pytest.mark.parametrize(("path", "reason"), [("/become/other", "replaced"), ("/flush", "logout")])
def test_a_session_that_a_view_drops_ends_and_is_revoked(site, watch, path, reason):
    from django.conf import settings
    from django.contrib.auth.models import User

    User.objects.create(username="other")
    site.visitor.log_in("member")
    login = site.visitor.session["peeringdb"]
    if site.app.store is not None:
        [entry] = site.app.store.vault.of_owner("user:2")
        login = entry.value
    _, refresh_token = tokens_in(login, site.app.client.config, settings.SECRET_KEY)
    assert site.visitor.get(path).status_code == 200
    assert site.ended() == [reason]
    assert watch.kinds == ["logged_in", "session_ended"]
    site.finish()
    with pytest.raises(ProviderError, match="invalid_grant"):
        site.app.client.refresh(refresh_token)


def test_a_copy_of_a_cookie_is_worth_nothing_after_a_logout(stored):
    """Although all of Django's session is in the cookie."""
    from django.core.checks import run_checks
    from django.test import override_settings

    with override_settings(SESSION_ENGINE=SIGNED_COOKIES):
        assert "peeringdb_oauth.W006" not in [message.id for message in run_checks()]
        stored.visitor.log_in("member")
        thief = stored.new_visitor()
        thief.client.cookies["sessionid"] = stored.visitor.client.cookies["sessionid"].value
        assert thief.get("/account").status_code == 200
        stored.visitor.post("/logout")
        stored.wait(1)
        assert thief.get("/account").status_code == 302


# --- how sessions end -----------------------------------------------------------------


def test_sessions_can_be_listed_and_ended(stored, sessions):
    second = stored.new_visitor()
    for visitor in (stored.visitor, second):
        visitor.log_in("member")
    listed = sessions.of(2)
    assert [info.user.name for info in listed] == ["Mel Member", "Mel Member"]
    assert (sessions.end("made-up"), sessions.end(listed[0].id)) == (False, True)
    assert sessions.end_all(2) == 1
    assert sessions.of(2) == []
    stored.wait(1)  # for so long a process remembers what it has read
    assert [v.get("/account").status_code for v in (stored.visitor, second)] == [302, 302]
    assert stored.ended() == ["operator", "operator"]


@pytest.mark.parametrize("path", ["/plain", "/me", "/account"])
def test_any_page_that_notices_the_end_lets_a_login_start_at_once(stored, sessions, path):
    stored.visitor.log_in("member", "?next=/me")
    sessions.end_all(2)
    stored.wait(1)
    assert stored.visitor.get(path).status_code in (200, 302)
    assert stored.visitor.start("?next=/me")


def test_the_tokens_of_a_session_that_was_ended_are_revoked(stored, sessions):
    from django.conf import settings

    stored.visitor.log_in("member")
    [entry] = stored.app.store.vault.of_owner("user:2")
    config = stored.app.client.config
    _, refresh_token = tokens_in(entry.value, config, settings.SECRET_KEY)
    sessions.end_all(2)
    stored.finish()
    with pytest.raises(ProviderError, match="invalid_grant"):
        stored.app.client.refresh(refresh_token)


@pytest.mark.usefixtures("visitor")
def test_without_a_store_sessions_cannot_be_listed(sessions):
    with pytest.raises(ConfigurationError, match=r'PEERINGDB_OAUTH\["SESSIONS"\]: must be set'):
        sessions.of(2)


@pytest.mark.parametrize("path", ["/account", "/me", "/session"])
def test_an_unused_session_ends_after_two_hours(site, path):
    site.visitor.log_in("member")
    site.wait(7199)
    assert site.visitor.get(path).status_code == 200
    site.wait(7200)
    assert b"Mel Member" not in site.visitor.get(path).content
    assert site.visitor.session == {}
    assert site.ended() == ["idle"]


def test_a_session_of_an_unused_browser_ends_at_the_purge(stored, sessions):
    stored.visitor.log_in("member")
    stored.wait(7200)
    assert sessions.purge() == 1
    assert stored.ended() == ["idle"]


def test_a_purge_runs_by_itself(stored):
    idle = stored.new_visitor()
    idle.log_in("orgadmin")
    stored.wait(7200)
    stored.visitor.log_in("member")
    stored.visitor.get("/account")
    stored.finish()
    assert stored.ended() == ["idle"]


def end_by_operator(site):
    from peeringdb_oauth.web.sessions import SessionStore

    # As another program does.
    SessionStore(site.app.store.vault).end_all(2)
    site.wait(1)


def lose(site):
    for entry in site.app.store.vault.of_owner("user:2"):
        site.app.store.vault.delete(entry)
    site.wait(1)


WAYS = {
    "idle": (lambda site: site.wait(7200), "You did not use this site for a while"),
    "operator": (end_by_operator, "The people who run this site ended it"),
    "lost": (lose, "This site has lost it"),
}


@pytest.mark.parametrize("path", SAVING)
@pytest.mark.parametrize("way", WAYS)
def test_a_form_in_a_session_that_has_ended_says_so_and_saves_nothing(stored, way, path):
    from members_area import views

    end, sentence = WAYS[way]
    stored.visitor.log_in("member")
    token = stored.token()
    end(stored)
    answer = stored.visitor.client.post(path, {"note": "a", "csrfmiddlewaretoken": token})
    page = answer.content.decode()
    assert answer.status_code == 401
    assert "Your session has ended" in page
    assert sentence in page
    assert "Nothing was saved" in page
    assert views.saved == []
    assert stored.visitor.session == {}


@pytest.mark.parametrize("kind", ["in Django's sessions", "in signed cookies"])
def test_a_form_after_two_idle_hours_without_a_store_says_so_too(make_site, kind):
    from members_area import views

    site = make_site(kind)
    site.visitor.log_in("member")
    token = site.token()
    site.wait(7200)
    answer = site.visitor.client.post("/save", {"note": "a", "csrfmiddlewaretoken": token})
    assert (answer.status_code, b"Nothing was saved" in answer.content) == (401, True)
    assert views.saved == []


def test_a_program_reads_it_as_json(stored):
    stored.visitor.log_in("member")
    token = stored.token()
    end_by_operator(stored)
    form = {"note": "a", "csrfmiddlewaretoken": token}
    answer = stored.visitor.client.post("/save", form, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
    assert [reason["code"] for reason in answer.json()["reasons"]] == ["operator"]


def test_a_form_says_so_where_the_token_lies_in_the_session_of_django(make_site):
    from django.test import override_settings

    with override_settings(CSRF_USE_SESSIONS=True):
        site = make_site("in Django's database")
        site.visitor.log_in("member")
        token = site.token()
        site.wait(7200)
        answer = site.visitor.client.post("/save", {"note": "a", "csrfmiddlewaretoken": token})
        assert (answer.status_code, b"Nothing was saved" in answer.content) == (401, True)


def test_a_form_says_so_without_the_middleware_too(make_site):
    from django.conf import settings
    from django.test import override_settings
    from members_area import views

    middleware = [one for one in settings.MIDDLEWARE if "PeeringDB" not in one]
    with override_settings(MIDDLEWARE=middleware):
        site = make_site("in Django's database")
        site.visitor.log_in("member")
        token = site.token()
        site.wait(7200)
        answer = site.visitor.client.post("/save", {"note": "a", "csrfmiddlewaretoken": token})
        assert (answer.status_code, b"Nothing was saved" in answer.content) == (401, True)
        assert views.saved == []


@pytest.mark.parametrize("path", ["/logout", "/django-logout", "/admin/logout/"])
def test_a_logout_in_a_session_that_has_ended_is_a_logout(stored, path):
    stored.visitor.log_in("member")
    token = stored.token()
    stored.wait(7200)
    answer = stored.visitor.client.post(path, {"csrfmiddlewaretoken": token})
    assert answer.status_code in (200, 302, 303)


def test_a_form_to_nowhere_in_a_session_that_has_ended_is_not_found(stored):
    stored.visitor.log_in("member")
    stored.wait(7200)
    assert stored.visitor.client.post("/nowhere", {}).status_code == 404


def test_a_request_with_a_token_does_not_need_the_session_beside_it(stored):
    stored.visitor.log_in("member")
    stored.wait(7200)
    headers = {"authorization": "Bearer made-up", "accept": "application/json"}
    answer = stored.visitor.client.post("/api/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


def test_a_form_behind_basic_authentication_is_not_dropped_either(stored):
    """Such as that of a site that is not open to all yet."""
    stored.visitor.log_in("member")
    token = stored.token()
    stored.wait(7200)
    form = {"note": "a", "csrfmiddlewaretoken": token}
    answer = stored.visitor.client.post("/save", form, headers={"authorization": "Basic dDp0"})
    assert (answer.status_code, b"Nothing was saved" in answer.content) == (401, True)


def test_a_new_login_in_the_same_browser_replaces_the_session(stored, sessions):
    stored.visitor.log_in("member")
    first = stored.visitor.session["peeringdb"]["id"]
    stored.visitor.log_in("orgadmin")
    assert stored.visitor.session["peeringdb"]["id"] != first
    assert sessions.of(2) == []
    assert stored.ended() == ["replaced"]


# --- request.peeringdb_login ----------------------------------------------------------


@pytest.mark.parametrize("path", ["/session", "/session-async"])
def test_the_login_of_a_request(site, path):
    site.visitor.log_in("member")
    shown = site.visitor.get(path).json()
    assert (shown["name"], shown["stale"]) == ("Mel Member", False)
    assert (shown["id"] is None) == (site.app.store is None)


def test_a_request_without_a_login_has_none(site):
    assert site.visitor.get("/session").content == b"nobody"


def test_the_login_of_a_request_is_gone_after_a_logout(stored):
    from django.contrib import auth
    from django.contrib.auth.models import User
    from django.test import RequestFactory

    stored.visitor.log_in("member")
    request = RequestFactory().get("/")
    request.session, request.user = stored.visitor.client.session, User.objects.get()
    assert request.peeringdb_login.user.id == 2
    auth.logout(request)
    assert request.peeringdb_login is None


# --- re-checks ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/me", "/account"])
def test_a_page_shows_what_is_known_and_the_next_one_sees_the_news(site, pdb, watch, path):
    """Also a page that only Django's own login guards."""
    site.visitor.log_in("member")
    pdb.change("member", networks={64501: 1})
    site.wait(900)
    assert site.visitor.get(path).status_code == 200
    site.finish()
    assert site.visitor.get("/me").json()["asns"] == [64501]
    [changed] = [sent for kind, sent in watch.seen if kind == "rights_changed"]
    assert (changed["event"].previous.asns, changed["user"].asns) == (tuple(MEMBER), (64501,))
    assert changed["request"] is None, "it was found behind an answer"


def test_a_form_is_checked_with_the_rights_of_now(site, pdb, watch):
    site.visitor.log_in("orgadmin")
    assert site.visitor.post("/edit/64500").status_code == 200
    token = site.token()
    pdb.change("orgadmin", networks={64500: 1})
    site.wait(900)
    assert site.visitor.post("/edit/64500", token=token).status_code == 403
    [changed] = [sent for kind, sent in watch.seen if kind == "rights_changed"]
    assert changed["request"].path == "/edit/64500"


def test_a_logout_asks_nothing_before_it_ends_the_session(site, pdb, watch):
    site.visitor.log_in("member")
    token = site.token()
    pdb.change("member", networks={64501: 1})
    site.wait(900)
    assert site.visitor.post("/logout", token=token).status_code == 303
    assert watch.kinds == ["logged_in", "session_ended", "logged_out"]


@pytest.mark.parametrize("path", ["/account", "/me"])
def test_a_page_stands_through_an_outage(site, pdb, path):
    site.visitor.log_in("member")
    pdb.fault("error_500", path="/profile/v1")
    site.wait(900)
    assert site.visitor.get(path).status_code == 200
    site.finish()
    assert site.visitor.get("/session").json()["stale"] is True


def test_after_a_long_outage_only_pages_that_need_rights_fail(site, pdb):
    site.visitor.log_in("member")
    pdb.fault("error_500", path="/profile/v1")
    site.wait(4500)
    answer = site.visitor.get("/me")
    assert (answer.status_code, "Retry-After" in answer) == (503, True)
    assert site.visitor.get("/account").status_code == 200
    pdb.clear_faults()
    site.wait(10)
    assert site.visitor.get("/me").status_code == 200


def test_a_session_ends_when_peeringdb_refuses_it(stored, pdb):
    stored.visitor.log_in("member")
    pdb.revoke_tokens("member")
    stored.wait(900)
    stored.visitor.get("/account")
    stored.finish()
    assert stored.visitor.get("/account").status_code == 302
    assert stored.ended() == ["refused_by_peeringdb"]


def test_a_form_in_a_login_that_peeringdb_refuses_is_not_saved(stored, pdb):
    from members_area import views

    stored.visitor.log_in("member")
    token = stored.token()
    pdb.revoke_tokens("member")
    stored.wait(900)
    form = {"note": "a", "csrfmiddlewaretoken": token}
    answer = stored.visitor.client.post("/save-with-account", form)
    assert (answer.status_code, b"Your login has ended" in answer.content) == (401, True)
    assert views.saved == []


def test_a_token_beside_the_session_does_not_keep_the_rights_of_before(stored, pdb):
    from members_area import views

    stored.visitor.log_in("member")
    form = {"note": "a", "csrfmiddlewaretoken": stored.token()}
    pdb.revoke_tokens("member")
    stored.wait(900)
    headers = {"authorization": "Bearer made-up"}
    answer = stored.visitor.client.post("/save-with-account", form, headers=headers)
    assert (answer.status_code, views.saved) == (302, [])  # to the login


def test_a_rule_that_has_become_stricter_says_why(stored):
    stored.visitor.log_in("member")
    stored.configure(RULE=AccessRule(asn=64510))
    answer = stored.visitor.get("/me")
    assert (answer.status_code, b"AS64510" in answer.content) == (403, True)
    assert stored.visitor.get("/account").status_code == 302
    assert stored.ended() == ["rule"]


# --- ON_RIGHTS_CHANGED ----------------------------------------------------------------


@pytest.fixture(params=KINDS)
def following(make_site, request):
    """The site with a function that follows the rights of people."""
    return make_site(request.param, ON_RIGHTS_CHANGED="members_area.hooks.follow")


def groups():
    from django.contrib.auth.models import Group

    return sorted(Group.objects.filter(user__isnull=False).values_list("name", flat=True))


def saved_asns():
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    return list(PeeringDBIdentity.objects.get().to_user().asns)


@pytest.mark.parametrize("path", ["/me", "/fresh"])
def test_the_function_is_called_once_with_the_rights_before_and_after(following, pdb, path):
    from members_area import hooks

    following.visitor.log_in("member")
    pdb.change("member", networks={64510: 1})
    following.wait(900)
    for _ in range(3):
        following.visitor.get(path)
        following.finish()
    assert hooks.changes == [(tuple(MEMBER), (64510,))]
    assert (groups(), saved_asns()) == (["64510"], [64510])


def test_what_is_saved_and_what_the_function_does_roll_back_together(following, pdb, caplog):
    from members_area import hooks

    following.visitor.log_in("member")
    pdb.change("member", networks={64510: 1})
    hooks.failing.append(True)
    following.wait(900)
    following.visitor.get("/account")
    following.finish()
    assert "the project's function fails" in caplog.text
    assert (groups(), saved_asns()) == ([], MEMBER)
    hooks.failing.clear()
    following.wait(900)
    following.visitor.get("/account")
    following.finish()
    assert (groups(), saved_asns()) == (["64510"], [64510]), "it was told once more"


def test_a_function_that_is_to_be_awaited_is_refused(make_site, pdb, monkeypatch, caplog):
    from members_area import hooks

    monkeypatch.setattr(hooks, "follow", lambda previous, _: hooks.asynchronous(previous, _, None))
    site = make_site("in Django's database", ON_RIGHTS_CHANGED="members_area.hooks.follow")
    site.visitor.log_in("member")
    pdb.change("member", networks={64510: 1})
    site.wait(900)
    site.visitor.get("/account")
    site.finish()
    assert "ON_RIGHTS_CHANGED: must not be async" in caplog.text
    assert saved_asns() == MEMBER


# --- keys, transactions, the store is down --------------------------------------------


def test_the_secret_key_can_be_rotated(site):
    from django.conf import settings
    from django.test import override_settings

    site.visitor.log_in("member")
    old, new = settings.SECRET_KEY, "another-secret-0123456789abcdef0123456789"
    with override_settings(SECRET_KEY=new, SECRET_KEY_FALLBACKS=[old]):
        assert site.visitor.get("/me").json()["asns"] == MEMBER
        assert site.visitor.get("/fresh").json()["asns"] == MEMBER


def test_a_session_whose_key_is_gone_is_lost_and_not_an_error(stored):
    from django.test import override_settings

    stored.visitor.log_in("member")
    with override_settings(SECRET_KEY="another-secret-0123456789abcdef0123456789"):
        assert stored.visitor.get("/me").status_code == 302


@pytest.fixture
def atomic_requests():
    from django.db import connection

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.mark.usefixtures("atomic_requests")
def test_all_works_with_a_transaction_around_each_view(following, pdb):
    from members_area import views

    following.visitor.log_in("member")
    assert following.visitor.post("/save").content == b"saved"
    pdb.change("member", networks={64510: 1})
    assert following.visitor.get("/fresh").json() == {"asns": [64510]}
    assert (groups(), saved_asns()) == (["64510"], [64510])
    pdb.change("member", networks={64500: 1})
    following.wait(900)
    assert following.visitor.get("/me").status_code == 200
    following.finish()
    assert following.visitor.get("/me").json()["asns"] == [64500]
    assert (groups(), saved_asns()) == (["64500"], [64500])
    assert following.visitor.post("/logout").status_code == 303
    assert following.visitor.get("/me").status_code == 302
    assert len(views.saved) == 1


@pytest.fixture
def broken(make_site, monkeypatch):
    """The site after somebody has logged in, with a store that does not answer."""
    from peeringdb_oauth.records import RecordsUnavailable

    site = make_site("in SQLite")
    site.visitor.log_in("member")
    site.token = site.token()

    def fail(*_, **__):
        raise RecordsUnavailable("the store of the sessions does not answer")

    def break_down():
        records = site.app.store.vault._records
        for name in ("get", "put", "delete", "of_owner", "of_handle", "due"):
            monkeypatch.setattr(records, name, fail)

    site.break_down = break_down
    return site


@pytest.mark.parametrize("path", ["/me", "/account", "/session"])
def test_a_store_that_does_not_answer_is_a_503_and_logs_nobody_out(broken, monkeypatch, path):
    broken.wait(1)
    broken.break_down()
    answer = broken.visitor.get(path)
    assert (answer.status_code, "Retry-After" in answer) == (503, True)
    assert broken.visitor.get("/admin/login/").status_code == 503
    monkeypatch.undo()
    assert broken.visitor.get(path).status_code == 200


def test_a_view_drops_a_session_although_the_store_does_not_answer(broken, monkeypatch):
    broken.visitor.get("/account")  # it is remembered for a second
    broken.break_down()
    assert broken.visitor.get("/flush").status_code == 200
    monkeypatch.undo()
    assert broken.visitor.get("/account").status_code == 302
    assert broken.ended() == []


@pytest.mark.parametrize("path", ["/logout", "/django-logout"])
def test_a_logout_waits_until_the_store_answers(broken, monkeypatch, path):
    """Otherwise the session would live on, and nobody could see it."""
    broken.visitor.get("/me")  # so the middleware knows who is logged in
    broken.break_down()
    assert broken.visitor.post(path, token=broken.token).status_code == 503
    monkeypatch.undo()
    assert broken.visitor.get("/me").status_code == 200
    assert broken.visitor.post(path, token=broken.token).status_code in (302, 303)
    assert broken.ended() == ["logout"]


def test_a_guard_says_so_without_the_middleware_too(broken):
    from django.conf import settings
    from django.test import override_settings

    middleware = [one for one in settings.MIDDLEWARE if "PeeringDB" not in one]
    with override_settings(MIDDLEWARE=middleware):
        broken.wait(1)
        broken.break_down()
        assert broken.visitor.get("/me").status_code == 503


def test_without_its_table_nobody_can_log_in_and_the_check_says_why(make_site):
    from django.core.checks import run_checks
    from django.db import connection

    from peeringdb_oauth.integrations.django.models import PeeringDBRecord

    site = make_site("in Django's database")
    assert run_checks(databases=["default"]) == []
    with connection.schema_editor() as editor:
        editor.delete_model(PeeringDBRecord)
    try:
        [message] = run_checks(databases=["default"])
        assert (message.id, "manage.py migrate" in message.hint) == ("peeringdb_oauth.W014", True)
        assert run_checks() == []
        assert site.visitor.log_in("member").status_code == 503
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(PeeringDBRecord)


@pytest.mark.parametrize("kind", ["in Django's sessions", "in Django's database"])
def test_a_test_case_of_a_project_sees_at_once_what_happens_behind_answers(make_site, pdb, kind):
    """Django rolls back what such a test has written, and only its thread sees it."""
    from django.test import TestCase

    from peeringdb_oauth.integrations.django.models import PeeringDBRecord

    site = make_site(kind, ON_RIGHTS_CHANGED="members_area.hooks.follow")

    class Case(TestCase):
        def test_it(self):
            site.visitor.log_in("member")
            pdb.change("member", networks={64510: 1})
            site.wait(900)
            site.visitor.get("/account")
            assert (groups(), saved_asns()) == (["64510"], [64510])
            site.visitor.log_in("orgadmin")
            assert site.ended() == ["replaced"]
            pdb.fault("cut", path="/oauth2/revoke_token/")
            assert site.visitor.log_in("member", "?next=/me")["Location"] == "/me"
            pdb.clear_faults()

    result = unittest.TestResult()
    unittest.TestSuite([Case("test_it")]).run(result)
    assert result.testsRun == 1
    assert (result.errors, result.failures) == ([], [])
    assert not PeeringDBRecord.objects.filter(owner="user:2").exists()


# --- the admin and the command --------------------------------------------------------

IDENTITIES = "/admin/peeringdb_oauth/peeringdbidentity/"


@pytest.fixture
def admin():
    """``admin("view")``: a browser of staff with permissions on the sessions."""
    from django.contrib.auth.models import Permission, User
    from django.test import Client

    def make(*actions):
        staff = User.objects.create(username=f"staff-{'-'.join(actions)}", is_staff=True)
        names = [f"{action}_peeringdbrecord" for action in actions] + ["view_peeringdbidentity"]
        staff.user_permissions.set(Permission.objects.filter(codename__in=names))
        client = Client(SERVER_NAME="localhost")
        client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def page():
    """``page()``: the address of the page with the sessions of the one person."""

    def page():
        from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

        return f"{IDENTITIES}{PeeringDBIdentity.objects.get().pk}/sessions/"

    return page


def test_the_admin_lists_and_ends_the_sessions_of_a_person(stored, admin, page, sessions):
    from django.contrib.admin.models import LogEntry

    for visitor in (stored.visitor, stored.new_visitor(), stored.new_visitor()):
        visitor.log_in("member")
    staff = admin("view", "delete")
    link = page()
    change_page = staff.get(link.replace("sessions", "change")).content
    assert f'href="{link}"'.encode() in change_page
    assert staff.get(link).content.count(b"127.0.0.1") == 3
    staff.post(link, {"session": sessions.of(2)[0].id})
    assert len(sessions.of(2)) == 2
    staff.post(link, {"session": "made-up"})
    assert len(sessions.of(2)) == 2
    answer = staff.post(link, follow=True)
    assert b"Sessions that have ended: 2." in answer.content
    assert b"Not logged in anywhere." in answer.content
    assert stored.ended() == ["operator"] * 3
    assert LogEntry.objects.count() == 3


@pytest.mark.parametrize("actions", [(), ("delete",)])
def test_staff_without_the_permission_see_no_sessions(stored, admin, page, actions):
    stored.visitor.log_in("member")
    staff = admin(*actions)
    assert b"Show where" not in staff.get(page().replace("sessions", "change")).content
    assert staff.get(page()).status_code == 403
    assert staff.post(page()).status_code == 403


def test_staff_who_may_only_look_cannot_end_a_session(stored, admin, page, sessions):
    stored.visitor.log_in("member")
    staff = admin("view")
    answer = staff.get(page())
    assert (answer.status_code, b"End " in answer.content) == (200, False)
    assert staff.post(page()).status_code == 403
    assert len(sessions.of(2)) == 1


@pytest.fixture
def superuser():
    """A browser of a superuser."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    account = User.objects.create_superuser("root")
    client.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("way", ["alone", "in a list"])
def test_a_person_whose_account_is_unlinked_is_logged_out(stored, superuser, page, way):
    stored.visitor.log_in("member")
    assert stored.visitor.get("/account").status_code == 200
    pk = page().split("/")[-3]
    if way == "alone":
        superuser.post(f"{IDENTITIES}{pk}/delete/", {"post": "yes"})
    else:
        form = {"action": "delete_selected", "_selected_action": pk, "post": "yes"}
        superuser.post(IDENTITIES, form)
    stored.wait(1)
    assert stored.visitor.get("/account").status_code == 302
    assert stored.ended() == ["operator"]


def test_a_person_who_is_linked_to_another_account_is_logged_out(stored, superuser, sessions, page):
    from django.contrib.auth.models import User

    stored.visitor.log_in("member")
    change = page().replace("sessions", "change")
    form = {"networks-TOTAL_FORMS": 1, "networks-INITIAL_FORMS": 0}
    account = User.objects.get(username="peeringdb-2")
    assert superuser.post(change, {"account": account.pk, **form}).status_code == 302
    assert len(sessions.of(2)) == 1
    other = User.objects.create(username="other")
    assert superuser.post(change, {"account": other.pk, **form}).status_code == 302
    assert sessions.of(2) == []


def test_without_a_store_an_account_can_be_unlinked_all_the_same(make_site, superuser, page):
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    make_site("in Django's sessions").visitor.log_in("member")
    superuser.post(page().replace("sessions", "delete"), {"post": "yes"})
    assert not PeeringDBIdentity.objects.exists()


def test_the_admin_has_no_page_of_sessions_without_a_store(make_site, page):
    from django.contrib.auth.models import User
    from django.test import Client

    make_site("in Django's sessions").visitor.log_in("member")
    client = Client(SERVER_NAME="localhost")
    root = User.objects.create_superuser("root")
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(page().replace("sessions", "change")).status_code == 200
    assert client.get(page()).status_code == 403


@pytest.fixture
def command():
    """``command("list")``: what ``manage.py peeringdb_sessions`` prints."""
    from django.core.management import call_command

    def command(*arguments):
        out = StringIO()
        call_command("peeringdb_sessions", *arguments, stdout=out)
        return out.getvalue()

    return command


def test_the_command_lists_sessions(stored, command):
    assert command("list") == "There are no sessions.\n"
    stored.visitor.log_in("member")
    stored.new_visitor().log_in("orgadmin")
    [heading, *lines] = command("list").splitlines()
    assert heading.split()[:2] == ["SESSION", "USER"]
    assert [line.split()[1] for line in lines] == ["1", "2"]
    [found] = json.loads(command("list", "--user", "2", "--json"))
    assert (found["user"], found["address"]) == ({"id": 2, "name": "Mel Member"}, "127.0.0.1")


def test_the_command_marks_rights_that_could_not_be_read(stored, command, pdb):
    stored.visitor.log_in("member")
    pdb.fault("error_500", path="/profile/v1")
    stored.wait(900)
    stored.visitor.get("/me")
    stored.finish()
    assert "UTC (stale)" in command("list", "--user", "2")


def test_the_command_ends_sessions_and_revokes_their_tokens(stored, command, sessions):
    from django.core.management import CommandError

    for visitor in (stored.visitor, stored.new_visitor()):
        visitor.log_in("member")
    [first, _] = sessions.of(2)
    assert command("end", first.id) == "Ended 1 session.\n"
    assert json.loads(command("end", "--user", "2", "--json")) == {"ended": 1, "unknown": []}
    entries = stored.app.store.vault.of_owner("user:2")
    assert [entry.value["tokens"] for entry in entries] == ["", ""]
    with pytest.raises(CommandError, match=r"There is no session made-up\."):
        command("end", "made-up")
    with pytest.raises(CommandError, match="Name either sessions or, with --user, a person"):
        command("end")


def test_the_command_purges(stored, command):
    stored.visitor.log_in("member")
    stored.wait(7200)
    assert command("purge") == "Ended or deleted 1 session.\n"
    assert command("purge") == "Ended or deleted 0 sessions.\n"


@pytest.mark.usefixtures("visitor")
@pytest.mark.parametrize("arguments", [(), ("--user", "2")])
def test_the_command_needs_a_store(command, arguments):
    from django.core.management import CommandError

    with pytest.raises(CommandError, match="must be set"):
        command("list", *arguments)


@pytest.mark.usefixtures("stored")
def test_the_command_names_migrate_if_the_tables_are_missing(command, monkeypatch):
    from django.core.management import CommandError

    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    monkeypatch.setattr(PeeringDBIdentity._meta, "db_table", "missing")
    with pytest.raises(CommandError, match=r"have you run manage\.py migrate\?"):
        command("list")


# --- settings -------------------------------------------------------------------------


def test_the_environment_can_name_the_store(clocked, monkeypatch):
    from peeringdb_oauth.integrations.django.application import application

    monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", "django")
    clocked.use()
    assert application().uses_database


def test_machines_behind_another_address_have_another_budget(configure, make_visitor):
    from peeringdb_oauth.integrations.django.application import application

    configure(SESSIONS="django", EGRESS="rack-2")
    make_visitor().log_in("member")
    application().client.close()
    assert egresses(application().store.vault) == {"rack-2"}


def test_the_projects_budget_lies_in_the_store(stored):
    stored.visitor.log_in("member")
    stored.app.client.close()
    assert egresses(stored.app.store.vault) == {"default"}
