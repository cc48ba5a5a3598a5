"""The page and the API of docs/cors.md, in a browser."""

import re
import threading
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect
from ports import free_port
from werkzeug.serving import make_server

from peeringdb_oauth import ClientConfig
from peeringdb_oauth.integrations.flask import PeeringDB, current_user

pytestmark = pytest.mark.browser

PAGE = (Path(__file__).parents[2] / "docs" / "cors.md").read_text("utf-8")
PYTHON, SCRIPT = re.findall(
    r"<!-- run by tests/browser/test_single_page.py -->\n```(?:python|js)\n(.+?)```",
    PAGE,
    re.DOTALL,
)
HTML = """<!doctype html><title>Portal</title><h1>Portal</h1><p id="said"></p><script>
%s
const said = document.getElementById("said");
const say = (promise) => promise.then((body) => said.textContent = JSON.stringify(body))
    .catch((error) => said.textContent = error.message);
const ask = (asn) => say(api(`/api/sessions/${asn}`, { method: "POST" }));
say(api("/api/networks"));
</script>"""


@pytest.fixture
def site(pdb):
    """The address of the site."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    registered = pdb.register(f"{address}/login/peeringdb/callback")
    app = Flask("portal")
    app.secret_key = "only-for-tests-0123456789"
    config = ClientConfig(
        client_id=registered.client_id,
        client_secret=registered.client_secret,
        redirect_uri=f"{address}/login/peeringdb/callback",
        base_url=pdb.url,
        allow_http=True,
    )
    names = {"app": app, "pdb": PeeringDB(app, config=config), "current_user": current_user}
    exec(PYTHON, names)  # noqa: S102 - our own page
    app.get("/app")(lambda: HTML % SCRIPT)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("person", "answer"),
    [("orgadmin", '{"requested":64500}'), ("member", "AS64500: you may not manage")],
)
def test_a_script_logs_in_reads_and_writes(chromium, pdb, site, person, answer):
    page = chromium.new_context().new_page()
    page.goto(f"{site}/app?view=networks")
    page.locator(f'button[name="person"][value="{person}"]').click()
    page.get_by_role("button", name="Code of an authenticator app", exact=True).click()
    page.get_by_role("button", name="Authorize").click()
    said = page.locator("#said")
    expect(said).to_contain_text('{"asn":64500,"name":"Example Net One"}')
    assert page.url == f"{site}/app?view=networks"  # where the login began
    page.evaluate("ask(64500)")
    expect(said).to_contain_text(answer)
    page.context.close()
    pdb.reset()
