"""What people do in a browser, at each of the three portals, by https."""

import re

import pytest
from playwright.sync_api import expect
from reading import challenges, issued, readable

pytestmark = pytest.mark.browser

# The portal gets these too, because cookies do not depend on the port.
OF_PEERINGDB = {"sandbox_session", "oauth_session", "csrftoken"}


def test_a_login_leads_to_the_networks(somebody):
    ada = somebody()
    ada.log_in("orgadmin")
    expect(ada.page).to_have_url(f"{ada.portal}/networks/")
    expect(ada.page.get_by_role("banner")).to_contain_text("Ada Admin")
    expect(ada.network(64500)).to_contain_text(
        "You may read, update, create entries, delete, manage peering sessions"
    )


def test_a_login_leads_back_to_the_page_that_was_asked_for(somebody):
    mel = somebody()
    mel.go_to("/networks/64501/")
    mel.choose("member")
    mel.press("Authorize")
    expect(mel.page).to_have_url(f"{mel.portal}/networks/64501/")
    expect(mel.heading("AS64501 Example Net Two")).to_be_visible()


def test_two_tabs_log_in_at_once_and_each_reaches_its_page(somebody):
    one = somebody()
    two = one.open_tab()
    one.go_to("/networks/64500/")
    one.choose("member")
    two.go_to("/networks/64501/")
    two.press("Authorize")
    expect(two.heading("AS64501 Example Net Two")).to_be_visible()
    one.press("Authorize")
    expect(one.heading("AS64500 Example Net One")).to_be_visible()
    two.page.reload()
    expect(two.heading("AS64501 Example Net Two")).to_be_visible()


def test_the_back_button_does_not_end_a_login(somebody):
    mel = somebody()
    mel.log_in("member")
    mel.page.go_back()
    expect(mel.heading("Your networks")).to_be_visible()
    expect(mel.page.get_by_role("banner")).to_contain_text("Mel Member")


def test_a_person_who_cancels_at_peeringdb_can_try_again(somebody):
    mel = somebody()
    mel.go_to("/networks/64501/")
    mel.choose("member")
    mel.press("Cancel")
    expect(mel.heading("You cancelled the login")).to_be_visible()
    mel.press("Log in with PeeringDB", role="link")
    mel.press("Authorize")
    expect(mel.heading("AS64501 Example Net Two")).to_be_visible()


def test_a_login_that_took_too_long_can_be_started_again(somebody, portal):
    mel = somebody()
    mel.start("member")
    portal.advance(601)
    mel.press("Authorize")
    expect(mel.heading("This login took too long")).to_be_visible()
    expect(mel.page.get_by_role("main")).to_contain_text("within ten minutes")
    mel.press("Log in with PeeringDB", role="link")
    mel.press("Authorize")
    expect(mel.heading("Your networks")).to_be_visible()


def test_a_forged_callback_does_nothing(somebody):
    mel = somebody()
    mel.log_in("member")
    mel.go_to("/login/peeringdb/callback?code=abc&state=forged")
    expect(mel.heading("This login was not started here")).to_be_visible()
    mel.press("Back to your networks", role="link")
    expect(mel.page.get_by_role("banner")).to_contain_text("Mel Member")


def test_the_callback_of_another_browser_is_refused(somebody, pdb):
    attacker, victim = somebody(), somebody()
    started = attacker.page.context.request.get(
        f"{attacker.portal}/login/peeringdb", max_redirects=0
    )
    victim.page.goto(pdb.log_in("orgadmin", started.headers["location"]))
    expect(victim.heading("This login was not started here")).to_be_visible()
    victim.go_to("/")
    expect(victim.page.get_by_role("link", name="Log in with PeeringDB")).to_be_visible()


def test_the_page_of_another_network_is_refused_with_the_reason(somebody):
    lim = somebody()
    lim.log_in("limited")
    lim.go_to("/networks/64510/")
    expect(lim.heading("You are not affiliated with AS64510")).to_be_visible()
    expect(lim.page.get_by_role("alert")).to_have_text(
        "You are not affiliated with AS64510 at PeeringDB"
    )


def test_a_right_that_is_missing_is_named(somebody):
    lim = somebody()
    lim.log_in("limited")
    lim.request_peering(64500)
    expect(lim.page.get_by_role("status")).to_contain_text("Peering for AS64500 is requested.")
    lim.request_peering(64501)
    for _ in range(2):
        expect(lim.page.get_by_role("alert")).to_contain_text(
            "AS64501: you may read this network but not update it"
        )
        lim.page.reload()


