"""Logins that were started: each in a sealed cookie of its own.

So logins in several tabs do not disturb each other. Scripts and people cannot read the
cookie, because the code_verifier is in it. The cookie outlives the answer, because the
same callback may come again: after a reload, or with the back button.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from peeringdb_oauth.authorization import (
    LIFETIME,
    AuthorizationRequest,
    build_authorization_url,
    code_challenge,
)
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web.return_path import MAX_LENGTH
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.visit import Cookie

MAX_LOGINS = 8  # at a time in one browser
# Of one cookie as the browser sends it. Eight are less than 8 KB, also when they were
# answered.
MAX_SIZE = 1000
# Of all cookies together, if their paths alone are not longer. Servers take about 8 KB
# of cookies, and the session needs up to 4 KB.
MAX_BYTES = 4096
_USUAL_SIZE = 352  # of a cookie whose return path is short
# The same where return paths may be longer: no application behind it gets the cookies.
_MUCH_BYTES = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLogin:
    """A login that was started.

    ``request``: what PeeringDB was asked. ``return_path``: the page to return to.
    ``prompted``: PeeringDB was told to ask for the password even if the person is
    logged in there. ``answered_at``: when its last callback came, in Unix seconds; None
    for a login that is on its way. ``code_hash``: stands for the code with which the
    login ended well; empty if it did not. ``refusal``: why the person was refused.
    ``refused``: who that was, with id and name only; None if it is not known.
    ``connects``: the key of the application's own account that the person is to be
    connected to; empty for a mere login.
    """

    request: AuthorizationRequest
    return_path: str
    prompted: bool
    answered_at: float | None = None
    code_hash: str = ""
    refusal: tuple[Reason, ...] = ()
    refused: User | None = None
    connects: str = ""

    @property
    def has_ended_well(self) -> bool:
        """Whether somebody was logged in."""
        return bool(self.code_hash)

    def has_ended_with(self, code: object) -> bool:
        """Whether somebody was logged in with this very code."""
        return self.has_ended_well and self.code_hash == _hash_code(code)


class PendingLogins:
    """Writes and reads the cookies of one application's logins.

    ``longest_path``: characters of a return path. If that is more than usual, no room
    is kept for logins that may follow: they get a shorter path then.
    """

    def __init__(
        self, provider: Provider, sealer: Sealer, *, longest_path: int = MAX_LENGTH
    ) -> None:
        is_usual = longest_path <= MAX_LENGTH
        self._max_size = MAX_SIZE if is_usual else 4 * (longest_path + 400) // 3
        self._max_bytes = MAX_BYTES if is_usual else _MUCH_BYTES
        self._kept_free = _USUAL_SIZE if is_usual else 0
        self._provider = provider
        self._config = provider.config
        self._sealer = sealer
        # Another application may share our secret and host, so the purpose names the
        # client, and a gateway has several hosts. The number is the version of what is
        # sealed: increase it when that changes.
        self._purpose = (
            f"login 6 of {self._config.client_id} at {self._config.base_url}"
            f" for {self._config.redirect_uri}"
        )
        self._secure = self._config.redirect_uri.startswith("https:")
        # Of two applications at one host, neither deletes the logins of the other.
        address = f"{self._config.client_id} {self._config.base_url} {self._config.redirect_uri}"
        tag = sha256(address.encode()).hexdigest()[:6]
        self._prefix = f"{'__Host-' if self._secure else ''}peeringdb-login-{tag}-"

    def start(
        self, login: PendingLogin, cookies: Mapping[str, str], *, shorter: tuple[str, ...] = ()
    ) -> tuple[str, tuple[Cookie, ...]]:
        """Where to send the browser for a new login, and the cookies to set.

        A login that is on its way is never deleted. If there are too many, the new one
        shares the state of the newest. Each brings a code of its own, so both can end
        well. A login that connects an account shares no state, and takes the place of
        an earlier one of its kind.

        ``shorter``: other return paths, the best first. They count if the cookies have
        no room for the login's own.
        """
        waiting, answered = self._by_age(cookies)
        connecting = [] if login.connects else [other for other in waiting if other.connects]
        waiting = [other for other in waiting if not other.connects]
        if len(waiting) >= MAX_LOGINS and not login.connects:
            newest = waiting.pop(0)
            login = replace(login, request=self._repeat(newest.request, login))
        kept = connecting + waiting + answered[: max(0, MAX_LOGINS - 1 - len(waiting))]
        names = {self.name(other.request.state) for other in kept}
        room = self._max_bytes - sum(_size(name, cookies[name]) for name in names)
        room -= self._kept_free * (MAX_LOGINS - 1 - len(names))  # for those that may follow
        cookie = self._cookie_of_first_that_fits(login, shorter, room)
        ended = self.names(cookies) - names - {cookie.name}
        return login.request.url, (cookie, *(self._cookie(name, "", 0) for name in sorted(ended)))

    def find(self, state: object, cookies: Mapping[str, str]) -> PendingLogin | None:
        """The login that ``state`` of a callback belongs to.

        None if this browser has no such login.

        Raises:
            InvalidResponse: this application cannot have started the login.
        """
        if not isinstance(state, str) or not state:
            return None
        return self._open(cookies.get(self.name(state)))

    def find_all(self, cookies: Mapping[str, str]) -> list[PendingLogin]:
        """All logins of a browser."""
        logins = []
        for name in self.names(cookies):
            with suppress(InvalidResponse):
                login = self._open(cookies[name])
                if login is not None and self.name(login.request.state) == name:
                    logins.append(login)
        return logins

    def answer(
        self,
        login: PendingLogin,
        code: object,
        refusal: tuple[Reason, ...] = (),
        user: User | None = None,
    ) -> Cookie:
        """The cookie of a login that is answered now.

        ``code``: with which it ended well; None if it did not. ``refusal``: why
        ``user`` was refused. If there is no room for all, the name is not kept, and
        only the first reasons are.
        """
        login = replace(
            login,
            answered_at=self._provider.clock(),
            code_hash="" if code is None else _hash_code(code),
            refusal=refusal,
            refused=User(id=user.id, name=user.name) if user and refusal else None,
        )
        cookie = self._cookie_of(login)
        if _size(cookie.name, cookie.value) > self._max_size:
            login = replace(login, refused=None)
            cookie = self._cookie_of(login)
        while login.refusal and _size(cookie.name, cookie.value) > self._max_size:
            login = replace(login, refusal=login.refusal[:-1])
            cookie = self._cookie_of(login)
        return cookie

    def forget_answered(self, cookies: Mapping[str, str]) -> tuple[Cookie, ...]:
        """The cookies that delete the logins that are not on their way any more."""
        _, answered = self._by_age(cookies)
        return tuple(self._cookie(self.name(login.request.state), "", 0) for login in answered)

    def _by_age(self, cookies: Mapping[str, str]) -> tuple[list[PendingLogin], list[PendingLogin]]:
        """The logins on their way, and those that were answered; the newest first."""
        now = self._provider.clock()
        logins = sorted(
            self.find_all(cookies),
            key=lambda login: login.answered_at or login.request.created_at,
            reverse=True,
        )
        waiting = [login for login in logins if login.answered_at is None]
        return (
            [login for login in waiting if elapsed(login.request.created_at, now) <= LIFETIME],
            [login for login in logins if login.answered_at is not None],
        )

    def _repeat(self, request: AuthorizationRequest, login: PendingLogin) -> AuthorizationRequest:
        """A login that is on its way, asked for once more."""
        url = build_authorization_url(
            self._config,
            self._provider.metadata,
            scope=request.scope,
            state=request.state,
            nonce=request.nonce,
            prompt="login" if login.prompted else None,
            code_challenge=code_challenge(request.code_verifier),
        )
        return replace(request, url=url)

    def _cookie_of_first_that_fits(
        self, login: PendingLogin, shorter: tuple[str, ...], room: int
    ) -> Cookie:
        cookie = self._cookie_of(login)
        limit = min(self._max_size, room)
        for return_path in shorter:
            if _size(cookie.name, cookie.value) <= limit:
                break
            cookie, limit = self._cookie_of(replace(login, return_path=return_path)), self._max_size
        return cookie

    def _cookie_of(self, login: PendingLogin) -> Cookie:
        request, answer = login.request, None
        if login.answered_at is not None:
            # Rounded down: a login that starts later is never older than this answer.
            after = math.floor(login.answered_at - request.created_at)
            refusal = [(reason.text.to_json(), reason.code, reason.asn) for reason in login.refusal]
            refused = [login.refused.id, login.refused.name] if login.refused else []
            answer = [after, login.code_hash, refusal, *refused]
        scope = None if request.scope == self._config.scope else " ".join(request.scope)
        value = self._sealer.seal(
            self._purpose,
            [
                *(request.created_at, request.state, request.code_verifier, request.nonce),
                *(scope, login.return_path, int(login.prompted), answer),
                *filter(None, [login.connects]),
            ],
        )
        return self._cookie(self.name(request.state), value, LIFETIME)

    def _open(self, value: str | None) -> PendingLogin | None:
        stored: list[Any] | None = self._sealer.open(self._purpose, value)
        if stored is None:
            return None
        created_at, state, code_verifier, nonce, *others = stored
        scope, return_path, prompted, answer, *connects = others
        request = AuthorizationRequest.from_dict(
            {
                "url": f"{self._config.base_url}/",  # its query is not needed any more
                "state": state,
                "nonce": nonce,
                "code_verifier": code_verifier,
                "redirect_uri": self._config.redirect_uri,
                "scope": self._config.scope if scope is None else scope.split(),
                "created_at": created_at,
            }
        )
        after, code_hash, refusal, *refused = answer or (None, "", ())
        return PendingLogin(
            request=request,
            return_path=return_path,
            prompted=bool(prompted),
            answered_at=None if after is None else created_at + after,
            code_hash=code_hash,
            refusal=tuple(
                Reason(Text.from_json(text), code=code, asn=asn) for text, code, asn in refusal
            ),
            refused=User(id=refused[0], name=refused[1]) if refused else None,
            connects=connects[0] if connects else "",
        )

    def _cookie(self, name: str, value: str, max_age: int) -> Cookie:
        return Cookie(name=name, value=value, max_age=max_age, secure=self._secure)

    def name(self, state: str) -> str:
        """The name of the cookie of a login."""
        return self._prefix + sha256(state.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def names(self, cookies: Mapping[str, str]) -> set[str]:
        """The names of all cookies of logins."""
        return {name for name in cookies if name.startswith(self._prefix)}


def _hash_code(code: object) -> str:
    """Eight characters that tell a code of a login from another. They prove nothing."""
    return sha256(repr(code).encode()).hexdigest()[:8]


def _size(name: str, value: str) -> int:
    """The bytes of a cookie as a browser sends it."""
    return len(f"{name}={value}; ")
