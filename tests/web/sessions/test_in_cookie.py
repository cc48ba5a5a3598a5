"""What lies in the framework's session if there is no store."""

import json

import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import InvalidResponse, TokenRejected
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.web import SESSION_KEY


def networks(count):
    return [
        {
            "id": n,
            "asn": 4_200_000_000 + n,
            "name": f"Net {n}",
            "perms": 1,
            "manage_peering_sessions": 15,
        }
        for n in range(1, count + 1)
    ]


def size(browser):
    return len(json.dumps(browser.session[SESSION_KEY]["user"]))


def stored(browser):
    """What the session itself says, in another process."""
    return browser.flow.visitors._sessions._read(browser.visit("/"))


def test_a_user_with_few_networks_is_stored_whole(browser, profile):
    profile(networks=networks(40))
    browser.log_in()
    assert size(browser) <= 2000
    assert stored(browser).user == browser.user()
    assert not stored(browser).is_short


def test_a_long_list_of_networks_stays_in_memory(browser, profile):
    profile(networks=networks(300))
    browser.log_in()
    assert size(browser) <= 2000
    assert (stored(browser).user.networks, stored(browser).is_short) == ((), True)
    assert len(browser.user().networks) == 300


def test_the_networks_that_the_rule_names_stay_in_the_session(make_browser, profile):
    browser = make_browser(rule=AccessRule(asn=(4_200_000_002, 4_200_000_300, 64500)))
    profile(networks=networks(300))
    browser.log_in()
    assert stored(browser).user.asns == (4_200_000_002, 4_200_000_300)
    assert len(browser.user().networks) == 300


@pytest.mark.parametrize(
    "long",
    [
        {"name": "n" * 1000, "given_name": "é" * 1000},
        {"email": "e" * 1000, "family_name": "f" * 1000},
        {"amr": ["x" * 1000, "y" * 1000, "mfa"]},
    ],
)
def test_a_user_with_long_fields_takes_less_than_two_kilobytes(make_browser, profile, long):
    browser = make_browser(rule=AccessRule(asn=4_200_000_001))
    profile(networks=networks(300), **long)
    browser.log_in()
    user = stored(browser).user
    assert size(browser) <= 2000
    assert (user.id, user.verified_user, user.verified_email, user.asns) == (
        1,
        True,
        True,
        (4_200_000_001,),
    )
    assert "mfa" in user.amr
    assert len(browser.user().networks) == 300


def test_too_many_networks_of_the_rule_stay_in_memory(make_browser, profile):
    browser = make_browser(rule=AccessRule(asn=range(4_200_000_001, 4_200_000_301)))
    profile(networks=networks(300), amr=["pwd"])
    browser.log_in()
    user = stored(browser).user
    assert size(browser) <= 2000
    assert (user.networks, user.amr, user.verified_user) == ((), None, True)
    assert len(browser.user().networks) == 300


@pytest.mark.parametrize(
    "value", [{}, {"user": []}, {"user": None}, {"user": [7], "more": 1}, "text", 7, [1], None]
)
def test_a_session_that_cannot_be_read_has_no_login(browser, value):
    browser.session[SESSION_KEY] = value
    assert browser.user() is None


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"user": [0, "", "", "", None, False, False, None, []]},
        {"ending": {"reason": "logout"}},
        {"ending": "logout"},
        {"csrf_token": 7},
    ],
)
def test_a_session_of_another_version_has_no_login(browser, change):
    browser.log_in()
    browser.session[SESSION_KEY] |= change
    assert browser.user() is None


@pytest.mark.parametrize(
    "other", [{"client_id": "another"}, {"base_url": "https://auth.example.net"}]
)
def test_a_login_counts_for_one_application_at_one_peeringdb(browser, make_browser, other):
    browser.log_in()
    elsewhere = make_browser(**other)
    elsewhere.session = browser.session
    assert elsewhere.user() is None
    assert browser.user() is not None


def test_tokens_that_cannot_be_opened_end_the_login(browser, server):
    browser.log_in()
    browser.session[SESSION_KEY] |= {"tokens": "garbage"}
    before = len(server.received)
    with pytest.raises(TokenRejected):
        browser.user(max_age=0)
    assert len(server.received) == before
    assert browser.session == {}