def test_a_login_needs_a_member(somebody, pdb):
    pdb.change("member", networks={64510: 15, 65550: 15})
    mel = somebody()
    mel.start("member")
    mel.press("Authorize")
    for _ in range(2):
        expect(mel.heading("You have no access here")).to_be_visible()
        expect(mel.page.get_by_role("alert")).to_contain_text("AS64510 is suspended at Example-IX")
        expect(mel.page.get_by_role("alert")).to_contain_text(
            "AS65550 does not let its people in with PeeringDB"
        )
        expect(mel.page.get_by_role("banner")).not_to_contain_text("Mel Member")
        mel.page.reload()


def test_a_person_acts_for_the_chosen_member(somebody):
    ada = somebody()
    ada.log_in("orgadmin")
    ada.act_as(64501)
    ada.press("Port", role="link")
    expect(ada.heading("Port of AS64501 Example Net Two")).to_be_visible()
    ada.press("Take the port out of service")
    expect(ada.page.get_by_role("status")).to_have_text(
        "The port of AS64501 Example Net Two is out of service."
    )


def test_a_person_who_loses_the_right_can_no_longer_act(somebody, pdb):
    ada = somebody()
    ada.log_in("orgadmin")
    ada.act_as(64501)
    ada.press("Port", role="link")
    pdb.change("orgadmin", networks={64500: 15})
    ada.press("Take the port out of service")
    expect(ada.page.get_by_role("alert")).to_have_text(
        "You are not linked to AS64501 at Example-IX"
    )
    expect(ada.page.get_by_role("banner")).not_to_contain_text("acting as")


def test_a_member_that_was_not_offered_cannot_be_chosen(somebody):
    ada = somebody()
    ada.log_in("orgadmin")
    ada.page.get_by_label("Act as").locator("option").first.evaluate(
        "option => option.value = '64510'"
    )
    ada.press("Choose")
    expect(ada.page.get_by_role("alert")).to_have_text(
        "You are not linked to AS64510 at Example-IX"
    )
    expect(ada.page.get_by_role("banner")).not_to_contain_text("acting as")


def test_a_page_that_needs_a_second_factor_asks_for_it(somebody):
    ada = somebody()
    ada.log_in("orgadmin", "Backup code")
    ada.act_as(64500)
    ada.press("Port", role="link")
    ada.choose("orgadmin")
    expect(ada.heading("Port of AS64500 Example Net One")).to_be_visible()


def test_a_second_factor_is_asked_for_once_and_its_absence_explained(somebody):
    ada = somebody()
    ada.log_in("orgadmin", "Backup code")
    ada.act_as(64500)
    ada.press("Port", role="link")
    ada.choose("orgadmin", "Backup code")
    expect(ada.page.get_by_role("alert")).to_contain_text("You logged in without a second factor")
    ada.photograph("no-second-factor")
    ada.press("Log in again", role="link")
    ada.choose("orgadmin")
    expect(ada.heading("Port of AS64500 Example Net One")).to_be_visible()


def test_every_page_can_be_read_by_everybody(somebody, portal):
    ada = somebody()

    def look(name):
        ada.look_at(f"{portal.framework}-{name}")

    ada.go_to("/")
    look("welcome")
    ada.press("Use another PeeringDB account", role="link")
    look("other-account")
    ada.start("limited")
    ada.press("Cancel")
    expect(ada.heading("You cancelled the login")).to_be_visible()
    look("cancelled")
    ada.press("Log in with PeeringDB", role="link")
    ada.press("Authorize")
    expect(ada.heading("Your networks")).to_be_visible()
    ada.go_to("/port/")
    look("choose")
    ada.page.get_by_label("Act as").select_option("64501")
    ada.press("Show the port")
    expect(ada.heading("Port of AS64501 Example Net Two")).to_be_visible()
    ada.go_to("/networks/")
    look("networks")
    ada.go_to("/networks/64501/")
    look("network")
    ada.press("Request peering for AS64501")
    expect(ada.page.get_by_role("alert")).to_be_visible()
    look("refused")
    ada.go_to("/port/")
    look("port")
    ada.go_to("/nowhere")
    look("not-found")


