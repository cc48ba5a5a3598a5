"""The README's Flask example is run as it stands there."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from peeringdb_oauth.sandbox import Sandbox

README = Path(__file__).parent.parent / "README.md"
REDIRECT_URI = "https://portal.example.net/login/peeringdb/callback"


def flask_example() -> str:
    return re.search(r"<!-- run by tests/test_readme.py -->\n```python\n(.+?)```", README.read_text("utf-8"), re.DOTALL)[1]


@pytest.mark.server
def test_flask_example_logs_a_person_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the session files go here
    with Sandbox() as pdb:
        application = pdb.register(REDIRECT_URI)
        monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", application.client_id)
        monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_SECRET", application.client_secret)
        monkeypatch.setenv("PEERINGDB_OAUTH_REDIRECT_URI", REDIRECT_URI)
        monkeypatch.setenv("PEERINGDB_OAUTH_BASE_URL", pdb.url)
        monkeypatch.setenv("PEERINGDB_OAUTH_CA_FILE", pdb.ca_file)
        (tmp_path / "readme_example.py").write_text(flask_example(), "utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        browser = import_module("readme_example").app.test_client()

        callback_url = pdb.log_in("member", browser.get("/login/peeringdb").location)
        page = browser.get(callback_url.removeprefix("https://portal.example.net"))

    assert page.text == "Hello Mel Member, you speak for AS64500, AS64501, AS65550"
