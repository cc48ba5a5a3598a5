"""The doctor calls an application as a server does."""

import os
import subprocess
import sys
from types import ModuleType

import pytest
from fastapi import FastAPI
from flask import Flask

from peeringdb_oauth import ClientConfig
from peeringdb_oauth.doctor import examine_application
from peeringdb_oauth.integrations import flask, starlette

SECRET_KEY = "0123456789abcdef0123456789abcdef"
CONFIG = ClientConfig(
    client_id="portal",
    client_secret="secret-secret",
    redirect_uri="https://portal.example.net/login/peeringdb/callback",
)


@pytest.fixture
def examine(monkeypatch):
    """``examine(app)``: the findings, and the check and status of each."""

    def examine(app, config=CONFIG, name="a_portal:app"):
        # Tests before this one may have configured Django, whose checks would run.
        monkeypatch.delitem(sys.modules, "django.conf", raising=False)
        module = ModuleType("a_portal")
        module.app = app
        monkeypatch.setitem(sys.modules, "a_portal", module)
        found = examine_application(name, config)
        return found, [(finding.check, finding.status) for finding in found]

    return examine


def flask_app(config=CONFIG):
    app = Flask("portal")
    app.secret_key = SECRET_KEY
    flask.PeeringDB(app, config=config)
    return app


def fastapi_app():
    pdb = starlette.PeeringDB(config=CONFIG, secret_key=SECRET_KEY)
    app = FastAPI(middleware=[pdb.session_middleware])
    app.include_router(pdb.router)
    return app


@pytest.mark.parametrize("make", [flask_app, fastapi_app])
def test_an_application_that_logs_in_has_no_trap(examine, make):
    found, checks = examine(make())
    assert checks == [("application", "ok")]
    assert "/login/peeringdb leads to PeeringDB" in found[0].seen


def test_a_function_that_makes_the_application_is_called(examine):
    assert examine(flask_app, name="a_portal:app()")[1] == [("application", "ok")]


def test_another_redirect_uri_is_named(examine):
    other = ClientConfig(
        client_id="portal",
        client_secret="secret-secret",
        redirect_uri="https://other.example.net/login/peeringdb/callback",
    )
    found, _ = examine(flask_app(other))
    assert found[0].status == "problem"


def test_an_application_without_a_login_is_named(examine):
    found, checks = examine(Flask("portal"))
    assert checks == [("application", "problem")]
    assert "answers 404" in found[0].seen


def changed_cookies(change):
    """A login whose cookies something has changed on the way."""
    app = flask_app().wsgi_app

    def changed(environ, start_response):
        def start(status, headers, *rest):
            headers = [
                (name, change(value) if name.lower() == "set-cookie" else value)
                for name, value in headers
            ]
            return start_response(status, headers, *rest)

        return app(environ, start)

    return changed


@pytest.mark.parametrize(
    ("old", "new", "status", "words"),
    [
        ("SameSite=Lax", "SameSite=Strict", "problem", "SameSite=Strict"),
        ("Secure; ", "", "warning", "not Secure"),
        ("HttpOnly; ", "", "warning", "not HttpOnly"),
        ("__Host-", "", "warning", "without the prefix __Host-"),
    ],
)
def test_a_cookie_that_does_not_serve_is_named(examine, old, new, status, words):
    app = changed_cookies(lambda cookie: cookie.replace(old, new))
    found, checks = examine(app)
    assert ("cookies", status) in checks
    assert any(words in finding.seen for finding in found)


def test_without_settings_no_login_is_tried(examine):
    assert examine(flask_app(), config=None)[1] == [("application", "skipped")]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a_portal", "write module:attribute"),
        ("a_portal:none", "a_portal has no none"),
        ("no_portal:app", "there is no module no_portal"),
        ("a_portal:app.name", "is no application"),
    ],
)
def test_a_wrong_name_is_said(examine, name, words):
    found, checks = examine(flask_app(), name=name)
    assert checks == [("application", "problem")]
    assert words in found[0].seen


def test_what_an_application_raises_is_named(examine):
    def broken(*_):
        raise RuntimeError("no database")

    found, checks = examine(broken)
    assert checks == [("application", "problem")]
    assert "RuntimeError: no database" in found[0].seen


def test_what_a_module_lacks_itself_is_named(monkeypatch, tmp_path):
    (tmp_path / "needs_more.py").write_text("import a_package_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = examine_application("needs_more:app", CONFIG)
    assert "ModuleNotFoundError: No module named 'a_package_that_is_missing'" in found[0].seen


def test_an_asgi_application_gets_an_empty_body(examine):
    async def app(_, receive, send):
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert "answers 200" in examine(app)[0][0].seen


def test_the_path_of_another_redirect_uri_is_asked_for(examine):
    asked = []

    def app(environ, start_response):
        asked.append((environ["PATH_INFO"], environ["HTTP_HOST"], environ["wsgi.url_scheme"]))
        location = (
            f"{CONFIG.base_url}/oauth2/authorize/?redirect_uri=https%3A%2F%2Fother.example.net"
        )
        start_response("302 Found", [("Location", location)])
        return []

    found, checks = examine(app)
    assert checks == [("application", "problem")]
    assert "another redirect URI" in found[0].seen
    assert asked == [("/login/peeringdb", "portal.example.net", "https")]


DJANGO = """
import sys
import django
from django.conf import settings
settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="0123456789abcdef0123456789abcdef",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                    "peeringdb_oauth.integrations.django"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware"],
    SESSION_COOKIE_SAMESITE="Strict",
    PEERINGDB_OAUTH={"CLIENT_ID": "portal", "CLIENT_SECRET": "secret-secret",
                     "REDIRECT_URI": "https://portal.example.net/login/peeringdb/callback"},
)
django.setup()
urlpatterns = []
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""


def test_djangos_own_checks_are_told(tmp_path, measured):
    (tmp_path / "a_site.py").write_text(DJANGO)
    program = (
        "from peeringdb_oauth.doctor import examine_application\n"
        "for each in examine_application('a_site:application', None):\n"
        "    print(each.check, each.status, each.seen)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env=os.environ | measured,
    )
    assert ended.returncode == 0, ended.stderr
    assert "peeringdb_oauth." in ended.stdout
    assert "SESSION_COOKIE_SAMESITE" in ended.stdout
