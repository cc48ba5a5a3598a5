"""A real Chromium before the demo. Screenshots go to the directory in $PORTAL_SCREENSHOTS, if there is one."""

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from peeringdb_oauth.sandbox import Sandbox

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Person:
    """Somebody before a browser of their own, who knows what they want to press."""

    def __init__(self, page: Page, portal: str, pdb: str) -> None:
        self.page = page
        self.portal = portal
        self.pdb = pdb

    def press(self, name, *, role="button", exact=True):
        self.page.get_by_role(role, name=name, exact=exact).click()

    def choose(self, login):
        """At PeeringDB: log in as one of its people, with a second factor."""
        self.page.locator(f'button[name="person"][value="{login}"]').click()
        self.press("Code of an authenticator app")

    def start(self, login):
        """From the portal to PeeringDB's question whether the portal may know."""
        self.page.goto(self.portal)
        self.press("Log in with PeeringDB", role="link")
        self.choose(login)
        expect(self.page.get_by_role("button", name="Authorize")).to_be_visible()

    def log_in(self, login):
        self.start(login)
        self.press("Authorize")
        expect(self.heading("Your networks")).to_be_visible()

    def heading(self, name):
        return self.page.get_by_role("heading", name=name, level=1)

    def network(self, asn):
        """The part of the page about one network."""
        return self.page.get_by_role("listitem").filter(has=self.page.get_by_role("heading", name=f"AS{asn}", exact=False))

    def request_peering(self, asn):
        self.network(asn).get_by_role("button").click()

    def photograph(self, name):
        if directory := os.environ.get("PORTAL_SCREENSHOTS"):
            self.page.wait_for_load_state()
            self.page.screenshot(path=Path(directory) / f"{name}.png")


@pytest.fixture(scope="module")
def chromium():
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.fail("these tests need Chromium: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def pdb():
    with Sandbox(tls=False) as sandbox:
        yield sandbox


@pytest.fixture
def portal(pdb):
    from demo import running_portal  # noqa: PLC0415 - found since the lines above

    with running_portal(pdb) as address:
        yield address


@pytest.fixture
def somebody(chromium, portal, pdb):
    """``somebody()``: a person with a fresh browser, in which nothing goes wrong unseen and nothing comes from elsewhere."""
    contexts, complaints, documents = [], [], set()

    def watch(request):
        if urlsplit(request.url).hostname != "127.0.0.1":
            complaints.append(f"a request to {request.url}")
        if request.is_navigation_request():
            documents.add(request.url)

    def hear(message):
        # A page that says 403 on purpose is an error to the console as well.
        if message.type in ("error", "warning") and message.location["url"] not in documents:
            complaints.append(message.text)

    def somebody(**options):
        context = chromium.new_context(**({"viewport": {"width": 1200, "height": 800}} | options))
        context.set_default_timeout(8000)
        contexts.append(context)
        context.on("request", watch)
        context.on("console", hear)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return Person(context.new_page(), portal, pdb.url)

    yield somebody
    for context in contexts:
        context.close()
    assert complaints == []