@pytest.mark.parametrize("with_scripts", [True, False])
def test_another_account_with_a_second_factor_logs_in(somebody, with_scripts):
    person = somebody(java_script_enabled=with_scripts)
    person.log_in("orgadmin")
    person.go_to("/networks/64511/")
    person.press("Use another PeeringDB account", role="link")
    person.log_out_at_peeringdb()
    person.press("Log in with PeeringDB", role="link")
    person.choose("limited")
    person.press("Authorize")
    expect(person.page.get_by_role("alert")).to_contain_text("AS64511")
    expect(person.page.get_by_role("banner")).to_contain_text("Lim Ited")


def test_who_forgets_to_log_out_at_peeringdb_finds_the_way(somebody):
    person = somebody()
    person.log_in("orgadmin")
    person.press("Log out")
    person.press("Use another PeeringDB account", role="link")
    choice = person.page.url
    person.press("Log in with PeeringDB", role="link")
    person.choose("member")
    expect(person.heading("Server Error (500)")).to_be_visible()
    while person.page.url != choice:
        person.page.go_back()
    person.log_out_at_peeringdb()
    person.press("Log in with PeeringDB", role="link")
    person.choose("member")
    person.press("Authorize")
    expect(person.page.get_by_role("banner")).to_contain_text("Mel Member")


def test_a_colleague_who_gives_the_second_factor_learns_how(somebody):
    person = somebody()
    person.log_in("orgadmin", "Backup code")
    person.act_as(64500)
    person.press("Port", role="link")
    person.choose("limited")
    expect(person.heading("Server Error (500)")).to_be_visible()
    person.go_to("/port/")
    expect(person.page.get_by_role("alert")).to_contain_text("second factor")
    person.press("Use another PeeringDB account", role="link")
    person.log_out_at_peeringdb()
    person.press("Log in with PeeringDB", role="link")
    person.choose("limited")
    person.press("Authorize")
    expect(person.page.get_by_role("banner")).to_contain_text("Lim Ited")


def test_after_a_logout_the_back_button_shows_nothing_private(somebody):
    ada = somebody()
    ada.log_in("orgadmin")
    ada.go_to("/networks/64500/")
    ada.press("Log out")
    expect(ada.page.get_by_role("status")).to_have_text("You are logged out.")
    ada.page.go_back()
    expect(ada.heading("Authorize Example-IX peering portal?")).to_be_visible()
    expect(ada.page.get_by_text("Example Net One")).to_have_count(0)


def test_cookies_cannot_be_read_by_scripts_and_hold_no_secret(somebody, database):
    ada = somebody()
    ada.start("orgadmin")
    before = cookies_of(ada)
    ada.press("Authorize")
    expect(ada.heading("Your networks")).to_be_visible()
    ada.act_as(64501)
    after = cookies_of(ada)
    for cookie in (*before, *after):
        flags = (
            cookie["secure"],
            cookie["httpOnly"],
            cookie["sameSite"],
            cookie["path"],
            cookie["domain"],
        )
        assert flags == (True, True, "Lax", "/", "127.0.0.1"), cookie["name"]
    assert not [
        cookie["name"]
        for cookie in (*before, *after)
        if cookie["name"] in ada.page.evaluate("document.cookie")
    ]
    assert [cookie["name"][:23] for cookie in before] == ["__Host-peeringdb-login-"]
    assert "__Host-session" in {cookie["name"] for cookie in after}
    given_away = readable(cookie["value"] for cookie in (*before, *after))
    assert len(issued(database)) == 2
    assert not [token for token in issued(database) if token in given_away]


def test_browsers_must_stay_with_https(somebody):
    assert "max-age" in somebody().go_to("/").headers["strict-transport-security"]


def test_the_verifier_of_a_login_cannot_be_read(somebody):
    ada, asked = somebody(), []
    ada.page.on(
        "request",
        lambda request: asked.extend(re.findall("[?&]code_challenge=([^&]+)", request.url)),
    )
    ada.start("orgadmin")
    assert asked
    assert not challenges(readable(cookie["value"] for cookie in cookies_of(ada))) & set(asked)


def cookies_of(person):
    """Return the cookies of the portal."""
    return [
        cookie
        for cookie in person.page.context.cookies(person.portal)
        if cookie["name"] not in OF_PEERINGDB
    ]