def test_the_profile_of_another_user_is_refused(browser, profile):
    browser.log_in()
    profile(id=999)
    with pytest.raises(
        InvalidResponse, match=r"^PeeringDB answered with somebody else's profile$"
    ) as caught:
        browser.user(max_age=0)
    assert caught.value.check == "id"
    assert browser.user().id == 1


def test_what_a_process_knows_better_is_written_into_the_session(browser, clock, profile):
    browser.log_in()
    profile(networks=networks(1))
    clock.now += 900
    browser.user()
    assert len(stored(browser).user.networks) == 3
    browser.user()
    assert len(stored(browser).user.networks) == 1
    assert stored(browser).checked_at == clock.now


def test_an_older_cookie_does_not_bring_old_rights_back(browser, clock, profile):
    browser.log_in()
    old = dict(browser.session)
    profile(networks=[])
    clock.now += 1800
    browser.user()
    browser.session.clear()
    browser.session.update(old)
    assert browser.user().networks == ()


def test_a_cookie_of_another_process_may_know_better(make_browser, clock, profile):
    here, there = make_browser(), make_browser()
    here.log_in()
    clock.now += 1800
    here.user()
    there.session = here.session
    clock.now += 1800
    profile(networks=[])
    there.user()
    assert here.user().networks == ()


def test_a_session_is_not_written_again_at_each_visit(browser, clock):
    browser.log_in()
    before = browser.session[SESSION_KEY]
    clock.now += 59
    browser.user()
    assert browser.session[SESSION_KEY] is before
    clock.now += 1
    browser.user()
    assert browser.session[SESSION_KEY]["seen_at"] == clock.now


def test_a_user_survives_the_way_into_the_session_and_back(browser, profile, clock):
    profile(networks=networks(2), amr=["pwd"])
    browser.log_in()
    browser.session = json.loads(json.dumps(browser.session))  # as a framework stores it
    assert browser.user() == User(
        id=1,
        name=browser.user().name,
        given_name=browser.user().given_name,
        family_name=browser.user().family_name,
        email=browser.user().email,
        verified_email=True,
        verified_user=True,
        networks=tuple(
            Network(
                id=n,
                asn=4_200_000_000 + n,
                name=f"Net {n}",
                perms=Permission.READ,
                manage_peering_sessions=Permission(15),
            )
            for n in (1, 2)
        ),
        amr=("pwd",),
    )
    assert stored(browser).logged_in_at == clock.now


@pytest.fixture
def processes(make_browser, profile):
    """One browser with 300 networks, in each of two processes of one site."""
    profile(networks=networks(300))
    rule = AccessRule(asn=4_200_000_001)
    first, second = make_browser(rule=rule), make_browser(rule=rule)
    first.log_in()
    second.session = first.session
    return first, second


def visit_often(processes):
    return {len(process.user().networks) for _ in range(10) for process in processes}


def test_two_processes_ask_once_each_for_networks_that_the_cookie_lacks(processes, server):
    assert visit_often(processes) == {300}
    assert server.paths().count("/profile/v1") == 2  # one of them at the login
    assert [process.kinds() for process in processes] == [["login"], []]


def test_a_recheck_of_one_process_is_one_for_the_other_too(processes, server, clock):
    visit_often(processes)
    for number, process in enumerate(processes):
        clock.now += 901
        process.user()
        process.user()  # the re-check was behind the answer before; now the cookie has it
        assert visit_often(processes) == {300}
        assert server.paths().count("/profile/v1") == 3 + number


def test_after_a_change_at_peeringdb_the_old_networks_of_a_process_do_not_count(
    processes, server, profile, clock
):
    visit_often(processes)
    profile(networks=networks(299))
    clock.now += 901
    processes[0].user()
    processes[0].user()
    assert visit_often(processes) == {299}
    assert server.paths().count("/profile/v1") == 4  # each once more


def test_the_order_in_which_peeringdb_lists_networks_is_no_change(processes, server, profile):
    visit_often(processes[:1])
    profile(networks=networks(300)[::-1])
    assert visit_often(processes) == {300}
    assert server.paths().count("/profile/v1") == 2


def test_a_process_that_knows_nothing_yet_keeps_the_digest_in_the_cookie(processes, server, clock):
    first, second = processes
    clock.now += 61  # so that the use of the session is written before PeeringDB is asked
    assert visit_often([second, first]) == {300}
    assert server.paths().count("/profile/v1") == 2
