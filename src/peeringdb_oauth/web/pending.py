"""Logins that were started and are not finished: each in a sealed cookie of its own.

So logins in several tabs do not disturb each other. Scripts and people cannot read the
cookie, because the code_verifier is in it. It lives as long as the login is valid, and
the answer to the callback deletes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from peeringdb_oauth.authorization import LIFETIME, AuthorizationRequest
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.visit import Cookie

MAX_LOGINS = 5  # at a time in one browser
# Of all these cookies together. Servers take about 8 KB of cookies, and the session
# needs up to 4 KB.
MAX_BYTES = 3072


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLogin:
    """A login that was started.

    ``request``: what PeeringDB was asked. ``return_path``: the page to return to.
    ``prompted``: PeeringDB was told to ask for the password even if the person is
    logged in there.
    """

    request: AuthorizationRequest
    return_path: str
    prompted: bool


class PendingLogins:
    """Writes and reads the cookies of one application's logins."""

    def __init__(self, config: ClientConfig, sealer: Sealer) -> None:
        self._config = config
        self._sealer = sealer
        # Another application may share our secret and host, so the purpose names the
        # client. The number is the version of what is sealed: increase it when that
        # changes.
        self._purpose = f"login 1 of {config.client_id} at {config.base_url}"
        self._secure = config.redirect_uri.startswith("https:")
        self._prefix = "__Host-peeringdb-login-" if self._secure else "peeringdb-login-"

    def start(self, login: PendingLogin, cookies: Mapping[str, str]) -> tuple[Cookie, ...]:
        """The cookies to set for a new login.

        They store the login and delete older logins if there are too many.
        """
        request = login.request
        value = self._sealer.seal(
            self._purpose,
            [
                *(request.created_at, request.state, request.code_verifier, request.nonce),
                *(" ".join(request.scope), login.return_path, login.prompted),
            ],
        )
        count, size = 1, len(value)
        ended = []
        for name, other in sorted(self._mine(cookies).items(), key=self._age):
            count, size = count + 1, size + len(other)
            if count > MAX_LOGINS or size > MAX_BYTES:
                ended.append(self.end(name))
        return self._cookie(self._name(request.state), value, LIFETIME), *ended

    def find(self, state: object, cookies: Mapping[str, str]) -> tuple[str, PendingLogin] | None:
        """The name of the cookie and the login that ``state`` of a callback belongs to.

        None if this browser has no such login.

        Raises:
            InvalidResponse: this application cannot have started the login.
        """
        if not isinstance(state, str) or not state:
            return None
        name = self._name(state)
        stored = self._open(cookies.get(name))
        if stored is None:
            return None
        created_at, own_state, code_verifier, nonce, scope, return_path, prompted = stored
        request = AuthorizationRequest.from_dict(
            {
                "url": f"{self._config.base_url}/",  # its query is not needed any more
                "state": own_state,
                "nonce": nonce,
                "code_verifier": code_verifier,
                "redirect_uri": self._config.redirect_uri,
                "scope": scope.split(),
                "created_at": created_at,
            },
        )
        return name, PendingLogin(request=request, return_path=return_path, prompted=prompted)

    def end(self, name: str) -> Cookie:
        """The cookie that deletes the one of this name."""
        return self._cookie(name, "", 0)

    def _cookie(self, name: str, value: str, max_age: int) -> Cookie:
        return Cookie(name=name, value=value, max_age=max_age, secure=self._secure)

    def _name(self, state: str) -> str:
        return self._prefix + sha256(state.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def _mine(self, cookies: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in cookies.items() if name.startswith(self._prefix)}

    def _age(self, cookie: tuple[str, str]) -> float:
        """A number to sort cookies by: the newest first, unreadable ones last."""
        stored = self._open(cookie[1])
        return float("inf") if stored is None else -float(stored[0])

    def _open(self, value: str | None) -> list[Any] | None:
        stored: list[Any] | None = self._sealer.open(self._purpose, value)
        return stored
