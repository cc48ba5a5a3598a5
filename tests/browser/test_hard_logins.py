"""Logins that fail on other sites, by the reports of people who run them.

At each of the three portals, by https.
"""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

NETWORKS = "Your networks"
# The script of a dashboard. It asks every 20 milliseconds instead of every second, so
# that the test need not wait.
POLL = """() => {
  window.statuses = [];
  const ask = async () => {
    window.statuses.push((await fetch("/me")).status);
    setTimeout(ask, 20);
  };
  ask();
}"""


def requests_to(person, path):
    """Return a list that gets the method of each request of a tab for a path."""
    seen = []
    person.page.on(
        "request",
        lambda request: urlsplit(request.url).path == path and seen.append(request.method),
    )
    return seen


def test_a_double_click_on_authorize_logs_in(somebody):
    mel = somebody()
    mel.start("member")
    mel.page.get_by_role("button", name="Authorize").hover()
    callbacks = []

    def click():
        mel.page.mouse.down()
        mel.page.mouse.up()

    def receive(event):
        """Click once more when the portal has answered the first callback."""
        callbacks.append(event["request"]["url"])
        if len(callbacks) == 1:
            click()
        else:
            browser.send("Fetch.continueRequest", {"requestId": event["requestId"]})

    browser = mel.page.context.new_cdp_session(mel.page)
    answers = {"urlPattern": "*/login/peeringdb/callback*", "requestStage": "Response"}
    browser.send("Fetch.enable", {"patterns": [answers]})
    browser.on("Fetch.requestPaused", receive)
    click()
    expect(mel.heading(NETWORKS)).to_be_visible()
    expect(mel.page.get_by_role("banner")).to_contain_text("Mel Member")
    first, second = (parse_qs(urlsplit(url).query) for url in callbacks)
    assert first["state"] == second["state"]
    assert first["code"] != second["code"]


def test_a_dashboard_that_asks_all_the_time_disturbs_no_login(somebody):
    mel = somebody(bypass_csp=True)  # the portals have no scripts
    dashboard = mel.open_tab()
    dashboard.go_to("/")
    dashboard.page.evaluate(POLL)
    mel.start("member")
    dashboard.page.wait_for_function("statuses.length > 20")
    assert set(dashboard.page.evaluate("statuses")) == {401}
    mel.press("Authorize")
    expect(mel.heading(NETWORKS)).to_be_visible()
    dashboard.page.wait_for_function("statuses.at(-1) == 200")


def test_a_page_that_refuses_its_people_stops_the_circle(somebody):
    mel = somebody()
    mel.go_to("/staff/")
    mel.choose("member")
    asked = requests_to(mel, "/oauth2/authorize/")
    mel.press("Authorize")
    title = "You are logged in as Mel Member and may not see this page"
    expect(mel.heading(title)).to_be_visible()
    mel.photograph("brake")
    mel.go_to("/staff/")
    expect(mel.heading(title)).to_be_visible()
    assert asked == ["POST"], "PeeringDB is not asked for this page once more"
    mel.press("Log out")
    mel.go_to("/staff/")
    expect(mel.page).to_have_url(re.compile(re.escape(mel.pdb)))


def test_a_form_that_needs_a_second_factor_leads_to_one(somebody):
    ada = somebody()
    ada.log_in("orgadmin", "Backup code")
    ada.act_as(64500)
    # The portals show this form only to people with a second factor.
    ada.network(64500).locator("form").evaluate("form => { form.action = '/port/' }")
    ada.request_peering(64500)
    expect(ada.page.get_by_role("alert")).to_contain_text("second factor")
    ada.photograph("form-without-second-factor")
    ada.press("Log in again", role="link")
    ada.choose("orgadmin")
    ada.press("Port", role="link")
    ada.press("Take the port out of service")
    expect(ada.page.get_by_role("status")).to_contain_text("out of service")


def test_eight_restored_tabs_all_reach_their_pages(somebody):
    """The browser opens all of them at once. The person logs in in one of them."""
    mel = somebody()
    mel.page.goto(f"{mel.pdb}/account/login/")  # the cookie for its forms is there already
    paths = [f"/networks/64501/?tab={number}" for number in range(8)]
    tabs = [mel.open_tab() for _ in paths]
    for tab, path in zip(tabs, paths, strict=True):
        # It does not wait for the page, so all of them open at once.
        tab.page.evaluate("url => { location.href = url }", f"{mel.portal}{path}")
    for tab in tabs:
        expect(tab.page.locator('button[value="member"]')).to_be_visible()
    assert cookie_bytes(mel) < 8192
    tabs[3].choose("member")
    tabs[3].press("Authorize")
    for tab, path in zip(tabs, paths, strict=True):
        if tab is not tabs[3]:  # PeeringDB remembers the person, and sends them on
            wanted = parse_qs(urlsplit(tab.page.url).query)["next"][0]
            tab.page.goto(f"{mel.pdb}{wanted}")
        expect(tab.page).to_have_url(f"{mel.portal}{path}")
        expect(tab.heading("AS64501 Example Net Two")).to_be_visible()
    assert cookie_bytes(mel) < 8192


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("?q=a|b{c}^d`e\\f&r=%25", "?q=a%7Cb%7Bc%7D%5Ed%60e%5Cf&r=%25"),
        (f"?q={'1234567890' * 150}", ""),
    ],
    ids=["odd", "long"],
)
def test_a_deep_link_is_kept(somebody, query, kept):
    mel = somebody()
    mel.go_to(f"/networks/64501/{query}")
    mel.choose("member")
    mel.press("Authorize")
    expect(mel.heading("AS64501 Example Net Two")).to_be_visible()
    expect(mel.page).to_have_url(f"{mel.portal}/networks/64501/{kept}")


def test_the_back_button_and_a_reload_at_every_step_end_well(somebody):
    mel = somebody()

    def go_back_and_forth(step):
        expect(step).to_be_visible()
        mel.page.reload()
        expect(step).to_be_visible()
        mel.page.go_back()
        expect(step).to_have_count(0)
        mel.page.go_forward()
        step.click()

    mel.go_to("/")
    mel.press("Log in with PeeringDB", role="link")
    go_back_and_forth(mel.page.locator('button[value="member"]'))
    go_back_and_forth(mel.page.get_by_role("button", name="Code of an authenticator app"))
    go_back_and_forth(mel.page.get_by_role("button", name="Authorize"))
    expect(mel.heading(NETWORKS)).to_be_visible()
    mel.page.reload()
    expect(mel.heading(NETWORKS)).to_be_visible()
    mel.page.go_back()  # PeeringDB remembers the consent, and sends the person back
    expect(mel.heading(NETWORKS)).to_be_visible()
    mel.page.go_back()
    mel.page.go_back()
    mel.choose("member")  # the same login for the second time
    expect(mel.heading(NETWORKS)).to_be_visible()
    expect(mel.page.get_by_role("banner")).to_contain_text("Mel Member")


def test_a_login_at_another_name_of_the_site_leads_back_to_the_page(somebody):
    mel = somebody()
    other_name = mel.portal.replace("127.0.0.1", "localhost")
    mel.page.goto(f"{other_name}/networks/64501/?q=a|b")
    mel.choose("member")
    mel.press("Authorize")
    expect(mel.page).to_have_url(f"{mel.portal}/networks/64501/?q=a%7Cb")
    expect(mel.heading("AS64501 Example Net Two")).to_be_visible()


def cookie_bytes(person):
    """Return the length of the cookies that the portal gets."""
    cookies = person.page.context.cookies(person.portal)
    return sum(len(f"{cookie['name']}={cookie['value']}; ") for cookie in cookies)
