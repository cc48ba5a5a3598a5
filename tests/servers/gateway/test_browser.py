"""People log in with Chromium through each proxy."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chromium import start_chromium
from playwright.sync_api import expect, sync_playwright

HERE = ("127.0.0.1", "lg.example.net", "wiki.example.net")


# While Playwright runs, no other test of the process can have an event loop.
@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = start_chromium(playwright, "--host-resolver-rules=MAP *.example.net 127.0.0.1")
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page of a new browser. The test fails if it asks another host."""
    elsewhere = []
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(15_000)
    context.on(
        "request",
        lambda request: urlsplit(request.url).hostname in HERE or elsewhere.append(request.url),
    )
    yield context.new_page()
    context.close()
    assert elsewhere == []


def log_in(page, person):
    page.locator(f'button[name="person"][value="{person}"]').click()
    with page.expect_navigation():
        page.get_by_role("button", name="Code of an authenticator app").click()
    if urlsplit(page.url).hostname == "127.0.0.1":  # PeeringDB remembers who has consented
        page.get_by_role("button", name="Authorize").click()


def shown(page):
    """What the application says of the request."""
    return json.loads(page.locator("body").inner_text())


def test_a_person_logs_in_works_and_logs_out(site, page):
    lg, wiki = site.origins
    address = f"{lg}/members/64500/?a=1&b=%20"
    page.goto(address)
    log_in(page, "orgadmin")
    page.wait_for_url(address)
    assert shown(page)["application"] == "/members/64500/?a=1&b=%20"
    fetched = page.evaluate("fetch('/members/64500/x').then(answer => answer.json())")
    assert fetched["application"] == "/members/64500/x"
    assert site.received[-1].value("X-PeeringDB-Roles") == "Editor"

    page.goto(f"{wiki}/page")  # PeeringDB remembers the person and asks nothing
    page.wait_for_url(f"{wiki}/page")

    page.goto(f"{lg}/_peeringdb/logout")
    page.locator("form button").first.click()
    expect(page.locator("main")).to_contain_text("logged out")
    assert page.goto(f"{lg}/_peeringdb/whoami").status == 401
    page.goto(f"{wiki}/page")  # its login is its own
    assert shown(page)["application"] == "/page"


def test_a_person_is_told_why_they_are_refused(site, page):
    page.goto(f"{site.origins[0]}/members/64501/")
    log_in(page, "limited")
    expect(page.locator("main")).to_contain_text("AS64501")
    assert site.received == []
    if directory := os.environ.get("PORTAL_SCREENSHOTS"):
        page.screenshot(path=Path(directory) / f"gateway-{site.proxy_name}-refused.png")


def test_a_websocket_of_a_person_is_let_in(site, page):
    page.goto(f"{site.origins[0]}/slashes/")
    log_in(page, "manynets")
    page.wait_for_url(f"{site.origins[0]}/slashes/")
    echoed = page.evaluate("""() => new Promise((resolve, reject) => {
        const socket = new WebSocket(location.href.replace('https', 'wss'));
        socket.onopen = () => socket.send('hello');
        socket.onmessage = event => resolve(event.data);
        socket.onerror = () => reject(new Error('refused'));
    })""")
    assert echoed == "hello"
