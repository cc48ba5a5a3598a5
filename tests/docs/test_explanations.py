"""docs/how-a-login-works.md and docs/permissions.md say what is so."""

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import requests
from flask import Flask, request

from peeringdb_oauth import AccessRule, Client, ClientConfig, ConfigurationError, errors
from peeringdb_oauth.integrations.flask import PeeringDB
from peeringdb_oauth.web.failures import failure_of

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
LOGIN = (ROOT / "docs" / "how-a-login-works.md").read_text("utf-8")
PERMISSIONS = (ROOT / "docs" / "permissions.md").read_text("utf-8")
RUN = r"<!-- run by tests/docs/test_explanations.py -->\n```python\n(.+?)```"
CHECKS = re.findall(r"^\| .+ \| `(\w+)` \| `(\w+)` \| (\d+) \|$", LOGIN, re.MULTILINE)
# An error of each row of the table, in its order.
ERRORS = [
    errors.StateMismatch(""),
    errors.InvalidResponse("", check="created_at"),
    errors.InvalidResponse("", check="iss"),
    errors.LoginDenied("", error="access_denied"),
    errors.StateMismatch("", check="used"),
    errors.TransportError("", status=503),
    errors.RateLimited("", retry_after=61),
    errors.ProviderError("", error="invalid_grant", status=400),
    errors.ProviderError("", error="invalid_client", status=401),
    errors.InvalidResponse("", check="scope"),
    errors.InvalidIDToken("", check="signature"),
    errors.InvalidResponse("", check="networks"),
    errors.InvalidIDToken("", check="sub"),
    *[errors.AccessDenied("none of your networks is a member here")] * 2,
]


def diagrams():
    """The script that draws."""
    loader = importlib.machinery.SourceFileLoader("diagrams", str(ROOT / "scripts" / "diagrams"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("diagrams", loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", [*IMAGES.glob("*.txt")], ids=lambda path: path.stem)
def test_the_pictures_are_those_of_their_descriptions(path):
    drawn = diagrams().draw(path.read_text("utf-8"))
    assert path.with_suffix(".svg").read_text("utf-8") == drawn
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own picture
    assert "prefers-color-scheme: dark" in drawn


def test_every_check_fails_with_the_error_and_the_page_of_the_table():
    pages = [failure_of(error) for error in ERRORS]
    assert [
        (type(error).__name__, page.code, str(page.status))
        for error, page in zip(ERRORS, pages, strict=True)
    ] == CHECKS


@pytest.mark.server
def test_the_messages_of_the_picture_are_those_of_a_login(peeringdb):
    sent = []
    session = requests.Session()
    send = session.send

    def note(prepared, **options):
        sent.append(f"{prepared.method} {urlsplit(prepared.url).path}")
        return send(prepared, **options)

    session.send = note
    session.verify = peeringdb.client_config().ca_file
    app = Flask(__name__)
    app.secret_key = "only-for-tests-0123456789"
    config = peeringdb.client_config()
    with Client(config, session=session) as client:
        PeeringDB(app, client=client)
        app.before_request(lambda: sent.append(f"GET {request.path}"))
        peeringdb.log_in(app.test_client(), peeringdb.person("Ada Admin"))
    description = (IMAGES / "login.txt").read_text("utf-8")
    drawn = re.findall(r"-> .+: ((?:GET|POST) \S+)", description)
    first, *others = list(dict.fromkeys(sent))[:4]
    assert drawn == [first, "GET /oauth2/authorize/", *others]


@pytest.mark.server
def test_the_login_without_a_framework_works(peeringdb, monkeypatch):
    config = peeringdb.client_config()
    monkeypatch.setattr(ClientConfig, "load", lambda: config)
    names = {}
    exec(re.findall(RUN, LOGIN, re.DOTALL)[0], names)  # noqa: S102 - our own page
    session = {}
    callback = peeringdb.sandbox.log_in("orgadmin", names["begin"](session))
    assert names["complete"](session, callback).asns == (64500, 64501, 65550)
    assert set(session) == {"user"}
    names["client"].close()


def test_the_examples_of_permissions_are_true():
    blocks = re.findall(RUN, PERMISSIONS, re.DOTALL)
    assert len(blocks) == 2
    exec("\n".join(blocks), {})  # noqa: S102 - our own page


@pytest.mark.parametrize("argument", [{"asn": []}, {"verified_user": None}])
def test_conditions_that_would_switch_a_check_off_are_an_error(argument):
    with pytest.raises(ConfigurationError):
        AccessRule(**argument)
