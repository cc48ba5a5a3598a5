"""A login through the test client of an application: from its login path to PeeringDB's
pages, and back to where the application leads.

Knows the test clients of Flask (Werkzeug's), Starlette and FastAPI (httpx's) and
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

__tracebackhide__ = True  # pytest shows the line of the test, not ours

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REQUESTS = 20  # of one login
_MAX_WORDS = 12  # of an answer that are shown
_MAX_WORD_LENGTH = 24  # characters; codes, tokens and states have more


def log_in(
    client: Any,
    path: str,
    visit_peeringdb: Callable[[str], str],
    *,
    method: str,
    sandbox_url: str,
) -> Any:
    """The application's last response. `visit_peeringdb` makes a callback URL of an
    authorization URL.
    """
    adapter = _adapter_for(client, asynchronous=False)
    login = _Login(adapter, method, path, visit_peeringdb, sandbox_url)
    while login.request:
        login.follow(adapter.send(client, *login.request))
    return login.response


async def alog_in(
    client: Any,
    path: str,
    visit_peeringdb: Callable[[str], str],
    *,
    method: str,
    sandbox_url: str,
) -> Any:
    """The same with a client whose requests are awaited."""
    adapter = _adapter_for(client, asynchronous=True)
    login = _Login(adapter, method, path, visit_peeringdb, sandbox_url)
    while login.request:
        login.follow(await adapter.send(client, *login.request))
    return login.response


def second_factor_for(amr: Sequence[str]) -> str:
    """What somebody logs in with, so that PeeringDB says this `amr`."""
    for factor, (_, sent) in SECOND_FACTORS.items():
        if sent == tuple(amr):
            return factor
    possible = ", ".join(f"{sent} ({label.lower()})" for label, sent in SECOND_FACTORS.values())
    raise SandboxError(
        f"PeeringDB says amr {tuple(amr)} after no login; it says one of: {possible}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClientAdapter:
    """A kind of client: how it sends a request (client, method, path, scheme), and the
    URL that a response of it answers.
    """

    send: Callable[[Any, str, str, str | None], Any]
    url_of: Callable[[Any], str]


def _over_httpx(client: Any, method: str, target: str, scheme: str | None) -> Any:
    if scheme:
        client.base_url = client.base_url.copy_with(
            scheme=scheme,
        )  # its cookie jar gives "Secure" ones back to https only
    return client.request(method, client.base_url.join(target), follow_redirects=False)


def _over_werkzeug(client: Any, method: str, target: str, scheme: str | None) -> Any:
    return client.open(
        target,
        method=method,
        environ_overrides={"wsgi.url_scheme": scheme} if scheme else {},
    )


def _over_django(client: Any, method: str, target: str, scheme: str | None) -> Any:
    return client.generic(method, target, secure=scheme == "https")


def _django_url(response: Any) -> str:
    request = getattr(response, "wsgi_request", None) or response.asgi_request
    return str(request.build_absolute_uri())


_HTTPX = _ClientAdapter(send=_over_httpx, url_of=lambda response: str(response.url))
_ADAPTERS = {
    "httpx": _HTTPX,
    "httpx2": _HTTPX,
    "werkzeug": _ClientAdapter(
        send=_over_werkzeug, url_of=lambda response: str(response.request.url)
    ),
    "django": _ClientAdapter(send=_over_django, url_of=_django_url),
}


class _Login:
    """Which request the application gets next (`request`: method, path, scheme or None
    for the client's usual one; None at the end).
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
        self._redirect_host = ""
        self._requests_left = _MAX_REQUESTS
        self.request: tuple[str, str, str | None] | None = (method, path, None)

    def follow(self, response: Any) -> None:
        """Go on from the answer to `request`."""
        self.response, self.request = response, None
        self._requests_left -= 1
        here = self._url_of(response)
        location = response.headers.get("Location") if response.status_code in _REDIRECTS else None
        target = urljoin(here, location) if location else ""
        if target.startswith(f"{self._sandbox_url}/"):
            target = self._visit_peeringdb(target)
            self._redirect_host = urlsplit(target).hostname or ""
        parts = urlsplit(target)
        if parts.hostname in {urlsplit(here).hostname, self._redirect_host}:
            self.request = (
                "GET",
                f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}",
                parts.scheme,
            )
        elif not self._redirect_host:
            raise self._astray_error(target)
        if self.request and not self._requests_left:
            raise SandboxError(
                f"the application still redirects after {_MAX_REQUESTS} requests, now to"
                f" {_without_query(target)}",
            )

    def _astray_error(self, target: str) -> SandboxError:
        answer = (
            f"redirects to {_without_query(target)}"
            if target
            else f"answers {self.response.status_code}{_first_words(self.response)}"
        )
        return SandboxError(
            f"{self._start} does not lead to the sandbox at {self._sandbox_url}, but {answer}\nGive"
            " the application peeringdb.client_config(), and log_in() the path where its login"
            " starts.",
        )


def _adapter_for(client: Any, *, asynchronous: bool) -> _ClientAdapter:
    """Told by the package that the client's class comes from."""
    name = type(client).__qualname__
    packages = [base.__module__.partition(".")[0] for base in type(client).__mro__]
    adapter = next((_ADAPTERS[package] for package in packages if package in _ADAPTERS), None)
    if adapter is None:
        raise TypeError(
            f"a login needs the test client of Flask, Starlette, FastAPI or Django, not {name!r}",
        )
    if asynchronous and not _is_asynchronous(client):
        raise TypeError(f"for {name!r} write: peeringdb.log_in(...)")
    if _is_asynchronous(client) and not asynchronous:
        raise TypeError(f"for {name!r} write: await peeringdb.alog_in(...)")
    return adapter


def _is_asynchronous(client: Any) -> bool:
    # Werkzeug's has none
    return inspect.iscoroutinefunction(getattr(client, "request", None))


def _without_query(url: str) -> str:
    """A URL to show: what is secret in one stands in its query."""
    return re.split("[?#]", url, maxsplit=1)[0]


def _first_words(response: Any) -> str:
    """How an answer begins, without markup and without what may be a secret."""
    text = unescape(
        re.sub(r"(?is)<(script|style|title)\b.*?</\1>|<[^>]*>", " ", getattr(response, "text", "")),
    )
    words = [word if len(word) <= _MAX_WORD_LENGTH else "..." for word in text.split()[:_MAX_WORDS]]
    return f": {' '.join(words)}" if words else ""
