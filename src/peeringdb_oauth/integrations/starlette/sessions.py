"""The session of an application: our middleware, and what others must have."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from itsdangerous import TimestampSigner
from starlette.datastructures import MutableHeaders
from starlette.middleware import sessions
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from peeringdb_oauth.async_client import running_loop
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.web import NOT_STRICT, Cookie, private, without_impostors

# In the scope of a request that our middleware has seen: a list, with an entry for each
# guard that has let the request pass.
_PASSED = "peeringdb_oauth.passed"
# The same: a list of cookies to set with the answer.
_COOKIES = "peeringdb_oauth.cookies"


class GuardedSessionMiddleware(sessions.SessionMiddleware):
    """Starlette's session in a cookie, which no other host of the domain can replace.

    It also keeps the answers of guarded endpoints out of shared caches.
    ``secret_keys``: the first one signs, and all of them count. ``at_shutdown``: called
    when the application has ended and its event loop has not. ``options``: those of
    Starlette's middleware.
    """

    def __init__(
        self,
        app: ASGIApp,
        /,
        *,
        secret_keys: tuple[str, ...],
        at_shutdown: Callable[[], Awaitable[object]],
        **options: Any,
    ) -> None:
        super().__init__(app, secret_keys[0], **options)
        self._at_shutdown = at_shutdown
        self.signer = TimestampSigner(secret_keys[::-1])  # it signs with the last one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if "headers" not in scope:  # the start or the end of the server
            await self._live(scope, receive, send)
            return
        scope["headers"] = [
            (name, self._clean(value) if name == b"cookie" else value)
            for name, value in scope["headers"]
        ]
        passed: list[bool] = []
        cookies: list[Cookie] = []
        scope[_PASSED], scope[_COOKIES] = passed, cookies

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                if passed:
                    _make_private(MutableHeaders(scope=message))
                if cookies:
                    message["headers"] = [*message["headers"], *_headers_of(cookies)]
            await send(message)

        await super().__call__(scope, receive, send_with_headers)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            running_loop()
        except ConfigurationError as error:
            # So the server does not start, and says why.
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await self.app(scope, receive, partial(self._send_at_end, send))

    async def _send_at_end(self, send: Send, message: Message) -> None:
        if message["type"] == "lifespan.shutdown.complete":
            await self._at_shutdown()
        await send(message)

    def _clean(self, header: bytes) -> bytes:
        return without_impostors(header.decode("latin-1"), self.session_cookie).encode("latin-1")


def note_passed(request: HTTPConnection) -> None:
    """Note that a guard has let the request pass."""
    request.scope.get(_PASSED, []).append(True)


def note_cookies(request: HTTPConnection, cookies: tuple[Cookie, ...]) -> None:
    """Have our middleware set cookies with the answer to the request."""
    request.scope.get(_COOKIES, []).extend(cookies)


def set_cookies(response: Response, cookies: Iterable[Cookie]) -> Response:
    """The response, with cookies to set or to delete."""
    for cookie in cookies:
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            secure=cookie.secure,
            httponly=True,
            samesite="lax",
        )
    return response


def _headers_of(cookies: Iterable[Cookie]) -> list[tuple[bytes, bytes]]:
    headers = set_cookies(Response(), cookies).raw_headers
    return [header for header in headers if header[0] == b"set-cookie"]


def keep_private(response: Response) -> Response:
    """The response, which no shared cache may keep."""
    _make_private(response.headers)
    return response


def check_session(request: HTTPConnection) -> None:
    """Do nothing if the application has a session that serves for a login.

    Raises:
        ConfigurationError: it has none, or one that does not.
    """
    if "session" not in request.scope:
        raise ConfigurationError(
            "there is no session: give the application middleware=[pdb.session_middleware]"
        )
    rotation(request)
    for name in ("same_site", "cookie_same_site"):
        if any(str(each.kwargs.get(name)).lower() == "strict" for each in _middleware(request)):
            raise ConfigurationError(f"{name}: {NOT_STRICT}")


def rotation(request: HTTPConnection) -> Callable[[], object]:
    """The function that gives the session another id.

    Somebody may know the id from before the login, and would share the session after
    it. Starlette's own sessions are cookies, which have no id.

    Raises:
        ConfigurationError: the session may have an id, and nothing can change it.
    """
    # The package starsessions has this method.
    regenerate: Any = getattr(request.scope.get("session_handler"), "regenerate_id", None)
    if regenerate is not None:
        return regenerate  # type: ignore[no-any-return]  # of another package
    if not _is_cookie(request):
        raise ConfigurationError(
            "the middleware of the sessions cannot give a session another id at login; use"
            " pdb.session_middleware, or sessions on the server of the package starsessions"
        )
    return lambda: None


def rotate(request: HTTPConnection) -> None:
    """Give the session another id.

    Raises:
        ConfigurationError: as `rotation`.
    """
    rotation(request)()


def session_cookie(request: HTTPConnection, *, default: str) -> str:
    """The name of the session's cookie, as far as the application tells.

    ``default``: the name that our own middleware uses.
    """
    given = (
        each.kwargs[name]
        for each in _middleware(request)
        for name in ("session_cookie", "cookie_name")
        if name in each.kwargs
    )
    return next(given, default)


def _is_cookie(request: HTTPConnection) -> bool:
    """Whether Starlette's own middleware has made the session.

    Before version 1 its sessions are plain dicts.
    """
    kind = getattr(sessions, "Session", None)
    return (
        _PASSED in request.scope
        or (kind is not None and isinstance(request.session, kind))
        or any(issubclass(each.cls, sessions.SessionMiddleware) for each in _middleware(request))
    )


def _middleware(request: HTTPConnection) -> list[Any]:
    """The application's middleware for sessions: class, and arguments as ``kwargs``."""
    return [
        each
        for each in getattr(request.scope.get("app"), "user_middleware", ())
        if isinstance(each.cls, type) and "Session" in each.cls.__name__
    ]


def _make_private(headers: MutableHeaders) -> None:
    headers["Cache-Control"] = private(headers.get("Cache-Control"))
