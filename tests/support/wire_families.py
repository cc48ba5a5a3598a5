"""Replay the recordings of tests/wire-2, whose requests depend on each other.

A family is a function that replays some recordings in their order, on one `Stage`. What
a family needs before is in tests/wire-2/INDEX.md.
"""

import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from sandbox_web import Answer, Visitor
from wire_replay import World, read, start_new_minute

WIRE_2 = Path(__file__).parents[1] / "wire-2"
RECORDINGS_2 = sorted(path.stem for path in WIRE_2.glob("*.http"))
JWKS = "/oauth2/.well-known/jwks.json"
SCOPE = "openid profile"


class Stage:
    """Replays recordings and keeps the answers.

    ``answers``: by the name of the recording. ``visitor``: the browser whose cookies
    stand in for the recorded ones.
    """

    def __init__(self, world: World, visitor: Visitor) -> None:
        self.world, self.visitor = world, visitor
        self.answers: dict[str, Answer] = {}

    def replay(self, name: str, **replacements: str) -> Answer:
        request, _ = read(name, WIRE_2)
        headers = {}
        if "Cookie" in request.headers:
            headers["Cookie"] = self._cookies(request.headers["Cookie"])
        self.answers[name] = self.world.replay(request, replacements, headers)
        return self.answers[name]

    def press(self, name: str, page: str | requests.Response, **fields: str) -> requests.Response:
        """Send a form in place of a recorded one.

        ``page``: the URL of the page with the form, or the answer that has the form or
        leads to it.
        """
        url = page if isinstance(page, str) else page.headers.get("Location", "")
        form = self.visitor.get(url) if url else page
        response = self.visitor.press(form, **fields)  # type: ignore[arg-type]  # no text
        self.answers[name] = Answer(
            status=response.status_code,
            headers=response.headers,  # type: ignore[arg-type]  # has items() as well
            body=response.content,
        )
        return response

    def log_in(self, person: str, factor: str | None = "otp") -> None:
        """Log in for an authorization, approve it, and exchange the code."""
        url = self.authorization_url()
        page = self.visitor.log_in(person, self.visitor.get(url), factor)
        if page.status_code == 200:
            page = self.visitor.press(page, allow="Authorize")
        if "code=" in page.headers["Location"]:
            self.exchange(code_in(page.headers["Location"]))

    def authorization_url(self, **parameters: str) -> str:
        app = self.world.apps["conf-rs256"]
        return self.world.web.authorization_url(app, scope=SCOPE, **parameters)

    def exchange(self, code: str) -> dict[str, Any]:
        return self.world.web.exchange(self.world.apps["conf-rs256"], code).json()

    def tokens(self, person: str, scope: str = SCOPE) -> dict[str, Any]:
        return self.world.web.tokens(self.world.apps["conf-rs256"], person, scope=scope)

    def code(self, person: str, scope: str = SCOPE) -> str:
        return self.world.web.code(self.world.apps["conf-rs256"], person, scope=scope)

    def spend(self, requests: int, address: str, **headers: str) -> None:
        for _ in range(requests):
            answer = self.world.web.get(JWKS, None, {"X-Forwarded-For": address} | headers)
            assert answer.status == 200

    def _cookies(self, recorded: str) -> str:
        values = {cookie.name: cookie.value for cookie in self.visitor.session.cookies}
        names = {"sessionid": self.visitor.SESSION_COOKIE, "oauth_session": "oauth_session"}
        sent = {
            names[name]: values.get(names[name], morsel.value)
            for name, morsel in SimpleCookie(recorded).items()
            if name in names
        }
        return "; ".join(f"{name}={value}" for name, value in sent.items())


def code_in(url: str) -> str:
    return parse_qs(urlsplit(url).query)["code"][0]


def address_of(name: str) -> str:
    return read(name, WIRE_2)[0].headers["X-Forwarded-For"]


def single(stage: Stage) -> None:
    """The recordings that need nothing before."""
    for name in RECORDINGS_2:
        if not any(name.startswith(prefix) for prefix in _NEED_MORE):
            stage.replay(name)


