"""Who is logged in, from the first request of a session to its last."""

from dataclasses import replace

import pytest
from stored_sessions import token_response

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    RecordsUnavailable,
    RightsUnknown,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import SESSION_KEY, SessionPolicy, SessionStore, Visitors
from peeringdb_oauth.web.sessions import Ending

from ..test_answer_builder import visit as request

PROFILE, REVOKE = "/profile/v1", "/oauth2/revoke_token/"
PLANTED = {
    "session_cookie": "__Host-session",
    "cookies": {"__Host-session": "planted"},
    "cookie_header": " __Host-session=planted; __Host-session=own",
}


class Browser:
    """A browser, and one process of the site that it visits.

    ``told``: the events of its requests. Others are in ``site.events``.
    """

    def __init__(self, site, visitors):
        self.visitors, self.run = visitors, site.run
        self.session, self.told = {}, []
        self.user = User.from_profile(site.profile)
        self.expires_at = int(site.clock()) + 36_000

    def visit(self, **changes):
        return request(session=self.session, emit=self.told.append, **changes)

    def log_in(self, *, prompted=False, is_refreshable=True, **changes):
        token = token_response(is_refreshable=is_refreshable, expires_at=self.expires_at)
        login = Login(user=self.user, token=token, claims=None)
        self.run(self.visitors.begin(self.visit(**changes), login, prompted=prompted))
        return self

    def load(self, **changes):
        return self.run(self.visitors.load(self.visit(**changes)))

    def current(self, *, method="POST", max_age=None):
        flow = self.visitors.current(self.visit(method=method), max_age=max_age)
        return self.run(flow)

    def at_once(self):
        return self.run(self.visitors.at_once(self.visit()))


@pytest.fixture(params=["cookie", "memory"])
def make_browser(request, site, provider, recording):
    """``make_browser(rule=...)``: a browser whose sessions are in one or the other."""
    site.profile = recording("profile-orgadmin").json

    def make(*, rule=None, in_store=request.param == "memory", **arguments):
        visitors = Visitors(
            provider,
            rule=rule or AccessRule(),
            sealer=site.sealer,
            store=SessionStore(site.vault) if in_store else None,
            tell=site.events.append,
            **arguments,
        )
        return Browser(site, visitors)

    return make


@pytest.fixture
def browser(make_browser):
    return make_browser()


@pytest.fixture
def stored(make_browser):
    """A browser of a site with a store."""
    return make_browser(in_store=True)


def reasons(events):
    return [event.reason for event in events]


def revoked(site):
    return [one.form["token"] for one in site.driver.sent if one.url.endswith(REVOKE)]


def refuse():
    raise RecordsUnavailable("the store of the sessions does not answer")


def refuse_rights(site):
    """From now on PeeringDB says that the person is nobody whom the rule lets in."""
    site.answers[PROFILE] = site.profile | {"verified_user": False}


# --- a login --------------------------------------------------------------------------


@pytest.mark.parametrize("prompted", [True, False])
def test_a_login_is_stored_with_all_that_is_known(browser, site, clock, prompted):
    browser.log_in(prompted=prompted, remote_address="192.0.2.1\n")
    login = browser.load()
    assert login.user == browser.user
    assert (login.logged_in_at, login.seen_at, login.checked_at) == (clock.now,) * 3
    assert (login.prompted, login.address) == (prompted, "192.0.2.1")
    assert (login.application, login.expires_at) == (site.application, browser.expires_at)
    assert len(login.csrf_token) == 43
    assert site.tokens.open(login) == token_response(expires_at=browser.expires_at)


def test_each_login_has_a_token_of_its_own_for_forms(make_browser):
    here, there = make_browser().log_in(), make_browser().log_in()
    assert here.visitors.csrf_token(here.visit()) == here.load().csrf_token
    assert here.load().csrf_token != there.load().csrf_token
    assert here.visitors.csrf_token(request()) is None


def test_tokens_are_given_back_when_the_login_cannot_be_stored(stored, site):
    site.records.before_put = refuse
    with pytest.raises(RecordsUnavailable):
        stored.log_in()
    assert (revoked(site), stored.session) == (["refresh-1"], {})


