"""The pages of the portal and of the sandbox in a browser.

All portals have the same pages, so these tests use one of them.
"""

import pytest
from jinja2 import Environment, FileSystemLoader
from playwright.sync_api import expect
from portal_process import PortalProcess

from peeringdb_oauth.web import STYLE_SHEET, TEMPLATES
from peeringdb_oauth.web.languages import choose
from peeringdb_oauth.web.visit import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def portal(pdb, certificate):
    portal = PortalProcess("flask", pdb, certificate=certificate)
    yield portal
    portal.close()


def test_an_admin_logs_in_requests_peering_and_logs_out(somebody):
    ada = somebody()
    ada.page.goto(ada.portal)
    ada.photograph("welcome")
    ada.start("orgadmin")
    ada.photograph("consent")
    ada.press("Authorize")
    expect(ada.network(64500)).to_contain_text(
        "You may read, update, create entries, delete, manage peering sessions"
    )
    ada.request_peering(64500)
    expect(ada.page.get_by_role("status")).to_have_text(
        "Peering for AS64500 is requested. We will write to its contacts at PeeringDB."
    )
    expect(ada.network(64500)).to_contain_text("Peering requested")
    ada.press("Log out")
    expect(ada.page.get_by_role("status")).to_have_text("You are logged out.")
    ada.photograph("logged-out")


def test_rights_that_are_changed_at_peeringdb_show_in_the_portal(somebody):
    mel, admin = somebody(), somebody()
    mel.log_in("member")
    mel.request_peering(64501)
    expect(mel.page.get_by_role("alert")).to_contain_text("not update it")
    admin.page.goto(f"{admin.pdb}/sandbox/people/member/")
    admin.page.get_by_role("group", name="perms on AS64501", exact=True).get_by_label(
        "update"
    ).check()
    admin.page.get_by_role("button", name="Save").first.click()
    mel.press("Back to your networks", role="link")
    mel.request_peering(64501)
    expect(mel.page.get_by_role("status")).to_contain_text("Peering for AS64501 is requested.")


def test_a_fault_that_is_switched_on_at_the_control_page_is_reported(somebody):
    mel, admin = somebody(), somebody()
    mel.log_in("member")
    admin.page.goto(f"{admin.pdb}/sandbox/faults/")
    admin.page.get_by_label("Fault").select_option("outage")
    admin.page.get_by_label("Times").fill("1")
    admin.press("Switch on")
    mel.page.reload()
    expect(mel.heading("PeeringDB is not available")).to_be_visible()
    mel.photograph("outage")
    mel.press("Back to your networks", role="link")
    expect(mel.heading("Your networks")).to_be_visible()


def test_two_people_do_not_see_each_other(somebody):
    ada, mel = somebody(), somebody()
    ada.log_in("orgadmin")
    mel.log_in("member")
    ada.page.reload()
    expect(ada.page.get_by_role("banner")).to_contain_text("Ada Admin")
    expect(mel.page.get_by_role("banner")).to_contain_text("Mel Member")


@pytest.mark.parametrize(
    ("login", "title", "reason"),
    [
        ("unverified", "PeeringDB has not verified your account", "has not verified your account"),
        ("emailunconf", "Your email address is not confirmed", "address is not confirmed"),
    ],
)
def test_an_unverified_person_sees_the_reason(somebody, login, title, reason):
    person = somebody()
    person.page.goto(person.portal)
    person.press("Log in with PeeringDB", role="link")
    person.page.locator(f'button[name="person"][value="{login}"]').click()
    person.press("Authorize")
    expect(person.heading(title)).to_be_visible()
    expect(person.page.get_by_role("alert")).to_contain_text(reason)
    person.photograph(login)


def test_everything_works_with_only_the_keyboard(somebody):
    ada = somebody()
    keyboard = ada.page.keyboard

    def tab_to(name):
        for _ in range(40):
            keyboard.press("Tab")
            focused = ada.page.locator(":focus")
            text, outline = focused.evaluate(
                "element => [element.innerText, getComputedStyle(element).outlineStyle]"
            )
            if text.startswith(name):
                assert outline != "none", f"the focus on {name} cannot be seen"
                return
        pytest.fail(f"{name} cannot be reached")

    ada.page.goto(ada.portal)
    keyboard.press("Tab")
    assert ada.page.evaluate("document.activeElement.innerText") == "Skip to the content"
    keyboard.press("Enter")
    for name in (
        "Log in with PeeringDB",
        "Ada Admin",
        "Code of an authenticator app",
        "Authorize",
        "Request peering",
    ):
        tab_to(name)
        with ada.page.expect_navigation():
            keyboard.press("Enter")
    expect(ada.page.get_by_role("status")).to_contain_text("Peering for AS64500 is requested.")
    tab_to("Log out")
    ada.photograph("keyboard")
    keyboard.press("Enter")
    expect(ada.page.get_by_role("status")).to_have_text("You are logged out.")


