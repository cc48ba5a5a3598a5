"""Log a person in through the test client of an application.

The client asks the application for its login path, the person's browser goes through
PeeringDB's pages, and the client requests the callback URL.

It works with the test clients of Flask (Werkzeug), Starlette and FastAPI (httpx) and
Django, and imports none of them.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

from peeringdb_oauth.sandbox.errors import SandboxError
from peeringdb_oauth.sandbox.people import SECOND_FACTORS

__tracebackhide__ = True  # pytest shows the line of the test instead of this file

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REQUESTS = 20  # in one login
_MAX_WORDS = 12  # of an answer, in an error message
_MAX_WORD_LENGTH = 24  # characters; a longer word may be a code, a token or a state


def log_in(
    client: Any, path: str, visit_peeringdb: Callable[[str], str], *, method: str, sandbox_url: str
) -> Any:
    """Log in, and return the application's last response.

    ``client``: the test client. ``path``, ``method``: the request that starts the
    login. ``visit_peeringdb``: is given the authorization URL and returns the callback
    URL. ``sandbox_url``: the base URL of the sandbox.

    Raises:
        SandboxError: the application does not lead to the sandbox, or it redirects
            without end.
        TypeError: the client is not a test client that is known, or it is asynchronous.
    """
    adapter = _adapter_for(client, asynchronous=False)
    login = _Login(adapter, method, path, visit_peeringdb, sandbox_url)
    while login.request:
        login.follow(adapter.send(client, *login.request))
    return login.response


async def alog_in(
    client: Any, path: str, visit_peeringdb: Callable[[str], str], *, method: str, sandbox_url: str
) -> Any:
    """Log in like `log_in`, with a client whose requests are awaited.

    Raises:
        SandboxError: as in `log_in`.
        TypeError: the client is not a test client that is known, or it is not
            asynchronous.
    """
    adapter = _adapter_for(client, asynchronous=True)
    login = _Login(adapter, method, path, visit_peeringdb, sandbox_url)
    while login.request:
        login.follow(await adapter.send(client, *login.request))
    return login.response


def second_factor_for(amr: Sequence[str]) -> str:
    """The second factor that makes PeeringDB send this ``amr``.

    Raises:
        SandboxError: PeeringDB sends it after no login.
    """
    for factor, (_, sent) in SECOND_FACTORS.items():
        if sent == tuple(amr):
            return factor
    possible = ", ".join(f"{sent} ({label.lower()})" for label, sent in SECOND_FACTORS.values())
    raise SandboxError(f"PeeringDB never sends amr {tuple(amr)}; it sends one of: {possible}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClientAdapter:
    """How to use one kind of test client.

    ``send``: sends a request, given client, method, path and scheme (None for the
    client's usual one). ``url_of``: the URL that was requested, given the response.
    """

    send: Callable[[Any, str, str, str | None], Any]
    url_of: Callable[[Any], str]


class _Login:
    """A login in progress.

    ``request``: the next request to the application, as method, path and scheme; None
    at the end. ``response``: the application's last response.
    """

    def __init__(
        self,
        adapter: _ClientAdapter,
        method: str,
        path: str,
        visit_peeringdb: Callable[[str], str],
        sandbox_url: str,
    ) -> None:
        self._url_of = adapter.url_of
        self._start = f"{method} {_without_query(path)}"
        self._visit_peeringdb = visit_peeringdb
        self._sandbox_url = sandbox_url
        self._callback_host = ""
        self._may_move = True
        self._requests_left = _MAX_REQUESTS
        self.request: tuple[str, str, str | None] | None = (method, path, None)
        self.response: Any = None

    def follow(self, response: Any) -> None:
        """Take the response to `request`, and find out the next request.

        Redirects are followed to the sandbox, to the host of the callback URL, and to
        the host that was just asked. Before that, a redirect to the same path on
        another host is followed once: an application sends people to the host of its
        redirect URI before they log in. The client keeps its own host.
        """
        self.response, self.request = response, None
        self._requests_left -= 1
        here = self._url_of(response)
        location = response.headers.get("Location") if response.status_code in _REDIRECTS else None
        target = urljoin(here, location) if location else ""
        if target.startswith(f"{self._sandbox_url}/"):
            target = self._visit_peeringdb(target)
            self._callback_host = urlsplit(target).hostname or ""
        parts = urlsplit(target)
        hosts = {urlsplit(here).hostname, self._callback_host}
        if parts.hostname in hosts or self._moves(urlsplit(here).path, parts.path):
            query = f"?{parts.query}" if parts.query else ""
            self.request = ("GET", f"{parts.path or '/'}{query}", parts.scheme)
        elif not self._callback_host:
            raise self._no_login(target)
        if self.request and not self._requests_left:
            raise SandboxError(
                f"the application still redirects after {_MAX_REQUESTS} requests, now to"
                f" {_without_query(target)}"
            )

    def _moves(self, asked_path: str, path: str) -> bool:
        """Whether the application sends the start of the login to its other host."""
        moves = self._may_move and not self._callback_host and asked_path == path
        self._may_move = self._may_move and not moves
        return moves

    def _no_login(self, target: str) -> SandboxError:
        """The error for an application that leads elsewhere, or nowhere."""
        answer = (
            f"redirects to {_without_query(target)}"
            if target
            else f"answers {self.response.status_code}{_first_words(self.response)}"
        )
        return SandboxError(
            f"{self._start} does not lead to the sandbox at {self._sandbox_url}, but {answer}\n"
            "Configure the application with peeringdb.client_config(), and pass log_in() the path"
            " where its login starts."
        )


def _send_with_httpx(client: Any, method: str, target: str, scheme: str | None) -> Any:
    if scheme:
        # The client sends "Secure" cookies to https only.
        client.base_url = client.base_url.copy_with(scheme=scheme)
    return client.request(method, client.base_url.join(target), follow_redirects=False)


def _send_with_werkzeug(client: Any, method: str, target: str, scheme: str | None) -> Any:
    return client.open(
        target, method=method, environ_overrides={"wsgi.url_scheme": scheme} if scheme else {}
    )


def _send_with_django(client: Any, method: str, target: str, scheme: str | None) -> Any:
    return client.generic(method, target, secure=scheme == "https")


def _django_url(response: Any) -> str:
    request = getattr(response, "wsgi_request", None) or response.asgi_request
    return str(request.build_absolute_uri())


_HTTPX = _ClientAdapter(send=_send_with_httpx, url_of=lambda response: str(response.url))
# By the package that defines the client's class, or a class that it inherits from.
_ADAPTERS = {
    "httpx": _HTTPX,
    "httpx2": _HTTPX,
    "werkzeug": _ClientAdapter(
        send=_send_with_werkzeug, url_of=lambda response: str(response.request.url)
    ),
    "django": _ClientAdapter(send=_send_with_django, url_of=_django_url),
}


def _adapter_for(client: Any, *, asynchronous: bool) -> _ClientAdapter:
    name = type(client).__qualname__
    packages = [base.__module__.partition(".")[0] for base in type(client).__mro__]
    adapter = next((_ADAPTERS[package] for package in packages if package in _ADAPTERS), None)
    if adapter is None:
        raise TypeError(
            f"a login needs the test client of Flask, Starlette, FastAPI or Django, not {name!r}"
        )
    if asynchronous and not _is_asynchronous(client):
        raise TypeError(f"for {name!r} write: peeringdb.log_in(...)")
    if _is_asynchronous(client) and not asynchronous:
        raise TypeError(f"for {name!r} write: await peeringdb.alog_in(...)")
    return adapter


def _is_asynchronous(client: Any) -> bool:
    # Werkzeug's client has no method "request".
    return inspect.iscoroutinefunction(getattr(client, "request", None))


def _without_query(url: str) -> str:
    """The URL for an error message. Its query and its fragment may hold secrets."""
    return re.split("[?#]", url, maxsplit=1)[0]


def _first_words(response: Any) -> str:
    """The first words of an answer, without markup and without possible secrets."""
    text = unescape(
        re.sub(r"(?is)<(script|style|title)\b.*?</\1>|<[^>]*>", " ", getattr(response, "text", ""))
    )
    words = [word if len(word) <= _MAX_WORD_LENGTH else "..." for word in text.split()[:_MAX_WORDS]]
    return f": {' '.join(words)}" if words else ""