def memory_of_refusals(stage: Stage) -> None:
    for name in RECORDINGS_2:
        if name.startswith("negcache-"):
            stage.replay(name)


def minute(stage: Stage) -> None:
    address = address_of("ratelimit-window-1-request-120")
    start_new_minute(stage.world, address)
    stage.spend(119, address)
    stage.replay("ratelimit-window-1-request-120")
    stage.replay("ratelimit-window-2-request-121")
    stage.replay("ratelimit-window-3-repeat-from-memory")
    stage.replay("ratelimit-window-4-other-path")
    stage.replay("ratelimit-window-5-notfound-passes")
    stage.replay("ratelimit-window-6-noslash-post")
    start_new_minute(stage.world, address)
    stage.spend(119, address)
    stage.replay("ratelimit-window-7-request-120-last-second")
    stage.replay("ratelimit-window-8-request-121-last-second")
    start_new_minute(stage.world, address)
    stage.replay("ratelimit-window-9-request-1-after-boundary")
    stage.spend(118, address)
    stage.replay("ratelimit-window-10-request-120-after-boundary")
    stage.replay("ratelimit-window-11-request-121-after-boundary")


def minute_and_memory(stage: Stage) -> None:
    address = address_of("ratelimit-memory-1-request-121")
    start_new_minute(stage.world, address)
    begin = time.monotonic()
    stage.spend(100, address)
    # Be near the end of the minute, however slow the server is.
    stage.world.pdb.advance(max(0, 52 - (time.monotonic() - begin)))
    stage.spend(20, address)
    wait = int(stage.replay("ratelimit-memory-1-request-121").headers["Retry-After"])
    stage.world.pdb.advance(wait + 1.2)
    stage.replay("ratelimit-memory-2-after-retry-after")
    stage.replay("ratelimit-memory-3-other-path-after-retry-after")
    stage.world.pdb.advance(10.5)
    stage.replay("ratelimit-memory-4-after-ten-seconds-silence")


def dead_session(stage: Stage) -> None:
    address = address_of("ratelimit-dead-session-1-request-120")
    start_new_minute(stage.world, address)
    cookie = f"{stage.visitor.SESSION_COOKIE}=abcdefghijklmnopqrstuvwxyz012345"
    stage.spend(119, address, Cookie=cookie)
    stage.replay("ratelimit-dead-session-1-request-120")
    stage.replay("ratelimit-dead-session-2-request-121")


def blocked_address(stage: Stage) -> None:
    address = address_of("notfound-root-blocked")
    for i in range(12):
        stage.world.web.get("/profile/v1", f"bogus{i}", {"X-Forwarded-For": address})
    stage.replay("token-noslash-post-blocked")
    stage.replay("notfound-root-blocked")
    stage.replay("throttle-429-discovery")


def options_with_token(stage: Stage) -> None:
    token = stage.tokens("orgadmin")["access_token"]
    stage.replay("profile-options-origin-no-request-method-with-token", Authorization=token)


def account_switch(stage: Stage) -> None:
    stage.log_in("orgadmin")
    login = stage.replay("login-switch-account-1-authorize").headers["Location"]
    stage.replay("login-switch-account-2-login-page")
    second = stage.press("login-switch-account-3-login-password", login, person="member")
    stage.press("login-switch-account-4-login-totp", second, factor="otp")
    after = stage.replay("login-switch-account-5-authorize-after")
    tokens = stage.replay("login-switch-account-6-token", code=code_in(after.headers["Location"]))
    token = tokens.json()["access_token"]
    stage.replay("login-switch-account-7-profile", Authorization=token)
    stage.replay("login-switch-account-8-logout")


