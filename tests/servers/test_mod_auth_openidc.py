"""Apache with mod_auth_openidc, configured as in docs/other-software.md."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from ports import free_port
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from peeringdb_oauth.sandbox import Sandbox

PAGE = Path(__file__).parents[2] / "docs" / "other-software.md"
MODULES = Path("/usr/lib/apache2/modules")
NEEDED = (
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "auth_openidc",
    "headers",
    "proxy",
    "proxy_http",
)
SERVER = """
ServerRoot {directory}
ServerName 127.0.0.1
Listen {address}
PidFile pid
ErrorLog error.log
Mutex file:{directory} default
User www-data
Group www-data
OIDCCABundlePath {directory}/ca.pem
RequestHeader set X-Remote-User expr=%{{REMOTE_USER}}
"""


@pytest.fixture(scope="module")
def pdb():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def application(make_server):
    """The application behind Apache: a server that tells which headers arrived."""
    server = make_server()
    server.answer("/page", {})
    return server


class Site:
    """The running Apache. ``url``: where people find it."""

    def __init__(self, pdb, application, *, without=""):
        self.pdb, self.application = pdb, application
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        self._directory = Path(tempfile.mkdtemp(prefix="apache-"))
        self._directory.chmod(0o755)  # its children run as www-data
        shutil.copyfile(pdb.ca_file, self._directory / "ca.pem")
        registered = pdb.register(f"{self.url}/oidc/callback")
        modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in NEEDED)
        page = self._page(registered)
        assert without in page
        page = page.replace(without, "") if without else page
        (self._directory / "httpd.conf").write_text(
            modules + SERVER.format(directory=self._directory, address=self.address) + page
        )
        self._process = subprocess.Popen(
            ["apache2", "-DFOREGROUND", "-f", self._directory / "httpd.conf"]
        )

    def _page(self, registered):
        """Return the configuration in the page with the addresses of this test."""
        text = re.search(r"```apache\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
        here = {
            "https://auth.peeringdb.com": self.pdb.url,
            "https://app.example.net": self.url,
            "your-client-id": registered.client_id,
            "your-client-secret": registered.client_secret,
            "http://127.0.0.1:8000": self.application.url,
        }
        for name, value in here.items():
            assert name in text
            text = text.replace(name, value)
        return text

    @property
    def log(self):
        return (self._directory / "error.log").read_text()

    def close(self):
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self._directory)

    def visit(self):
        """Return a browser that waits until Apache has started."""
        browser = requests.Session()
        browser.trust_env = False
        browser.mount("http://", HTTPAdapter(max_retries=Retry(connect=9, backoff_factor=0.05)))
        return browser

    def begin(self, browser):
        answer = browser.get(f"{self.url}/page", allow_redirects=False, timeout=20)
        assert answer.status_code == 302, self.log
        return answer.headers["Location"]

    def log_in(self, person, **choices):
        browser = self.visit()
        return browser.get(self.pdb.log_in(person, self.begin(browser), **choices), timeout=20)


@pytest.fixture
def start(pdb, application):
    """``start(without="OIDC...")``: the site, without a line of its configuration."""
    sites = []

    def start(**changes):
        sites.append(Site(pdb, application, **changes))
        return sites[-1]

    yield start
    for site in sites:
        site.close()
    pdb.reset_limits()


def parameters(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_verified_person_reaches_the_application_with_their_networks(start, application):
    assert start().log_in("limited").status_code == 200
    headers = application.received[0].headers
    user = json.loads(headers["oidc_userinfo_json"])
    assert (headers["x-remote-user"], user["verified_user"], user["email_verified"]) == (
        "3",
        True,
        True,
    )
    assert [(network["asn"], network["perms"]) for network in user["networks"]] == [
        (64500, 15),
        (64501, 1),
        (65550, 3),
    ]


def test_access_token_does_not_reach_the_application(start, application):
    start().log_in("member")
    assert "oidc_access_token" not in application.received[0].headers


@pytest.mark.parametrize("person", ["unverified", "emailunconf"])
def test_unverified_person_is_refused(start, application, person):
    assert start().log_in(person).status_code == 403
    assert application.received == []


def test_cancelled_login_does_not_reach_the_application(start, application):
    assert "access_denied" in start().log_in("member", consent=False).text
    assert application.received == []


def test_callback_counts_only_in_the_browser_that_began_the_login(start, pdb, application):
    site = start()
    callback = pdb.log_in("member", site.begin(site.visit()))
    assert not site.visit().get(callback, timeout=20, allow_redirects=False).ok
    assert application.received == []


def test_asks_for_the_scope_with_s256(start):
    site = start()
    asked = parameters(site.begin(site.visit()))
    assert set(asked["scope"].split()) == {"openid", "profile", "email", "networks", "amr"}
    assert (asked["code_challenge_method"], "nonce" in asked) == ("S256", True)


def test_without_the_line_about_client_secret_post_no_login_works(start, application):
    site = start(without="OIDCProviderTokenEndpointAuth client_secret_post")
    site.log_in("member")
    assert application.received == []
    assert "code response validation failed" in site.log
