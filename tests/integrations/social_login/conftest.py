"""Django projects, and browsers that visit them.

Each project has a process of its own, because Django's settings are for a process.
"""

import json
import os
import subprocess
import sys
import zlib
from base64 import urlsafe_b64decode
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import canned_server
import pytest
import requests

from peeringdb_oauth.sandbox import Sandbox

HERE = Path(__file__).parent / "project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One of the two libraries, and where its pages are."""

    settings: str
    login: str
    callback: str


LIBRARIES = {
    "social_core": Library(
        settings="social_core_settings", login="/login/peeringdb/", callback="/complete/peeringdb/"
    ),
    "allauth": Library(
        settings="allauth_settings",
        login="/accounts/peeringdb/login/",
        callback="/accounts/peeringdb/login/callback/",
    ),
}


class Site:
    """A project as its visitors find it.

    ``url``: its address. ``database``: the file with its database. ``client_id``: its
    id at PeeringDB.
    """

    client_secret = "app-secret-0123456789abcdef0123456789"

    def __init__(self, library, directory, client_id):
        self.library, self.client_id = library, client_id
        self.database, self._log = directory / "db.sqlite3", directory / "log"

    @property
    def log(self):
        """Everything that the project has logged."""
        return self._log.read_text()

    def visit(self, address=None):
        """A visitor with a new browser, from ``address``, as a proxy reports it."""
        return Visitor(self, address)


class Project(Site):
    """A project with a process of its own.

    ``arguments``: those of project/serve.py.
    """

    def __init__(self, library, directory, *arguments, base_url, environment, options=None, **more):
        super().__init__(library, directory, directory.name)
        fixed = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "database": str(self.database),
        }
        project = json.dumps(
            fixed
            | {
                "options": {"base_url": base_url, "allow_http": True, "timeout": 60.0}
                | (options or {})
            }
            | more
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "serve.py"), library.settings, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | environment | {"PROJECT": project},
                text=True,
            )
        if not arguments:
            self.url = self.read_url()

    def read_url(self):
        url = self._process.stdout.readline().strip()
        if not url:
            self.close()
            raise RuntimeError(self.log)
        return url

    @contextmanager
    def copy(self, directory):
        """Run a copy of this project as it was at the beginning."""
        end = directory / "end"
        os.mkfifo(end)
        print(directory, file=self._process.stdin, flush=True)
        pipe = os.open(end, os.O_RDWR)  # does not wait for the copy, which may fail
        try:
            site = Site(self.library, directory, self.client_id)
            site.url = self.read_url()
            yield site
        finally:
            os.close(pipe)

    def close(self):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


class Visitor:
    """A person's browser at the project. At PeeringDB the sandbox's browser goes on."""

    def __init__(self, project, address=None):
        self.project = project
        self._session = requests.Session()
        if address is not None:
            self._session.headers["X-Forwarded-For"] = address
        self._session.trust_env = False

    def get(self, path):
        return self._session.get(self.project.url + path, timeout=60)

    def post(self, path, **fields):
        fields["csrfmiddlewaretoken"] = self.get("/form").json()["token"]
        return self._session.post(
            self.project.url + path, data=fields, allow_redirects=False, timeout=60
        )

    def begin(self, query=""):
        """Press the login button. Returns the URL at PeeringDB that it leads to."""
        answer = self.post(self.project.library.login + query)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def come_back(self, callback):
        """Follow the callback and its redirects. Returns the last page."""
        assert callback.startswith(self.project.url)
        return self.get(callback.removeprefix(self.project.url))

    def come_back_with(self, **parameters):
        """Start a login and come back with these parameters of the callback.

        PeeringDB is not asked in between.
        """
        state = parameters_of(self.begin())["state"]
        return self._session.get(
            self.project.url + self.project.library.callback,
            params={"state": state} | parameters,
            timeout=60,
        )

    def log_in(self, pdb, person, **choices):
        return self.come_back(pdb.log_in(person, self.begin(), **choices))

    @property
    def me(self):
        return self.get("/").json()["me"]

    @property
    def session(self):
        """The session's data, which is all in the cookie."""
        payload = self._session.cookies.get("sessionid", "").partition(":")[0]
        text = urlsafe_b64decode(payload.lstrip(".") + "==")
        return json.loads(zlib.decompress(text) if payload.startswith(".") else text or "{}")


def parameters_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.fixture
def parameters():
    """``parameters(url)``: the parameters of its query."""
    return parameters_of


@pytest.fixture(scope="session")
def pdb():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def at_sandbox(pdb, tmp_path_factory, measured):
    """Make a project that is an application of the sandbox, for a ``with``."""

    @contextmanager
    def at_sandbox(library, **more):
        directory = tmp_path_factory.mktemp(library.replace("_", "-"))
        with closing(
            Project(
                LIBRARIES[library],
                directory,
                base_url=pdb.url,
                options={"ca_file": pdb.ca_file},
                environment=measured,
                **more,
            )
        ) as project:
            callback = project.url + project.library.callback
            pdb.register(callback, client_id=project.client_id, client_secret=project.client_secret)
            yield project

    return at_sandbox


@pytest.fixture(scope="session")
def social_core(at_sandbox):
    with at_sandbox("social_core") as project:
        yield project


@pytest.fixture(scope="session")
def allauth(at_sandbox):
    with at_sandbox("allauth") as project:
        yield project


@pytest.fixture(scope="session", params=LIBRARIES)
def lenient(request, at_sandbox):
    """A project that lets in who belongs to AS64500, even with an unconfirmed address.

    One for each library.
    """
    with at_sandbox(request.param, rule={"verified_email": False, "asn": 64500}) as project:
        yield project


@pytest.fixture(params=LIBRARIES)
def library(request):
    """Each of the two libraries."""
    return request.param


@pytest.fixture
def project(library, request):
    """A project with each library, as an application of the sandbox."""
    return request.getfixturevalue(library)


@pytest.fixture(scope="session")
def running_server(authority):
    """One canned server for all tests here, so that projects can be copied."""
    with canned_server.running_server(authority) as server:
        yield server


@pytest.fixture
def server(running_server):
    running_server.reset()
    return running_server


@pytest.fixture(scope="session")
def originals(running_server, tmp_path_factory, measured):
    """``originals(library)``: a project to copy, with canned answers."""
    with ExitStack() as projects:

        @cache
        def original(library):
            directory = tmp_path_factory.mktemp(library.replace("_", "-"))
            project = Project(
                LIBRARIES[library],
                directory,
                "--copies",
                base_url=running_server.url,
                environment=measured,
            )
            return projects.enter_context(closing(project))

        yield original


@pytest.fixture
def start(server, tmp_path, measured, originals):
    """``start("allauth", ...)``: a project whose PeeringDB gives canned answers.

    They are its ``answers``. The project ends with the test. It is a copy of a running
    one, unless it has other settings: a copy starts in no time.
    """
    with ExitStack() as sites:

        def start(library, *, base_url=server.url, **settings):
            if base_url == server.url and not settings:
                site = sites.enter_context(originals(library).copy(tmp_path))
            else:
                project = Project(
                    LIBRARIES[library],
                    tmp_path,
                    base_url=base_url,
                    environment=measured,
                    **settings,
                )
                site = sites.enter_context(closing(project))
            site.answers = server
            return site

        yield start


@pytest.fixture
def canned(library, start):
    """A project with each library, and canned answers."""
    return start(library)