def test_tokens_that_cannot_be_given_back_are_revoked_by_a_purge(stored, site, clock):
    site.records.before_put = refuse
    site.answers[REVOKE] = TransportError("down")
    with pytest.raises(RecordsUnavailable):
        stored.log_in()
    site.records.before_put = lambda: None
    site.answers[REVOKE] = "revoke-refresh"
    stored.run(stored.visitors.sessions.purge())
    clock.now += 60
    stored.run(stored.visitors.sessions.purge())
    assert revoked(site) == ["refresh-1"] * 2


def test_a_login_may_start_while_the_store_answers(browser, stored, site):
    assert browser.run(browser.visitors.ready()) is None

    def go_down(_):
        refuse()

    site.records.get = go_down
    with pytest.raises(RecordsUnavailable):
        stored.run(stored.visitors.ready())


def test_a_session_is_described_without_what_opens_it(browser, clock):
    login = browser.log_in(remote_address="192.0.2.1").load()
    info = browser.visitors.info(login)
    assert (info.id, info.user, info.address) == (login.handle, browser.user, "192.0.2.1")
    assert info.expires_at == clock.now + 7200


def test_without_a_store_sessions_cannot_be_listed(make_browser):
    with pytest.raises(ConfigurationError, match="sessions: must be set"):
        _ = make_browser(in_store=False).visitors.sessions


def test_networks_that_the_rule_names_stay_in_the_browser(make_browser, site):
    site.profile["networks"] = [
        site.profile["networks"][0] | {"id": n, "asn": 4_200_000_000 + n} for n in range(1, 300)
    ]
    named = make_browser(rule=AccessRule(asn=4_200_000_002), in_store=False).log_in()
    [network] = named.session[SESSION_KEY]["user"][-1]
    assert network[1] == 4_200_000_002
    unnamed = make_browser(in_store=False).log_in()
    assert unnamed.session[SESSION_KEY]["user"][-1] == []
    on_server = make_browser(in_store=False, is_on_server=True).log_in()
    assert len(on_server.session[SESSION_KEY]["user"][-1]) == 299


def test_a_session_of_one_part_of_an_application_is_none_of_another(make_browser):
    """The gateway has several sites with one store."""
    here = make_browser(in_store=True, site="https://wiki.example.net").log_in()
    there = make_browser(in_store=True, site="https://grafana.example.net")
    there.session = here.session
    assert (here.load().user, there.load()) == (here.user, None)
    assert here.load().application[-1] == "https://wiki.example.net"


# --- who is logged in -----------------------------------------------------------------


def test_nobody_is_logged_in(browser):
    nobody = browser.visitors.peek(browser.visit()), browser.load(), browser.current()
    assert nobody == (None, None, None)
    assert browser.at_once() is None


def test_a_person_is_known_from_then_on(browser):
    browser.log_in()
    assert browser.visitors.peek(browser.visit()).user.id == 1
    assert browser.current().user == browser.at_once().user == browser.user


def test_a_session_that_another_host_may_have_planted_is_nobodys(browser):
    browser.log_in()
    planted = browser.visit(**PLANTED)
    visitors = browser.visitors
    assert (visitors.peek(planted), visitors.csrf_token(planted)) == (None, None)
    assert browser.load(**PLANTED) is None
    assert SESSION_KEY in browser.session


def test_what_is_remembered_of_a_session_counts_for_a_second(stored, clock):
    login, visitors = stored.log_in().load(), stored.visitors
    entry = visitors.remembered(login)
    clock.now += 0.75
    assert visitors.remembered(login) is entry is not None
    clock.now += 0.25
    assert visitors.remembered(login) is None


def test_a_visit_is_read_anew_if_it_is_asked(stored):
    login, visitors = stored.log_in().load(), stored.visitors
    visitors.read_anew(stored.visit())
    assert visitors.remembered(login) is None
    assert stored.load() == login


def test_rights_that_were_read_anew_are_in_the_session(browser, site, clock):
    browser.log_in()
    clock.now += 1800
    site.answers[PROFILE] = site.profile | {"networks": []}
    assert browser.current().user.networks == ()
    assert browser.load().user.networks == ()
    assert [event.kind for event in site.events] == ["rights_changed"]


def test_in_a_cookie_rights_are_written_that_another_process_does_not_know(make_browser, site):
    here, there = (make_browser(in_store=False) for _ in range(2))
    here.log_in()
    site.answers[PROFILE] = site.profile | {"networks": []}
    here.current(max_age=0)
    there.session = here.session
    assert there.load().user.networks == ()