def account_switch_without_oauth_cookie(stage: Stage) -> None:
    stage.log_in("orgadmin")
    stage.visitor.session.cookies.set("oauth_session", None)
    family = "login-switch-account-no-oauth-cookie"
    login = stage.replay(f"{family}-1-authorize").headers["Location"]
    stage.replay(f"{family}-2-login-page")
    second = stage.press(f"{family}-3-login-password", login, person="member")
    stage.press(f"{family}-4-login-totp", second, factor="otp")


def same_account(stage: Stage) -> None:
    stage.log_in("orgadmin")
    login = stage.replay("login-same-account-1-authorize").headers["Location"]
    stage.replay("login-same-account-2-login-page")
    second = stage.press("login-same-account-3-login-password", login, person="orgadmin")
    stage.press("login-same-account-4-login-totp", second, factor="otp")


def no_second_factor(stage: Stage) -> None:
    stage.log_in("nomfa", factor=None)
    token = stage.tokens("orgadmin")["access_token"]
    names = [name for name in RECORDINGS_2 if name.startswith("session-no-mfa-")]
    for name in sorted(names, key=lambda name: "logout" in name):
        stage.replay(name, Authorization=token)


def maintenance(stage: Stage) -> None:
    stage.log_in("orgadmin")
    code, refresh = stage.code("orgadmin"), stage.tokens("member")["refresh_token"]
    token = stage.tokens("orgadmin")["access_token"]
    consent = stage.visitor.get(stage.authorization_url(approval_prompt="force"))
    stage.world.pdb.fault("maintenance")
    stage.replay("maintenance-token-exchange", code=code)
    stage.replay("maintenance-token-refresh", refresh_token=refresh)
    stage.replay("maintenance-token-basic")
    stage.replay("maintenance-token-noslash-post")
    stage.replay("maintenance-notfound-post")
    stage.replay("maintenance-revoke", token=refresh)
    stage.replay("maintenance-profile", Authorization=token)
    stage.replay("maintenance-discovery-oidc-root")
    stage.replay("maintenance-authorize-not-logged-in")
    stage.replay("maintenance-authorize-logged-in")
    stage.press("maintenance-authorize-post-consent", consent.url, allow="Authorize")
    stage.press("maintenance-login-post", "/account/login/", person="member")
    stage.world.pdb.clear_faults()
    stage.replay("maintenance-over-token-exchange", code=code)
    stage.replay("maintenance-over-token-refresh", refresh_token=refresh)


def races(stage: Stage) -> None:
    """What each request of a race is answered. The faults stand in for the others."""
    code = stage.code("limited", "profile")
    stage.replay("token-race-1-winner", code=code)
    stage.replay("token-race-2-error", code=code)
    stage.replay("token-race-3-server-error", code=code)
    refresh = stage.tokens("limited")["refresh_token"]
    stage.replay("refresh-race-1", refresh_token=refresh)
    refresh = stage.tokens("limited")["refresh_token"]
    stage.world.pdb.fault("refresh_race", times=1)
    stage.replay("refresh-race-2", refresh_token=refresh)
    refresh = stage.tokens("limited")["refresh_token"]
    stage.world.pdb.fault("refresh_lost", times=1)
    stage.replay("refresh-race-3", refresh_token=refresh)


def stripped_challenge(stage: Stage) -> None:
    stage.log_in("orgadmin")
    answer = stage.replay("pkce-stripped-1-authorize")
    stage.replay("pkce-stripped-2-token", code=code_in(answer.headers["Location"]))


_NEED_MORE = (
    "ratelimit-",
    "negcache-",
    "token-noslash-post-blocked",
    "notfound-root-blocked",
    "throttle-",
    "profile-options-origin-no-request-method-with-token",
    "login-",
    "session-",
    "maintenance-",
    "token-race-",
    "refresh-race-",
    "pkce-",
)
FAMILIES: list[Callable[[Stage], None]] = [
    single,
    memory_of_refusals,
    minute,
    minute_and_memory,
    dead_session,
    blocked_address,
    options_with_token,
    account_switch,
    account_switch_without_oauth_cookie,
    same_account,
    no_second_factor,
    maintenance,
    races,
    stripped_challenge,
]
