"""A small application in three frameworks, to log in at with their test clients.

It uses nothing of this library except `Client`. Its cookies are those of production.
"""

import os
import secrets
import warnings
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from flask import Flask, make_response, request

from peeringdb_oauth import Client, LoginDenied

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette prefers another httpx
    from fastapi.testclient import TestClient


class Portal:
    """An application without a framework.

    It shows at ``/`` who is logged in. It refuses a callback with the wrong scheme, or
    without the cookie of the login.

    ``https_only``: redirect from http to https. ``mfa``: send a person without a second
    factor to PeeringDB again, once. ``login``, ``start_method``: path and method of the
    request that starts a login. ``after_login``: where a login leads. ``asked_for``:
    the requests that arrived.
    """

    def __init__(
        self,
        config,
        *,
        https_only=False,
        mfa=False,
        login="/login/peeringdb",
        start_method="GET",
        after_login="/",
    ):
        self.client, self.scheme = Client(config), urlsplit(config.redirect_uri).scheme
        self.https_only, self.mfa, self.after_login = https_only, mfa, after_login
        self.login, self.start_page = login, (start_method, login)
        self.logins, self.users, self.asked_for = {}, {}, []

    def answer(self, method, url, cookies):
        """Status, text or location, and name and value of a cookie to set."""
        parts = urlsplit(url)
        self.asked_for.append(
            f"{method} {parts.scheme}://{parts.netloc}{parts.path}"
            + ("?again" if parts.query == "again" else "")
        )
        if self.https_only and parts.scheme == "http":
            return 301, url.replace("http:", "https:"), None
        pages = {
            self.start_page: self.start,
            ("GET", "/login/peeringdb/callback"): self.finish,
            ("GET", "/"): self.home,
        }
        page = pages.get((method, parts.path))
        return (
            page(url, cookies) if page else (404, "<title>Oh</title><h1>Not&nbsp;found</h1>", None)
        )

    def start(self, url, _cookies):
        login = self.client.authorization_request(prompt="login" if "again" in url else None)
        self.logins[key := secrets.token_urlsafe()] = login
        return 302, login.url, ("login", key)

    def finish(self, url, cookies):
        if urlsplit(url).scheme != self.scheme or self.cookie_name("login") not in cookies:
            return 400, "not the browser that began", None
        login = self.logins.pop(cookies[self.cookie_name("login")])
        try:
            user = self.client.log_in(login, url).user
        except LoginDenied:
            return 403, "you said no", None
        if self.mfa and "mfa" not in user.amr:
            return (
                (403, "no second factor", None)
                if "prompt=login" in login.url
                else (302, f"{self.login}?again", None)
            )
        self.users[key := secrets.token_urlsafe()] = user
        return 302, self.after_login, ("user", key)

    def home(self, _url, cookies):
        user = self.users.get(cookies.get(self.cookie_name("user")))
        return (401, "nobody", None) if user is None else (200, f"Hello {user.name}", None)

    def cookie_name(self, name):
        return f"__Host-{name}" if self.scheme == "https" else name

    def complete(self, response, given):
        """Fill in a framework's response. Cookies are set alike in all of them."""
        status, text, cookie = given
        response.status_code = status
        if status in (301, 302):
            response.headers["Location"] = text
        if cookie:
            name, value = cookie
            response.set_cookie(
                self.cookie_name(name),
                value,
                secure=self.scheme == "https",
                httponly=True,
                samesite="Lax",
            )
        return response


def flask_app(portal):
    app = Flask("portal")

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    def page(path):  # noqa: ARG001 - Flask passes it by name
        given = portal.answer(request.method, request.url, request.cookies)
        return portal.complete(make_response(given[1]), given)

    return app


def fastapi_app(portal):
    app = FastAPI()

    @app.api_route("/{_:path}", methods=["GET", "POST"])
    def page(request: Request, _: str):
        given = portal.answer(request.method, str(request.url), request.cookies)
        return portal.complete(Response(given[1]), given)

    return app


@pytest.fixture
def make_portal(peeringdb):
    """``make_portal(redirect_uri, **changes)``: a `Portal`, closed after the test."""
    with ExitStack() as stack:

        def make(*redirect_uri, **changes):
            portal = Portal(peeringdb.client_config(*redirect_uri), **changes)
            stack.callback(portal.client.close)
            return portal

        yield make


@pytest.fixture
def in_flask():
    return lambda portal: flask_app(portal).test_client()


@pytest.fixture
def in_fastapi():
    return lambda portal: TestClient(fastapi_app(portal))


@pytest.fixture
def in_django():
    """``in_django(portal)``: its test client.

    It works only in the process that test_django.py starts, because a process can have
    only one Django project.
    """
    from django.test import Client as DjangoClient  # noqa: PLC0415 - needs Django's settings
    from django.test import override_settings  # noqa: PLC0415

    with ExitStack() as stack:

        def client_of(portal, kind=DjangoClient):
            stack.enter_context(override_settings(ROOT_URLCONF=django_urls(portal)))
            return kind()

        yield client_of


def django_urls(portal):
    from django.http import HttpResponse  # noqa: PLC0415 - needs Django's settings
    from django.urls import re_path  # noqa: PLC0415

    def page(request):
        given = portal.answer(request.method, request.build_absolute_uri(), request.COOKIES)
        return portal.complete(HttpResponse(given[1]), given)

    return (re_path("", page),)


@pytest.fixture(
    params=["django"] if "DJANGO_SETTINGS_MODULE" in os.environ else ["flask", "fastapi"]
)
def in_framework(request):
    """``in_framework(portal)``: its test client; the test runs for each framework."""
    return request.getfixturevalue(f"in_{request.param}")
