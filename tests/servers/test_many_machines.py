"""Two groups of gunicorn behind nginx, with their sessions in one Redis."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests
from nginx import nginx_command
from ports import free_port
from requests.adapters import HTTPAdapter
from store_servers import RedisServer
from urllib3.util import Retry

from peeringdb_oauth.sandbox import Sandbox

APPLICATION = """
import os
from flask import Flask
from peeringdb_oauth.integrations.flask import PeeringDB, current_user

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
pdb = PeeringDB(app)

@app.get("/page")
@pdb.require()
def page():
    return {"user": current_user.id, "group": os.environ["GROUP"], "process": os.getpid()}

@app.get("/")
def start():
    return {}
"""
# People do not choose their machine. The tests do, with the header X-Group.
NGINX = """
    upstream all {{ server 127.0.0.1:{a}; server 127.0.0.1:{b}; }}
    upstream a {{ server 127.0.0.1:{a}; }}
    upstream b {{ server 127.0.0.1:{b}; }}
    map $http_x_group $machine {{ default all; a a; b b; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://$machine;
            proxy_set_header Host $http_host;
            proxy_next_upstream error timeout;
        }}
    }}
"""


class Site:
    """The running site. ``url``: where people find it."""

    def __init__(self, pdb, store, directory):
        self.pdb, self._directory = pdb, directory
        self.port, ports = free_port(), {"a": free_port(), "b": free_port()}
        self.url = f"http://127.0.0.1:{self.port}"
        application = pdb.register(f"{self.url}/login/peeringdb/callback")
        (directory / "the_site.py").write_text(APPLICATION)
        environment = os.environ | {
            "PEERINGDB_OAUTH_CLIENT_ID": application.client_id,
            "PEERINGDB_OAUTH_CLIENT_SECRET": application.client_secret,
            "PEERINGDB_OAUTH_REDIRECT_URI": f"{self.url}/login/peeringdb/callback",
            "PEERINGDB_OAUTH_BASE_URL": pdb.url,
            "PEERINGDB_OAUTH_ALLOW_HTTP": "true",
            "PEERINGDB_OAUTH_SESSIONS": store.url,
            "SECRET_KEY": "0123456789abcdef0123456789abcdef",
        }
        self.groups = {
            name: self._start_group(name, port, environment) for name, port in ports.items()
        }
        http = NGINX.format(port=self.port, **ports)
        self._nginx = subprocess.Popen(nginx_command(directory, http))

    def _start_group(self, name, port, environment):
        command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4"]
        command += ["--bind", f"127.0.0.1:{port}", "--log-level", "warning", "the_site:app"]
        return subprocess.Popen(
            command, cwd=self._directory, env=environment | {"GROUP": name}, start_new_session=True
        )

    def kill(self, group):
        """Kill a group and its workers, as a machine that fails."""
        os.killpg(self.groups[group].pid, signal.SIGKILL)
        self.groups[group].wait(20)

    def end(self):
        self._nginx.terminate()
        for group in self.groups.values():
            if group.poll() is None:
                group.terminate()
        for process in (self._nginx, *self.groups.values()):
            process.wait(20)

    def visit(self):
        """A browser that waits until all servers have started."""
        browser = requests.Session()
        browser.trust_env = False
        retry = Retry(connect=9, status=9, status_forcelist=[502], backoff_factor=0.05)
        browser.mount("http://", HTTPAdapter(max_retries=retry))
        return browser

    def ask(self, browser, path="/page", *, group=None, method="GET"):
        headers = {"X-Group": group} if group else {}
        if method == "POST":
            headers["Sec-Fetch-Site"] = "same-origin"
        return browser.request(
            method, f"{self.url}{path}", headers=headers, allow_redirects=False, timeout=20
        )

    def log_in(self, person, *, group):
        browser = self.visit()
        started = self.ask(browser, "/login/peeringdb?next=/page", group=group)
        callback = self.pdb.log_in(person, started.headers["Location"])
        answer = self.ask(browser, callback.removeprefix(self.url), group=group)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/page")
        return browser


@pytest.fixture(scope="module")
def pdb():
    with Sandbox(tls=False) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def site(pdb, tmp_path_factory):
    store = RedisServer()
    site = Site(pdb, store, tmp_path_factory.mktemp("site"))
    yield site
    site.end()
    store.end()


def test_a_login_on_one_machine_counts_on_the_other(site):
    browser = site.log_in("member", group="a")
    answers = [site.ask(browser, group=group).json() for group in ("a", "b")]
    assert [answer["group"] for answer in answers] == ["a", "b"]
    assert answers[0]["user"] == answers[1]["user"]


def test_a_logout_on_one_machine_counts_on_the_other_within_a_second(site):
    browser = site.log_in("member", group="a")
    copied = site.visit()
    copied.cookies.update(browser.cookies)
    assert site.ask(copied, group="b").status_code == 200
    ended = time.monotonic()
    assert site.ask(browser, "/logout", group="a", method="POST").status_code == 303
    while site.ask(copied, group="b").status_code == 200:
        assert time.monotonic() - ended < 10
    assert site.ask(copied, group="b").headers["Location"] == "/login/peeringdb?next=/page"


def test_a_machine_that_fails_under_load_logs_nobody_out(site):
    browsers = [site.log_in(person, group="b") for person in ("member", "limited", "orgadmin")]
    statuses, cut, stop = [], [], threading.Event()

    def browse(browser):
        while not stop.is_set():
            try:
                statuses.append(site.ask(browser).status_code)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
                cut.append(error)  # the answer had begun when its machine failed

    people = [threading.Thread(target=browse, args=(browser,)) for browser in browsers]
    for person in people:
        person.start()
    try:
        _wait_for(statuses, 50)
        site.kill("b")
        _wait_for(statuses, len(statuses) + 50)
    finally:
        stop.set()
        for person in people:
            person.join(20)
    assert set(statuses) == {200}
    assert len(cut) <= len(browsers)
    assert [site.ask(browser, group="a").status_code for browser in browsers] == [200] * 3


def _wait_for(statuses, count):
    started = time.monotonic()
    while len(statuses) < count:
        assert time.monotonic() - started < 60
        threading.Event().wait(0.02)


def test_the_sessions_lie_in_the_store_and_not_in_the_cookie(site):
    browser = site.log_in("member", group="a")
    [cookie] = [cookie for cookie in browser.cookies if "session" in cookie.name]
    assert len(cookie.value) < 800