def test_a_login_that_peeringdb_has_ended_is_taken_out_of_the_session(browser, site):
    browser.log_in(is_refreshable=False)
    browser.session["basket"] = 1
    site.answers[PROFILE] = 403
    with pytest.raises(TokenRejected):
        browser.current(max_age=0)
    assert (browser.session, reasons(site.events)) == ({}, ["refused_by_peeringdb"])


def test_a_login_that_the_rule_no_longer_lets_in_is_taken_out_of_the_session(browser, site):
    browser.log_in()
    browser.session["basket"] = 1
    refuse_rights(site)
    with pytest.raises(AccessDenied):
        browser.current(max_age=0)
    assert (browser.session, reasons(site.events)) == ({}, ["rule"])


def test_a_rule_may_be_stricter_than_at_the_login(make_browser, site):
    browser, strict = make_browser().log_in(), make_browser(rule=AccessRule(asn=64999))
    strict.session = browser.session
    assert strict.at_once() is None
    assert site.events == []
    with pytest.raises(AccessDenied) as caught:
        strict.current()
    [event] = site.events
    assert (event.reason, event.reasons) == ("rule", caught.value.reasons)
    assert strict.session == {}
    site.driver.settle()
    assert revoked(site) == ["refresh-1"]


def test_an_outage_logs_nobody_out(browser, site):
    browser.log_in()
    before = dict(browser.session)
    site.answers[PROFILE] = TransportError("down")
    with pytest.raises(RightsUnknown):
        browser.current(max_age=0)
    assert browser.session == before
    assert browser.current().user == browser.user


def test_the_policy_is_that_of_the_application(make_browser, clock):
    short = make_browser(policy=SessionPolicy(idle_timeout=100)).log_in()
    usual = make_browser().log_in()
    clock.now += 100
    assert short.load().ending.reason == "idle"
    assert usual.load().ending is None


# --- its end --------------------------------------------------------------------------


def test_a_session_that_is_over_is_told_by_the_request_that_finds_it(browser, site, clock):
    browser.log_in()
    browser.session["basket"] = 1
    clock.now += 7200
    assert browser.current().ending.reason == "idle"
    assert (reasons(browser.told), browser.session) == (["idle"], {})
    assert browser.at_once() is None
    site.driver.settle()
    assert (len(browser.told), site.events, revoked(site)) == (1, [], ["refresh-1"])


@pytest.mark.parametrize("may_set_cookies", [True, False])
def test_a_lost_session_is_told_when_the_browser_forgets_it(stored, clock, site, may_set_cookies):
    stored.log_in()
    [record] = site.records.of_owner("user:1")
    site.records.delete(record.key, expected=record.version)
    clock.now += 1
    lost = stored.load(may_set_cookies=may_set_cookies, path="/peering")
    assert lost.ending == Ending(reason="lost")
    told = [(event.kind, event.reason, event.path) for event in stored.told]
    assert told == ([("session_ended", "lost", "/peering")] if may_set_cookies else [])
    assert stored.session == {}


def test_a_session_that_an_operator_has_ended_is_not_told_by_a_request(stored, site, clock):
    stored.log_in()
    stored.run(stored.visitors.sessions.end_all(1))
    clock.now += 1
    assert stored.load().ending.reason == "operator"
    assert (stored.told, stored.session, reasons(site.events)) == ([], {}, ["operator"])


def test_a_session_that_has_ended_is_read_once(stored, site, clock):
    stored.log_in()
    stored.run(stored.visitors.sessions.end_all(1))
    clock.now += 1
    site.records.reads.clear()
    stored.load()
    assert len(site.records.reads) == 1


def test_a_logout_revokes_the_tokens_before_the_answer(browser, site):
    browser.log_in()
    browser.session["basket"] = 1
    result = browser.run(browser.visitors.end(browser.visit(), "logout"))
    assert result == (browser.user, ())
    assert (reasons(browser.told), revoked(site), browser.session) == (
        ["logout"],
        ["refresh-1"],
        {},
    )
    assert site.driver.later == []
    assert browser.run(browser.visitors.end(browser.visit(), "logout")) is None


def test_a_logout_says_that_peeringdb_could_not_be_told(browser, site):
    browser.log_in()
    site.answers[REVOKE] = TransportError("it is down")
    user, problems = browser.run(browser.visitors.end(browser.visit(), "logout"))
    assert (user, browser.session) == (browser.user, {})
    assert problems == ("PeeringDB could not be told: it is down",)
    assert problems[0].code == "not_revoked"


