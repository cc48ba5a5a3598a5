"""The pages of the portal and of the sandbox in a browser.

All portals have the same pages, so these tests use one of them.
"""

import re

import pytest
from playwright.sync_api import expect
from portal_process import PortalProcess

pytestmark = pytest.mark.browser

# The smallest contrast of a text with its background (WCAG 2.2 section 1.4.3), and
# that text.
SMALLEST_CONTRAST = """() => {
  const parse = (color) => (color.match(/[0-9.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => {
    const part = (value) =>
        (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  let worst = [21, ""];
  for (const element of document.querySelectorAll("body *")) {
    const nodes = [...element.childNodes].filter((node) => node.nodeType === 3);
    const text = nodes.map((node) => node.data.trim()).join("");
    if (!text) continue;
    const color = luminance(parse(getComputedStyle(element).color));
    const [dark, light] = [color, luminance(behind(element))].sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < worst[0]) worst = [contrast, text];
  }
  return worst;
}"""


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
    ("login", "reason"),
    [("unverified", "has not verified your account"), ("emailunconf", "address is not confirmed")],
)
def test_an_unverified_person_sees_the_reason(somebody, login, reason):
    person = somebody()
    person.page.goto(person.portal)
    person.press("Log in with PeeringDB", role="link")
    person.page.locator(f'button[name="person"][value="{login}"]').click()
    person.press("Authorize")
    expect(person.heading("You have no access here")).to_be_visible()
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_in_light_and_dark(somebody, scheme):
    lim = somebody(color_scheme=scheme)

    def read(name):
        lim.page.wait_for_load_state()
        lim.photograph(f"{name}-{scheme}")
        contrast, text = lim.page.evaluate(SMALLEST_CONTRAST)
        assert contrast >= 4.5, text

    lim.go_to("/")
    read("welcome")
    lim.log_in("limited")
    lim.request_peering(64500)
    expect(lim.page.get_by_role("status")).to_be_visible()
    lim.act_as(64501)
    read("networks")
    lim.press("Example Net Two", role="link")
    expect(lim.heading("AS64501 Example Net Two")).to_be_visible()
    read("network")
    lim.press("Request peering for AS64501")
    expect(lim.page.get_by_role("alert")).to_be_visible()
    read("refused")
    lim.press("Port", role="link")
    read("port")
    lim.go_to("/nowhere")
    read("not-found")
    background = lim.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 384) == (scheme == "dark")


def test_a_telephone_shows_everything_without_scrolling_sideways(somebody):
    lim = somebody(viewport={"width": 360, "height": 740})

    def fits(name):
        lim.photograph(f"telephone-{name}")
        assert lim.page.evaluate("document.documentElement.scrollWidth") <= 360

    lim.go_to("/")
    fits("welcome")
    lim.log_in("limited")
    expect(
        lim.network(64501).get_by_role("button", name="Request peering for AS64501")
    ).to_be_visible()
    lim.act_as(64501)
    fits("networks")
    lim.press("Port", role="link")
    fits("port")
    lim.go_to("/networks/64510/")
    fits("refused")


def test_the_portal_has_landmarks_and_needs_no_script(somebody):
    mel = somebody(java_script_enabled=False)
    mel.log_in("member")
    mel.act_as(64501)
    for landmark in ("banner", "main", "contentinfo"):
        expect(mel.page.get_by_role(landmark)).to_have_count(1)
    assert mel.page.locator("html").get_attribute("lang") == "en"
