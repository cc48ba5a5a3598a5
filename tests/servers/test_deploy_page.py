"""The configurations in docs/deploy.md work: nginx, systemd, gunicorn with gevent."""

import os
import re
import shutil
import subprocess
import sys
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
import trustme
import urllib3
from nginx import nginx_command
from ports import free_port

from peeringdb_oauth.sandbox import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
HOST = "portal.example.net"
WAIT_FOR_START = urllib3.Retry(connect=20, status=20, status_forcelist=[502], backoff_factor=0.1)
APPLICATION = """
import os
from pathlib import Path

from flask import Flask, request
from peeringdb_oauth.integrations.flask import PeeringDB, current_user
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.secret_key = Path(os.environ["PEERINGDB_OAUTH_SECRET_KEY_FILE"]).read_text().strip()
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)
pdb = PeeringDB(app)

@app.get("/page")
@pdb.require(max_age=0.001)  # so that each page asks PeeringDB
def page():
    return {"user": current_user.id}

@app.get("/")
def start():
    return {"visitor": request.remote_addr, "url": request.url}
"""


def example(language, number=0):
    """A block of the page that this file runs."""
    found = re.findall(
        rf"<!-- run by tests/servers/test_deploy_page.py -->\n```{language}\n(.*?)```",
        PAGE,
        re.DOTALL,
    )
    return found[number]


class Browser:
    """A visitor of the site behind nginx, with cookies."""

    def __init__(self, port, ca_file):
        self.cookies = {}
        self._pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1", port, ca_certs=ca_file, server_hostname=HOST, assert_hostname=HOST
        )

    def get(self, path, **headers):
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self._pool.request(
            "GET",
            path,
            headers={"Host": HOST, "Cookie": cookie, **headers},
            redirect=False,
            retries=urllib3.Retry(
                connect=20, status=20, status_forcelist=[502], backoff_factor=0.1
            ),
        )
        for line in answer.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer


@pytest.fixture(scope="module")
def pdb():
    with Sandbox(limits=False) as pdb:
        yield pdb


@pytest.fixture
def start(tmp_path):
    """``start(command)``: a process that ends with the test."""
    started = []

    def start(command, environment=None):
        started.append(
            subprocess.Popen(command, cwd=tmp_path, env=os.environ | (environment or {}))
        )

    yield start
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait(20)


@pytest.fixture
def start_site(pdb, start, tmp_path):
    """``start_site(*arguments)``: gunicorn with the application, at a free port."""

    def start_site(*arguments, redirect_uri=f"https://{HOST}/login/peeringdb/callback", port=None):
        port = port or free_port()
        application = pdb.register(redirect_uri)
        (tmp_path / "the_site.py").write_text(APPLICATION)
        for name, text in (("client", application.client_secret), ("key", "k" * 43)):
            (tmp_path / name).write_text(f"{text}\n")
        settings = {
            "CLIENT_ID": application.client_id,
            "CLIENT_SECRET_FILE": str(tmp_path / "client"),
            "SECRET_KEY_FILE": str(tmp_path / "key"),
            "REDIRECT_URI": redirect_uri,
            "BASE_URL": pdb.url,
            "CA_FILE": pdb.ca_file,
            "REQUESTS_PER_MINUTE": "none",
        } | ({} if redirect_uri.startswith("https:") else {"ALLOW_HTTP": "yes"})
        start(
            [
                *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"),
                *("--log-level", "warning", *arguments, "the_site:app"),
            ],
            {f"PEERINGDB_OAUTH_{name}": value for name, value in settings.items()},
        )
        return port

    return start_site


@pytest.fixture
def browse(start, start_site, tmp_path):
    """``browse()``: a browser at the site behind nginx, as the page configures it."""
    port = free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert(HOST)
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "portal.pem")
    site = example("nginx")
    for old, new in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("    listen [::]:443 ssl;\n", ""),
        ("/etc/ssl/private/portal.key", f"{tmp_path}/portal.pem"),
        ("/etc/ssl/portal.pem", f"{tmp_path}/portal.pem"),
        ("/var/log/nginx", str(tmp_path)),
        ("127.0.0.1:8000", f"127.0.0.1:{start_site('--threads', '4')}"),
    ):
        assert old in site
        site = site.replace(old, new)
    start(nginx_command(tmp_path, site))
    return lambda: Browser(port, str(tmp_path / "ca.pem"))


def log_in(pdb, browser):
    started = browser.get("/login/peeringdb?next=/page")
    callback = pdb.log_in("member", started.headers["Location"])
    return browser.get(callback.removeprefix(f"https://{HOST}"))


def test_people_log_in_behind_nginx_and_no_log_has_a_code(pdb, browse, tmp_path):
    browser = browse()
    assert browser.get("/", **{"X-Forwarded-For": "203.0.113.7"}).json() == {
        "visitor": "127.0.0.1",
        "url": f"https://{HOST}/",
    }
    answer = log_in(pdb, browser)
    assert (answer.status, answer.headers["Location"]) == (302, "/page")
    assert "__Host-session" in browser.cookies
    assert browser.get("/page").json() == {"user": 2}
    statuses = [
        browser.get("/login/peeringdb/callback?code=c0de&state=x").status for _ in range(75)
    ]
    assert set(statuses) == {400, 429}
    logs = (tmp_path / "portal.log").read_text() + (tmp_path / "error.log").read_text()
    assert '"GET /login/peeringdb/callback" 429' in logs
    assert "code" not in logs
    assert "state" not in logs


def test_systemd_accepts_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd here")
    unit = example("ini").replace("/opt/portal/.venv/bin/gunicorn", sys.executable)
    (tmp_path / "portal.service").write_text(unit)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "portal.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in checked.stderr.splitlines() if "portal.service" in line]
    assert ours == []


def test_gevent_with_preload_works_as_the_page_configures_it(pdb, start_site, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(example("python"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    start_site("--workers", "2", redirect_uri=f"{url}/login/peeringdb/callback", port=port)
    browser = Browser(port, None)
    browser._pool = urllib3.HTTPConnectionPool("127.0.0.1", port)
    started = browser.get("/login/peeringdb?next=/page", Host=f"127.0.0.1:{port}")
    callback = pdb.log_in("member", started.headers["Location"])
    answer = browser.get(callback.removeprefix(url), Host=f"127.0.0.1:{port}")
    assert (answer.status, answer.headers["Location"]) == (302, "/page")
    for _ in range(5):
        assert browser.get("/page", Host=f"127.0.0.1:{port}").json() == {"user": 2}