def test_a_logout_leaves_the_tokens_to_a_process_that_is_asking_peeringdb(stored, site):
    stored.log_in()
    stored.run(site.sessions.claim(stored.load()))
    stored.run(stored.visitors.end(stored.visit(), "logout"))
    assert (reasons(stored.told), revoked(site), stored.session) == (["logout"], [], {})


def test_a_logout_while_the_store_is_down_changes_nothing(stored, site):
    stored.log_in()
    before = dict(stored.session)
    site.records.before_put = refuse
    with pytest.raises(RecordsUnavailable):
        stored.run(stored.visitors.end(stored.visit(), "logout"))
    assert (stored.session, revoked(site)) == (before, [])


def test_nobody_can_log_out_whose_session_is_over(browser, clock):
    browser.log_in()
    clock.now += 7200
    assert browser.run(browser.visitors.end(browser.visit(), "logout")) is None
    assert reasons(browser.told) == ["idle"]


def test_a_login_that_the_application_drops_is_revoked_behind_the_answer(browser, site):
    browser.run(browser.visitors.drop(browser.visit(), "operator"))  # nobody is logged in
    browser.log_in()
    browser.run(browser.visitors.drop(browser.visit(), "operator"))
    assert (reasons(browser.told), revoked(site)) == (["operator"], [])
    site.driver.settle()
    assert revoked(site) == ["refresh-1"]
    browser.run(browser.visitors.drop(browser.visit(), "operator"))
    assert len(browser.told) == 1


# --- another login in the same browser ------------------------------------------------


def end_previous(browser, user_id):
    return browser.run(browser.visitors.end_previous(browser.visit(), User(id=user_id)))


def test_who_logs_in_anew_keeps_what_else_is_in_the_session(browser, site):
    browser.log_in()
    browser.session["basket"] = 1
    assert end_previous(browser, 1) == (True, browser.user)
    assert browser.session == {"basket": 1}
    assert (reasons(browser.told), site.events) == (["replaced"], [])
    site.driver.settle()
    assert revoked(site) == ["refresh-1"]


def test_another_person_gets_nothing_of_the_session(browser):
    browser.log_in()
    browser.session["basket"] = 1
    assert end_previous(browser, 2) == (False, None)
    assert (browser.session, reasons(browser.told)) == ({}, ["replaced"])


def test_the_first_login_of_a_browser_keeps_the_session(browser):
    browser.session["basket"] = 1
    assert end_previous(browser, 1) == (False, None)
    assert (browser.session, browser.told) == ({"basket": 1}, [])


def test_a_session_that_is_over_is_cleared_for_the_next_login(browser, clock):
    browser.log_in()
    browser.session["basket"] = 1
    clock.now += 7200
    assert end_previous(browser, 1) == (False, None)
    assert (browser.session, reasons(browser.told)) == ({}, ["idle"])


def test_a_session_that_nobody_can_read_is_cleared_for_the_next_login(browser):
    browser.session |= {SESSION_KEY: "of another version", "basket": 1}
    assert end_previous(browser, 1) == (False, None)
    assert browser.session == {}


def test_who_they_were_is_unknown_if_their_networks_are(make_browser):
    here, there = (make_browser(in_store=False) for _ in range(2))
    network = here.user.networks[0]
    networks = tuple(replace(network, id=n, asn=4_200_000_000 + n) for n in range(1, 300))
    here.user = replace(here.user, networks=networks)
    there.session = here.log_in().session
    assert end_previous(there, 1) == (True, None)


# --- purge ----------------------------------------------------------------------------


def test_a_purge_starts_once_a_minute_behind_an_answer(browser, site, clock):
    clock.now += 59
    browser.current()
    browser.at_once()
    assert site.driver.later == []
    clock.now += 1
    browser.at_once()
    assert [step.name for step in site.driver.later] == ["purge"]
    browser.current()
    clock.now += 59
    browser.current()
    assert len(site.driver.later) == 1
    clock.now += 1
    browser.current()
    assert [step.name for step in site.driver.later] == ["purge"] * 2


def test_a_purge_that_starts_by_itself_ends_what_is_over(stored, site, clock):
    stored.log_in()
    clock.now += 7200
    stored.run(stored.visitors.current(request()))
    site.driver.settle()
    assert reasons(site.events) == ["idle"]
