"""An application of ours, called in this process as a server calls it."""

import asyncio
import inspect
import io
import sys
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from wsgiref.util import setup_testing_defaults

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.doctor.findings import Finding, ok, skipped
from peeringdb_oauth.errors import ConfigurationError

_CHECK = "application"
Application = Callable[..., Any]


class _Answer(NamedTuple):
    """``headers``: pairs of name, in lower case, and value."""

    status: int
    headers: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [value for own, value in self.headers if own == name]


def examine_application(name: str, config: ClientConfig | None) -> list[Finding]:
    """How an application starts a login, and what its cookies are like.

    ``name``: ``module:attribute`` of a WSGI or ASGI application, as servers take it, or
    ``module:function()``.
    ``config``: its settings, as far as they are known from outside.
    """
    try:
        application = _load(name)
        findings = list(_django_checks())
        if config is None:
            return [*findings, skipped(_CHECK, "Without settings no login of it can be tried.")]
        path = urlsplit(config.redirect_uri).path.removesuffix("/callback")
        return [*findings, *_start_of_login(_call(application, path, config), path, config)]
    except ConfigurationError as error:
        return [
            Finding(check=_CHECK, status="problem", seen=f"{problem}.")
            for problem in error.problems
        ]
    except Exception as error:  # noqa: BLE001 - it is the application's
        return [
            Finding(
                check=_CHECK,
                status="problem",
                seen=f"{name} raises {type(error).__name__}: {error}",
                why="It cannot be served.",
                remedy="Run it in its server, and read the traceback.",
            )
        ]


def _load(name: str) -> Application:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise ConfigurationError(
            "--app: write module:attribute, such as portal:app, as for gunicorn and uvicorn"
        )
    sys.path.insert(0, "")  # the current directory, as servers do
    try:
        loaded: Any = import_module(module)
        for each in attribute.removesuffix("()").split("."):
            loaded = getattr(loaded, each)
        if attribute.endswith("()"):  # a function that makes the application
            loaded = loaded()
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(f"--app: there is no module {error.name} here") from error
    except AttributeError as error:
        raise ConfigurationError(f"--app: {module} has no {attribute}") from error
    finally:
        sys.path.remove("")
    if not callable(loaded):
        raise ConfigurationError(f"--app: {name} is no application")
    application: Application = loaded
    return application


def _django_checks() -> Iterator[Finding]:
    """What Django's own checks say about our application in it."""
    django = sys.modules.get("django.conf")
    if django is None or not django.settings.configured:
        return
    from django.core.checks import ERROR, run_checks  # noqa: PLC0415 - it is imported already

    for message in run_checks(include_deployment_checks=True):
        if (message.id or "").startswith("peeringdb_oauth."):
            yield Finding(
                check=str(message.id),
                status="problem" if message.level >= ERROR else "warning",
                seen=message.msg,
                remedy=message.hint or "",
            )


def _call(application: Application, path: str, config: ClientConfig) -> _Answer:
    is_asgi = inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(
        type(application).__call__
    )
    call = _call_asgi if is_asgi else _call_wsgi
    return call(application, path, urlsplit(config.redirect_uri).scheme, _host(config))


def _host(config: ClientConfig) -> str:
    return urlsplit(config.redirect_uri).netloc


def _call_wsgi(application: Application, path: str, scheme: str, host: str) -> _Answer:
    answers: list[_Answer] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "HTTP_HOST": host,
        "HTTP_ACCEPT": "text/html",
        "SERVER_NAME": host.partition(":")[0],
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
    }
    setup_testing_defaults(environ)

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
        found = [(name.lower(), value) for name, value in headers]
        answers.append(_Answer(int(status.split(maxsplit=1)[0]), found))

    body = application(environ, start_response)
    for _ in body:  # some applications start their answer with its first part
        break
    getattr(body, "close", lambda: None)()
    return answers[-1]


def _call_asgi(application: Application, path: str, scheme: str, host: str) -> _Answer:
    answers: list[_Answer] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            found = [
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in message["headers"]
            ]
            answers.append(_Answer(message["status"], found))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host.encode()), (b"accept", b"text/html")],
        "client": ("127.0.0.1", 0),
        "server": (host.partition(":")[0], 80),
        "state": {},
    }
    asyncio.run(application(scope, receive, send))
    return answers[-1]


def _start_of_login(answer: _Answer, path: str, config: ClientConfig) -> Iterator[Finding]:
    [location] = answer.all("location") or [""]
    if not location.startswith(f"{config.base_url}/"):
        yield Finding(
            check=_CHECK,
            status="problem",
            seen=f"{path} answers {answer.status} and does not lead to PeeringDB.",
            why="A login cannot start there.",
            remedy="Set the login up as the guide of your framework says, with the same settings"
            " as here.",
        )
        return
    asked = parse_qs(urlsplit(location).query).get("redirect_uri", [""])[0]
    if asked != config.redirect_uri:
        yield Finding(
            check=_CHECK,
            status="problem",
            seen=f"A login that starts at {path} has another redirect URI than the settings here.",
            why="PeeringDB refuses an address that is not registered.",
            remedy=f"Give the application the redirect URI {config.redirect_uri}.",
        )
        return
    yield ok(_CHECK, f"A login that starts at {path} leads to PeeringDB.")
    for header in answer.all("set-cookie"):
        yield from _cookie(header, is_secure=config.redirect_uri.startswith("https:"))


def _cookie(header: str, *, is_secure: bool) -> Iterator[Finding]:
    for name, cookie in SimpleCookie(header).items():
        problems = {
            "SameSite=Strict: the browser does not send it when it comes back from PeeringDB": (
                cookie["samesite"].lower() == "strict"
            ),
            "not Secure: it is sent over http, too": is_secure and not cookie["secure"],
            "not HttpOnly: scripts can read it": not cookie["httponly"],
            "without the prefix __Host-: another host of the domain can set it": (
                is_secure and not name.startswith("__Host-")
            ),
        }
        for problem, is_so in problems.items():
            if is_so:
                yield Finding(
                    check="cookies",
                    status="problem" if "Strict" in problem else "warning",
                    seen=f"The cookie {name} is {problem}.",
                    remedy="Let nothing before the application change its cookies, and correct the"
                    " settings of its sessions.",
                )