def test_three_hundred_networks_stay_usable(somebody):
    many = somebody()
    many.log_in("manynets")
    expect(many.page.get_by_role("main").get_by_role("listitem")).to_have_count(25)
    many.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Page 12").click()
    expect(many.network(4200000300)).to_be_visible()
    many.page.get_by_label("Find a network").fill("net 042")
    many.page.keyboard.press("Enter")
    expect(many.page.get_by_role("main").get_by_role("listitem")).to_have_count(1)
    many.photograph("found")
    many.request_peering(4200000042)
    expect(many.page.get_by_role("status")).to_contain_text("AS4200000042")
    many.photograph("many")


def test_every_page_of_the_sandbox_can_be_read_by_everybody(somebody, pdb):
    una = somebody()

    def open_page(path, name):
        una.page.goto(f"{una.pdb}{path}")
        una.look_at(f"sandbox-{name}")

    pdb.change("tobedisabled", active=False)
    una.go_to("/networks/64500/")
    una.look_at("sandbox-login")
    una.page.locator('button[name="person"][value="tobedisabled"]').click()
    expect(una.page.get_by_role("alert")).to_contain_text("disabled")
    una.look_at("sandbox-disabled")
    una.page.locator('button[name="person"][value="orgadmin"]').click()
    una.look_at("sandbox-second-factor")
    una.press("Code of an authenticator app")
    una.look_at("sandbox-consent")
    for path, name in [
        ("/oauth2/authorize/?client_id=unknown", "authorize-error"),
        ("/", "home"),
        ("/nowhere", "not-found"),
        ("/account/two_factor/", "two-factor"),
        ("/sandbox/", "control"),
        ("/sandbox/people/orgadmin/", "person"),
        ("/sandbox/applications/", "applications"),
        ("/sandbox/faults/", "faults"),
    ]:
        open_page(path, name)
    una.press("New signing key")
    expect(una.page.get_by_role("status")).to_be_visible()
    una.look_at("sandbox-done")
    pdb.fault("error_500", times=1)
    una.page.goto(f"{una.pdb}/oauth2/authorize/")
    assert una.violations() == []


OF_A_FAILURE = {
    "title": "You may read AS64500, not change it",
    "advice": "An administrator of its organisation can give you this right.",
    "login_url": "/login/peeringdb",
    "other_account_url": "/login/peeringdb?prompt=select_account",
}


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("name", "page"),
    [
        (
            "refused",
            {
                "status": 403,
                "reasons": ("AS64500: you may read this network but not update it", "x" * 300),
                "account": "You are logged in as Ada Admin.",
                "home_url": "/",
                "offers_logout": True,
                "cause": "the scope 'amr' is missing",
            },
        ),
        ("no-login-helps", {"status": 502, "reasons": (), "home_url": "/", "offers_login": False}),
        ("logged-out", {"status": 401, "reasons": (), "home_url": None}),
        (
            "other-account",
            {
                "template": "peeringdb_oauth/other_account.html",
                "status": 200,
                "reasons": (),
                "home_url": None,
                "peeringdb_logout_url": "https://auth.peeringdb.com/logout",
            },
        ),
    ],
)
def test_the_pages_of_the_library_can_be_read_by_everybody(somebody, name, page, language):
    labels = choose(language).labels
    content = Page(**OF_A_FAILURE | page, language=language, labels=labels)
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    visitor = somebody()
    visitor.page.set_content(
        environment.get_template(content.template).render(page=content, peeringdb=content)
    )
    visitor.page.add_style_tag(content=STYLE_SHEET)  # no site serves it here
    visitor.look_at(f"library-{name}-{language}")


def test_the_portal_has_landmarks_and_needs_no_script(somebody):
    mel = somebody(java_script_enabled=False)
    mel.log_in("member")
    mel.act_as(64501)
    for landmark in ("banner", "main", "contentinfo"):
        expect(mel.page.get_by_role(landmark)).to_have_count(1)
    assert mel.page.locator("html").get_attribute("lang") == "en"
