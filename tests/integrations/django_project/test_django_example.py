"""The example in the docstring of the package, served by real servers.

It is added to a new project that ``django-admin startproject`` has made.
"""

import inspect
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import requests
from ports import free_port

from peeringdb_oauth.integrations import django

GUIDE = Path(__file__).parents[3] / "docs" / "django.md"


def block(name):
    """Return the code block of the docstring that has this title."""
    text = re.search(
        rf"^{re.escape(name)}::\n\n((?:    .*\n|\n)+)",
        inspect.cleandoc(django.__doc__),
        re.MULTILINE,
    )[1]
    return textwrap.dedent(text)


def start_page():
    """Return the block of the guide for projects that have no start page."""
    marker = "<!-- run by tests/integrations/django_project/test_django_example.py -->"
    found = re.search(rf"{marker}\n```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return f"\n\n{found[1]}"


class Example:
    """A new project in ``directory``, with the example in it."""

    def __init__(self, directory):
        self.directory = directory
        self.run("-m", "django", "startproject", "example", str(directory))
        with (directory / "example" / "settings.py").open("a") as settings:
            settings.write(block("settings.py"))
        (directory / "example" / "urls.py").write_text(block("urls.py") + start_page())

    def run(self, *command, **environment):
        """Run Python with these arguments, and return its exit code and its output."""
        process = subprocess.run(
            [sys.executable, "-W", "error", *command],
            cwd=self.directory,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return process.returncode, process.stdout + process.stderr


SERVERS = {
    "wsgi": ("manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
    "asgi": ("-m", "uvicorn", "example.asgi:application", "--port", "{port}"),
}


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return Example(tmp_path_factory.mktemp("example"))


@pytest.fixture(params=SERVERS)
def site(request, example, pdb):
    """Serve the project, and return its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    application = pdb.register(f"{url}/login/peeringdb/callback")
    environment = {
        "PEERINGDB_OAUTH_CLIENT_ID": application.client_id,
        "PEERINGDB_OAUTH_CLIENT_SECRET": application.client_secret,
        "PEERINGDB_OAUTH_REDIRECT_URI": application.redirect_uris[0],
        "PEERINGDB_OAUTH_BASE_URL": pdb.url,
        "PEERINGDB_OAUTH_ALLOW_HTTP": "yes",
    }
    assert example.run("manage.py", "check", "--fail-level", "WARNING", **environment)[0] == 0
    assert example.run("manage.py", "migrate", **environment)[0] == 0
    command = [part.format(port=port) for part in SERVERS[request.param]]
    with subprocess.Popen(
        [sys.executable, "-u", *command],
        cwd=example.directory,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert any(url in line for line in process.stdout), "the server says when it listens"
            yield url
        finally:
            process.terminate()


def test_the_example_has_less_than_fifteen_lines():
    lines = [
        line
        for name in ("settings.py", "urls.py")
        for line in block(name).splitlines()
        if line.strip()
    ]
    assert len(lines) < 15


def test_without_settings_the_check_command_names_what_is_missing(example):
    code, output = example.run("manage.py", "check")
    assert code == 0, "without secrets, other commands must work"
    assert (
        "(peeringdb_oauth.W008) client_id (oauth_client_key in /etc/peeringdb_oauth.ini or"
        " PEERINGDB_OAUTH_CLIENT_ID): missing" in output
    )
    assert (
        "(peeringdb_oauth.W008) redirect_uri (redirect_to in /etc/peeringdb_oauth.ini or"
        " PEERINGDB_OAUTH_REDIRECT_URI): missing" in output
    )


def test_the_example_works_on_real_servers(site, pdb):
    with requests.Session() as browser:
        browser.trust_env = False
        start = browser.get(f"{site}/networks/64500", allow_redirects=False)
        assert start.headers["Location"] == "/login/peeringdb?next=/networks/64500"
        login = browser.get(f"{site}{start.headers['Location']}", allow_redirects=False)
        page = browser.get(pdb.log_in("orgadmin", login.headers["Location"]))
        assert (page.url, page.text) == (f"{site}/networks/64500", "Ada Admin may change AS64500")
        refused = browser.get(f"{site}/networks/64511")
        assert (refused.status_code, "not affiliated with AS64511" in refused.text) == (403, True)
        assert browser.post(f"{site}/logout").status_code == 403
        token = browser.cookies["csrftoken"]
        out = browser.post(
            f"{site}/logout", data={"csrfmiddlewaretoken": token}, allow_redirects=False
        )
        assert (out.status_code, out.headers["Location"]) == (303, "/")
        assert browser.get(f"{site}/").text == '<a href="/networks/64500">AS64500</a>'
        assert browser.get(f"{site}/networks/64500", allow_redirects=False).status_code == 302


def test_the_guide_begins_with_the_example():
    guide = GUIDE.read_text()
    assert f"```python\n{block('settings.py').strip()}\n```" in guide
    assert f"```python\n{block('urls.py').strip()}\n```" in guide


def test_the_tests_in_the_guide_pass(example):
    """They run in the example project, with ``manage.py test``."""
    tests = re.search(r"## Tests\n.*?```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1]
    (example.directory / "test_edit.py").write_text(tests)
    code, output = example.run("manage.py", "test")
    assert (code, "Ran 2 tests" in output) == (0, True), output


def test_every_check_is_in_the_guide():
    source = (Path(django.__file__).parent / "checks.py").read_text()
    ids = set(re.findall(r"\b[EW]\d{3}\b", source)) - {"W003"}  # it is within "W002 to W004"
    guide = GUIDE.read_text()
    assert len(ids) > 10
    assert [number for number in sorted(ids) if number not in guide] == []
