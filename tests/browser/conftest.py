"""Chromium, the portals and a sandbox.

If ``PORTAL_SCREENSHOTS`` names a directory, screenshots are stored there.
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from axe_playwright_python.sync_playwright import Axe
from chromium import start_chromium
from playwright.sync_api import Page, expect, sync_playwright
from portal_process import PortalProcess

from peeringdb_oauth.sandbox import Sandbox

# Each page is looked at in light and in dark, on a computer and on a telephone.
LOOKS = [
    (scheme, {"width": width, "height": 800})
    for scheme in ("light", "dark")
    for width in (1200, 360)
]
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


class Person:
    """A person with a browser."""

    def __init__(self, page: Page, portal: str, pdb: str) -> None:
        self.page = page
        self.portal = portal
        self.pdb = pdb

    def open_tab(self):
        """Open another tab of the same browser."""
        return Person(self.page.context.new_page(), self.portal, self.pdb)

    def go_to(self, path):
        return self.page.goto(f"{self.portal}{path}")

    def press(self, name, *, role="button", exact=True):
        self.page.get_by_role(role, name=name, exact=exact).click()

    def choose(self, login, factor="Code of an authenticator app"):
        """Log in at PeeringDB as one of its people, with a second factor."""
        self.page.locator(f'button[name="person"][value="{login}"]').click()
        self.press(factor)

    def start(self, login, factor="Code of an authenticator app"):
        """Go from the portal to PeeringDB's question for consent."""
        self.go_to("/")
        self.press("Log in with PeeringDB", role="link")
        self.choose(login, factor)
        expect(self.page.get_by_role("button", name="Authorize")).to_be_visible()

    def log_in(self, login, factor="Code of an authenticator app"):
        self.start(login, factor)
        self.press("Authorize")
        expect(self.heading("Your networks")).to_be_visible()

    def log_out_at_peeringdb(self):
        """Do the first step of the page for another account, in another tab."""
        with self.page.expect_popup() as opened:
            self.press("Log out at PeeringDB", role="link")
        expect(opened.value.get_by_role("heading", name="A local PeeringDB")).to_be_visible()
        opened.value.close()

    def act_as(self, asn):
        self.page.get_by_label("Act as").select_option(str(asn))
        self.press("Choose")
        expect(self.page.get_by_role("banner")).to_contain_text(f"acting as AS{asn}")

    def heading(self, name):
        return self.page.get_by_role("heading", name=name, level=1)

    def network(self, asn):
        """Return the part of the page about one network."""
        return self.page.get_by_role("listitem").filter(
            has=self.page.get_by_role("heading", name=f"AS{asn}", exact=False)
        )

    def request_peering(self, asn):
        self.network(asn).get_by_role("button").click()

    def look_at(self, name):
        """Fail if the page is hard to see or to use in one of the `LOOKS`.

        axe-core finds what is wrong for people who cannot see, or see little.
        """
        page = self.page
        page.wait_for_load_state()
        size = page.viewport_size
        for scheme, screen in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(screen)
            look = f"{name}-{scheme}-{screen['width']}"
            self.photograph(look)
            assert self.violations() == [], look
            assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], look
            colour = [int(part) for part in re.findall(r"\d+", page.evaluate(BACKGROUND))[:3]]
            assert (sum(colour) < 384) == (scheme == "dark"), look
        page.set_viewport_size(size)

    def violations(self):
        """Return what axe-core finds on the page: the rule, and what breaks it."""
        return [
            (rule["id"], [node["html"] for node in rule["nodes"]])
            for rule in Axe().run(self.page).response["violations"]
            if rule["impact"] in ("serious", "critical")
        ]

    def photograph(self, name):
        if directory := os.environ.get("PORTAL_SCREENSHOTS"):
            self.page.wait_for_load_state()
            self.page.screenshot(path=Path(directory) / f"{name}.png")


# While Playwright runs, no other test of the process can have an event loop. So it ends
# with each file.
@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("sandbox") / "db.sqlite3"


@pytest.fixture(scope="package")
def pdb(database):
    with Sandbox(tls=False, database=str(database)) as sandbox:
        yield sandbox


@pytest.fixture(scope="package")
def certificate(tmp_path_factory):
    """The files with a certificate for this machine and its key."""
    directory = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert("127.0.0.1")
    (directory / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(directory / "key.pem")
    return str(directory / "cert.pem"), str(directory / "key.pem")


@pytest.fixture(scope="package", params=["flask", "fastapi", "django"])
def portal(request, pdb, certificate):
    portal = PortalProcess(request.param, pdb, certificate=certificate)
    yield portal
    portal.close()


@pytest.fixture
def somebody(chromium, portal, pdb):
    """``somebody()``: a person with a new browser.

    The test fails if the browser complains, or asks another host.
    """
    contexts, complaints, documents = [], [], set()

    def watch(request):
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost"):
            complaints.append(f"a request to {request.url}")
        if request.is_navigation_request() or request.resource_type == "fetch":
            documents.add(request.url)

    def hear(message):
        # The console also reports an answer whose status is 401 or 403 on purpose.
        if message.type in ("error", "warning") and message.location["url"] not in documents:
            complaints.append(message.text)

    def somebody(**options):
        context = chromium.new_context(
            **({"viewport": {"width": 1200, "height": 800}, "ignore_https_errors": True} | options)
        )
        context.set_default_timeout(8000)
        contexts.append(context)
        context.on("request", watch)
        context.on("console", hear)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return Person(context.new_page(), portal.url, pdb.url)

    yield somebody
    for context in contexts:
        context.close()
    pdb.reset()
    portal.reset()
    assert complaints == []
