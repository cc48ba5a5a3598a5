"""Replay recorded requests at a sandbox, and compare the answers.

A code or a token in a recording is replaced by one that the sandbox has issued;
`PREPARATIONS` has the steps.
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

WIRE = Path(__file__).parents[1] / "wire"
RECORDED_URL = "https://127.0.0.1:8443"  # of the server that was recorded
RECORDINGS = sorted(path.stem for path in WIRE.glob("*.http"))

# They depend on the moment or on the address, or they belong to the connection. The
# content security policy belongs to the sandbox's own pages.
HEADERS_THAT_DO_NOT_MATTER = {
    "date",
    "content-length",
    "transfer-encoding",
    "connection",
    "content-security-policy",
    "set-cookie",
}
VOLATILE = {
    "access_token",
    "refresh_token",
    "iat",
    "exp",
    "auth_time",
    "jti",
    "at_hash",
    "kid",
    "n",
    "user_code",
    "device_code",
}
# PeeringDB makes these lists from sets.
UNORDERED = {"claims_supported", "oidc_claims_supported"}

APPLICATIONS = {
    "conf-rs256": {
        "redirect_uris": [
            "https://app.example.net/callback",
            "https://localhost:5000/login/callback",
        ],
        "secret": "secret-rs256-",
    },
    "conf-rs256-single": {"secret": "secret-single-"},
    "conf-noalg": {"secret": "secret-noalg-", "algorithm": None},
    "conf-hs256": {"secret": "secret-hs256-", "algorithm": "HS256"},
    "conf-hs256-plain": {
        "secret": "secret-hs256p-",
        "algorithm": "HS256",
        "hash_client_secret": False,
    },
    "public-rs256": {"secret": "secret-public-", "confidential": False},
    "special-secret": {"client_secret": "s3:c/ret+with %25&=chars~0123456789"},
}
S256 = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 50).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    start: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """What happens before a recorded request.

    ``person``, ``client``: who logs in, and where. ``asked``: parameters of the
    authorization request. ``exchange``: exchange the code. ``then``: a further step.
    ``into``: what to replace in the request (a parameter, or the header Authorization),
    and with which of the values from these steps.
    """

    person: str = "orgadmin"
    client: str = "conf-rs256"
    asked: dict[str, str | None] = field(default_factory=dict)
    exchange: bool = True
    then: Callable[[Any, dict[str, str]], None] | None = None
    into: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    pdb: Any
    web: Any
    apps: dict[str, Any]

    def refresh(self, refresh_token: str, **fields: str) -> Any:
        return self.web.refresh(self.apps["conf-rs256"], refresh_token, **fields)

    def replay(
        self,
        request: Message,
        replacements: dict[str, str],
        other_headers: dict[str, str] | None = None,
    ) -> Any:
        method, target = request.start.split(" ", 1)
        headers = request.headers | (other_headers or {})
        if "Authorization" in headers and "Authorization" in replacements:
            headers["Authorization"] = (
                f"{headers['Authorization'].split(' ')[0]} {replacements['Authorization']}"
            )
        path, question, query = target.partition("?")
        target = path + question + replaced(query, replacements)
        form = "form" in headers.get("Content-Type", "")
        return self.web.send(
            method,
            target,
            headers,
            (replaced(request.body, replacements) if form else request.body) or None,
        )


def scoped(scope: str | None, **more: Any) -> Prepare:
    return Prepare(asked={"scope": scope}, into={"Authorization": "access_token"}, **more)


def code(
    client: str = "conf-rs256", scope: str | None = None, then: Any = None, **asked: str | None
) -> Prepare:
    return Prepare(
        client=client,
        asked={"scope": scope, **asked},
        exchange=False,
        then=then,
        into={"code": "code"},
    )


def refreshing(scope: str | None = None, **more: Any) -> Prepare:
    return Prepare(asked={"scope": scope}, into={"refresh_token": "refresh_token"}, **more)


def token_in_body(which: str = "access_token", **more: Any) -> Prepare:
    return Prepare(into={"token": which, "Authorization": which}, **more)


def narrowed(world: World, got: dict[str, str]) -> None:
    got["refresh_token"] = world.refresh(got["refresh_token"], scope="profile").json()[
        "refresh_token"
    ]


def refreshed(world: World, got: dict[str, str]) -> None:
    got["access_token"] = world.refresh(got["refresh_token"]).json()["access_token"]


def exchanged(client: str = "conf-rs256") -> Callable[[World, dict[str, str]], None]:
    def exchange(world: World, got: dict[str, str]) -> None:
        world.web.exchange(world.apps[client], got["code"])

    return exchange


def wrong_redirect(world: World, got: dict[str, str]) -> None:
    assert (
        world.web.exchange(
            world.apps["conf-rs256"], got["code"], redirect_uri="https://app.example.net/other"
        ).status
        == 400
    )


def basic_first(world: World, got: dict[str, str]) -> None:
    headers = read("token-client-secret-basic")[0].headers
    assert (
        world.web.send(
            "POST",
            "/oauth2/token/",
            {"Authorization": headers["Authorization"]},
            urlencode({"code": got["code"]}),
        ).status
        == 401
    )


def revoked(world: World, got: dict[str, str]) -> None:
    client = {"client_id": "conf-rs256", "client_secret": world.apps["conf-rs256"].client_secret}
    assert (
        world.web.post("/oauth2/revoke_token/", {"token": got["access_token"], **client}).status
        == 200
    )


def wait(seconds: float) -> Callable[[World, dict[str, str]], None]:
    return lambda world, got: world.pdb.advance(seconds)  # noqa: ARG005


def disabled(world: World, got: dict[str, str]) -> None:  # noqa: ARG001
    world.pdb.change("tobedisabled", active=False)


def any_network(world: World, got: dict[str, str]) -> None:  # noqa: ARG001
    world.pdb.change("tobedisabled", manage_peering_sessions=3)


def wrong_secret_first(world: World, got: dict[str, str]) -> None:
    request, _ = read("negcache-1-wrong-secret")
    assert world.replay(request, {}).status == 401
    del got["code"]


def eleven_refusals(world: World, got: dict[str, str]) -> None:  # noqa: ARG001
    for i in range(11):
        assert (
            world.web.get("/profile/v1", f"bogus{i}", {"X-Forwarded-For": "192.0.2.40"}).status
            == 403
        )


def start_new_minute(world: World, address: str) -> None:
    """Let time pass until a minute of this address begins.

    There is then time for more than 120 requests, however slow the machine is.
    """
    date = world.web.get("/oauth2/.well-known/jwks.json").headers["Date"]
    now = int(parsedate_to_datetime(date).timestamp())
    address += world.web.address_end
    last = now - now % 60 + zlib.crc32(address.encode()) % 60
    world.pdb.advance((last - now) % 60 + 1)


def full_minute(requests: int) -> Callable[[World, dict[str, str]], None]:
    def spend(world: World, got: dict[str, str]) -> None:
        start_new_minute(world, "192.0.2.50")
        for _ in range(120):
            assert (
                world.web.get(
                    "/oauth2/.well-known/jwks.json", None, {"X-Forwarded-For": "192.0.2.50"}
                ).status
                == 200
            )
        for _ in range(requests - 120):
            assert (
                world.web.get(
                    "/profile/v1", got["access_token"], {"X-Forwarded-For": "192.0.2.50"}
                ).status
                == 429
            )

    return spend


ALL = Prepare(into={"Authorization": "access_token"})
NOTHING = Prepare(exchange=False)
PREPARATIONS: dict[str, Prepare] = {
    "introspect-post-creds": token_in_body(),
    "introspect-bearer": token_in_body(),
    "introspect-none": token_in_body(),
    "introspect-get": token_in_body(),
    "negcache-1-wrong-secret": code(),
    "negcache-2-right-secret-after-wrong": code(then=wrong_secret_first),
    "profile-after-refresh": Prepare(then=refreshed, into={"Authorization": "access_token"}),
    "profile-disabled-user": scoped(None, person="tobedisabled", then=disabled),
    "profile-error-bad-token": NOTHING,
    "profile-error-missing-token": NOTHING,
    "profile-error-expired-token": scoped(None, then=wait(36001)),
    "profile-error-revoked-token": scoped(None, then=revoked),
    "profile-idtoken-as-bearer": Prepare(into={"Authorization": "id_token"}),
    "profile-post-body-token": Prepare(into={"access_token": "access_token"}),
    "profile-query-token": Prepare(into={"access_token": "access_token"}),
    "profile-sessions-any-network": scoped(None, person="tobedisabled", then=any_network),
    "ratelimit-429-profile": scoped(None, then=full_minute(121)),
    "ratelimit-429-token": Prepare(exchange=False, then=full_minute(120), into={"code": "code"}),
    "refresh-after-narrow-noscope": refreshing(then=narrowed),
    "refresh-widen-back": refreshing(then=narrowed),
    "refresh-disabled-user": refreshing(person="tobedisabled", then=disabled),
    "refresh-error-reused": refreshing(then=refreshed),
    "refresh-error-bogus": NOTHING,
    "refresh-error-wider-scope": refreshing("profile"),
    "refresh-no-openid": refreshing("profile networks amr"),
    "refresh-public": refreshing(client="public-rs256"),
    "revoke-refresh": token_in_body("refresh_token"),
    "revoke-public": token_in_body(client="public-rs256"),
    "revoke-access": token_in_body(),
    "revoke-by-other-client": token_in_body(),
    "throttle-429": scoped(None, then=eleven_refusals),
    "token-after-failed-basic-same-code": code(then=basic_first),
    "token-after-redirect-errors": code(then=wrong_redirect),
    "token-error-reused-code": code(then=exchanged()),
    "token-error-expired-code": code(then=wait(61)),
    "token-no-redirect-anywhere": code("conf-rs256-single", redirect_uri=None),
    "token-noalg-default-scope": code("conf-noalg"),
    "token-noalg-openid-profile": code("conf-noalg", "openid profile"),
    "token-noalg-profile": code("conf-noalg", "profile"),
    "token-noalg-retry-openid-profile": code(
        "conf-noalg", "openid profile", exchanged("conf-noalg")
    ),
    "token-noalg-retry-profile": code("conf-noalg", "profile", exchanged("conf-noalg")),
    "token-public-empty-secret": code("public-rs256", "openid profile"),
    "token-public-no-pkce": code("public-rs256", "openid profile"),
    "token-public-right-secret": code("public-rs256", "openid profile"),
    "token-public-wrong-secret": code("public-rs256", "openid profile"),
    "token-special-chars-secret-post": code("special-secret"),
    "token-success-conf-hs256": code("conf-hs256", "openid profile"),
    "token-success-conf-hs256-plain": code("conf-hs256-plain", "openid profile"),
    "token-success-no-openid": code(scope="profile email networks amr"),
    "token-success-openid": code(nonce="n-123"),
    "token-success-pkce-s256": code(
        scope="openid profile", code_challenge=S256, code_challenge_method="S256"
    ),
    "token-success-public-pkce": code(
        "public-rs256", "openid profile", code_challenge=S256, code_challenge_method="S256"
    ),
    "token-error-pkce-missing-verifier": code(code_challenge=S256, code_challenge_method="S256"),
    "token-error-pkce-short-verifier": code(code_challenge=S256, code_challenge_method="S256"),
    "token-error-pkce-wrong-verifier": code(code_challenge=S256, code_challenge_method="S256"),
    "token-verifier-without-challenge": code(scope="openid profile"),
    "token-with-claims-param": code(claims='{"userinfo": {"email": null}}'),
    "token-error-bogus-code": NOTHING,
    "token-duplicate-param": NOTHING,
    "userinfo-error-bad-token": NOTHING,
    "userinfo-error-missing-token": NOTHING,
    "userinfo-error-expired-token": scoped(None, then=wait(36001)),
    "userinfo-idtoken-as-bearer": Prepare(into={"Authorization": "id_token"}),
}
# The names of the other recordings tell what they need.
PATTERNS: list[tuple[str, Callable[[re.Match[str]], Prepare]]] = [
    (r"(?:profile|userinfo)-scope-(.+)", lambda match: scoped(match[1].replace("-", " "))),
    (r"token-scope-(.+)", lambda match: code(scope=match[1].replace("-", " "))),
    (
        r"(?:profile|userinfo|userinfo-post)-(orgadmin|member|limited|twoorgs|nonets|unverified|emailunconf|superuser)",
        lambda match: scoped(None, person=match[1]),
    ),
    (r"profile-.*|api-.*", lambda match: ALL),  # noqa: ARG005
    (r"refresh-.*", lambda match: refreshing()),  # noqa: ARG005
    (r"token-(?:error|basic|client-secret|ok|query).*", lambda match: code()),  # noqa: ARG005
    (
        r"(?:discovery|jwks|logout|revoke|token|site|introspect|device).*",
        lambda match: NOTHING,  # noqa: ARG005
    ),
]


def register_applications(pdb: Any, web: Any) -> World:
    """Register the applications of the recordings."""
    apps = {}
    for client_id, given in APPLICATIONS.items():
        arguments: dict[str, Any] = dict(given)
        uris = arguments.pop("redirect_uris", ["https://app.example.net/callback"])
        if "secret" in arguments:
            arguments["client_secret"] = arguments.pop("secret") + "0123456789abcdef0123456789"
        apps[client_id] = pdb.register(*uris, client_id=client_id, **arguments)
    return World(pdb=pdb, web=web, apps=apps)


def read(name: str, folder: Path = WIRE) -> tuple[Message, Message]:
    """The request and the answer of a recording."""
    text = (folder / f"{name}.http").read_text(encoding="utf-8")
    head, _, body = text.partition("\n\n")[2].partition("\n\n")
    return message(text.partition("\n\n")[0], ">"), message(
        f"{head}\n<\n" + "\n".join(f"< {line}" for line in body.splitlines()), "<"
    )


def message(text: str, mark: str) -> Message:
    lines = [line.removeprefix(mark).removeprefix(" ") for line in text.splitlines()]
    start, *rest = lines
    end = rest.index("") if "" in rest else len(rest)
    headers = dict(line.split(": ", 1) for line in rest[:end])
    return Message(start=start, headers=headers, body="\n".join(rest[end + 1 :]))


def replaced(form: str, replacements: dict[str, str]) -> str:
    if not any(f"{key}=" in form for key in replacements):
        return form
    return urlencode(
        [
            (key, replacements.get(key, value))
            for key, value in parse_qsl(form, keep_blank_values=True)
        ]
    )


def preparation(name: str) -> Prepare:
    bare = name.partition("@")[0]
    if bare in PREPARATIONS:
        return PREPARATIONS[bare]
    for pattern, make in PATTERNS:
        if match := re.fullmatch(pattern, bare):
            return make(match)
    raise LookupError(f"no preparation for {name}")


def get_ready(world: World, how: Prepare) -> dict[str, str]:
    """Take the steps before the recorded request; return what to replace in it."""
    if not how.into and how.exchange is False:
        return {}
    app = world.apps[how.client]
    got: dict[str, str] = {
        "code": world.web.code(app, how.person, approval_prompt="force", **how.asked)
    }
    if how.exchange:
        answer = world.web.exchange(app, got["code"])
        assert answer.status == 200, answer.text
        got |= answer.json()
    if how.then:
        how.then(world, got)
    return {place: got[what] for place, what in how.into.items() if what in got}


def decoded(token: str) -> list[Any]:
    header, claims, _ = token.split(".")
    return [
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        for part in (header, claims)
    ]


def differences(expected: Any, actual: Any, where: str = "") -> list[str]:
    """A line for each difference in types, keys, order of keys, and values.

    Values that depend on the moment are not compared.
    """
    if type(expected) is not type(actual):
        return [f"{where}: {type(expected).__name__} there, {type(actual).__name__} here"]
    if isinstance(expected, dict):
        if list(expected) != list(actual):
            return [f"{where}: keys {list(expected)} there, {list(actual)} here"]
        found = []
        for key, value in expected.items():
            if key == "id_token":
                found += differences(decoded(value), decoded(actual[key]), f"{where}.{key}")
            elif key in UNORDERED:
                found += differences(sorted(value), sorted(actual[key]), f"{where}.{key}")
            elif key not in VOLATILE or type(value) is not type(actual[key]):
                found += differences(value, actual[key], f"{where}.{key}")
        return found
    if isinstance(expected, list):
        if len(expected) != len(actual):
            return [f"{where}: {expected} there, {actual} here"]
        return [
            line
            for i, pair in enumerate(zip(expected, actual, strict=True))
            for line in differences(*pair, f"{where}[{i}]")
        ]
    return [] if expected == actual else [f"{where}: {expected!r} there, {actual!r} here"]


def compare(expected: Message, actual: Any, url: str) -> list[str]:
    found = []
    if int(expected.start.split()[1]) != actual.status:
        found.append(f"status: {expected.start} there, {actual.status} here")
    there = {
        name.lower(): value
        for name, value in expected.headers.items()
        if name.lower() not in HEADERS_THAT_DO_NOT_MATTER
    }
    here = {
        name.lower(): value
        for name, value in actual.headers.items()
        if name.lower() not in HEADERS_THAT_DO_NOT_MATTER
    }
    if "retry-after" in there and here.get("retry-after", "").isdigit():
        there["retry-after"] = here["retry-after"]  # it depends on the moment
    if "expires" in there and "expires" in here:
        there["expires"] = here["expires"]  # it is the moment
    if "location" in there and "location" in here:
        there["location"] = without_tokens(there["location"])
        here["location"] = without_tokens(here["location"])
    found += [
        f"{name}: {there.get(name)!r} there, {here.get(name)!r} here"
        for name in sorted(there | here)
        if there.get(name) != here.get(name)
    ]
    if expected.body.startswith("[HTML page of "):  # it was left out
        return found if actual.body else [*found, "body: empty here"]
    body = expected.body.replace(RECORDED_URL, url)
    try:
        there, here = json.loads(body), actual.json()
        found += differences(there, here, "body")
        if json.loads(body) == here and not UNORDERED & set(
            here
        ):  # nothing volatile in it: the spaces count too
            found += [] if body.strip() == actual.text.strip() else ["body: written differently"]
    except ValueError:
        found += (
            []
            if body.strip() == actual.text.strip()
            else [f"body: {body!r} there, {actual.text!r} here"]
        )
    return found


def without_tokens(url: str) -> str:
    return re.sub(r"(=|%3D)(?:[A-Za-z0-9]{30}\b|eyJ[\w.-]+)", r"\1...", url)


def local_issuer(value: Any, url: str) -> Any:
    return json.loads(json.dumps(value).replace(RECORDED_URL, url))


def with_local_issuer(expected: Message, url: str, there: str = RECORDED_URL) -> Message:
    """Replace the issuer in the ID token of the recorded body."""
    body = json.loads(expected.body)
    if "id_token" in body:
        header, claims = decoded(body["id_token"])
        claims["iss"] = claims["iss"].replace(there, url)
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in (header, claims)
        ]
        body["id_token"] = ".".join([*parts, ""])
    return Message(start=expected.start, headers=expected.headers, body=json.dumps(body))
