"""Apache with mod_auth_openidc, configured as in docs/other-software.md."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import requests
from ports import free_port
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

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


class Site:
    """The running Apache.

    ``application``: the server behind it; None for static files. ``without``: what its
    configuration is to lack. ``url``: where people find it.
    """

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
        self.process = subprocess.Popen(
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
            "http://127.0.0.1:8000": self.application.url if self.application else self.url,
        }
        for name, value in here.items():
            assert name in text
            text = text.replace(name, value)
        return text if self.application else self._static(text)

    def _static(self, text):
        (self._directory / "files").mkdir()
        (self._directory / "files" / "page").write_text("hello\n")
        proxied = text.index("ProxyPass /oidc/")
        return f"{text[:proxied]}DocumentRoot {self._directory}/files\n"

    @property
    def log(self):
        return (self._directory / "error.log").read_text()

    def close(self):
        self.process.terminate()
        self.process.wait(20)
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
