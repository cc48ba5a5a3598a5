"""A stream of odd requests, the same for the same seed.

Methods, paths, encodings, duplicated parameters, headers and scopes are combined by
chance. Where a request needs a code or a token, it has a placeholder.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

CLIENT = {"client_id": "conf-rs256", "client_secret": "secret-rs256-0123456789abcdef0123456789"}
REDIRECT_URI = "https://app.example.net/callback"
AUTHORIZE = "/oauth2/authorize/"
PLACEHOLDERS = ("{code}", "{access_token}", "{refresh_token}", "{id_token}", "{cookies}")
METHODS = ("GET", "GET", "GET", "POST", "POST", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")
PATHS = (
    "/oauth2/token/",
    "/oauth2/token/",
    "/oauth2/token/",
    "/oauth2/token",
    "/profile/v1",
    "/profile/v1",
    "/profile/v1/",
    "/oauth2/userinfo/",
    "/oauth2/userinfo",
    AUTHORIZE,
    AUTHORIZE,
    AUTHORIZE,
    AUTHORIZE,
    "/oauth2/authorize",
    "/oauth2/authorize/more",
    "/oauth2/revoke_token/",
    "/oauth2/introspect/",
    "/oauth2/logout/",
    "/oauth2/device-authorization/",
    "/oauth2/.well-known/jwks.json",
    "/oauth2/.well-known/openid-configuration",
    "/oauth2/.well-known/openid-configuration/",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration/oauth2",
    "/nothing-here",
    "/oauth2//token/",
    "/oauth2/%74oken/",
    "/OAuth2/token/",
)
AUTHORIZATIONS = (
    "Bearer bogus",
    "Bearer {access_token}",
    "bearer {access_token}",
    "Bearer  {access_token}",
    "Bearer {id_token}",
    "Bearer {refresh_token}",
    "Token abc",
    "Bearer",
    "junk",
    "Basic !!!!",
    "Basic abc",
    "Basic Y29uZi1yczI1Ng==",
    "Basic Y29uZv/+OnNlY3JldA==",
    "Basic Y29uZi1yczI1NjpzZWNyZXQ=",
    "basic Y29uZi1yczI1NjpzZWNyZXQ=",
    "Api-Key bogus.key",
    "api-key a.very.long.key.that.is.cut",
    'Digest username="a"',
)
FORMS = (
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-8",
    "application/json",
    "text/plain",
)
VALUES = {
    "grant_type": (
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "Refresh_Token",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "",
    ),
    "code": ("{code}", "bogus", "", "a b"),
    "refresh_token": ("{refresh_token}", "{access_token}", "bogus", ""),
    "redirect_uri": (REDIRECT_URI, "https://APP.example.net/callback", "https://app.example.net/"),
    "client_id": ("conf-rs256", "nobody", "", "conf-rs256-single"),
    "client_secret": (CLIENT["client_secret"], CLIENT["client_secret"], "wrong", ""),
    "code_verifier": ("v" * 50, "short", "é" * 43),
    "scope": (
        "openid profile",
        "profile",
        "openid  profile",
        "profile profile",
        "all",
        "",
        "OPENID",
    ),
    "token": ("{access_token}", "{refresh_token}", "bogus", ""),
    "token_type_hint": ("access_token", "nonsense"),
    "access_token": ("{access_token}", "bogus"),
    "response_type": ("code", "token", "id_token", "code id_token", ""),
    "state": ("s", "a b&c", "ü", ""),
    "prompt": ("none", "login", "consent", "none login", ""),
    "approval_prompt": ("auto", "force", "odd"),
    "nonce": ("n", "n" * 255, "n" * 256),
    "code_challenge": ("c" * 43, "short", "c" * 128, "c" * 129, ""),
    "code_challenge_method": ("S256", "plain", "s256", ""),
    "claims": ('{"userinfo": {"email": null}}', "{", "[]", ""),
    "response_mode": ("query", "fragment", "form_post"),
    "max_age": ("0", "x"),
    "id_token_hint": ("{id_token}", "bogus"),
    "device_code": ("bogus", ""),
    "pretty": ("", "1"),
}
# What usually belongs together, so that not every request fails at once.
USUAL = {
    "/oauth2/token/": (
        {"grant_type": "authorization_code", "code": "{code}", "redirect_uri": REDIRECT_URI},
        {"grant_type": "refresh_token", "refresh_token": "{refresh_token}"},
    ),
    AUTHORIZE: (
        {
            "response_type": "code",
            "client_id": "conf-rs256",
            "redirect_uri": REDIRECT_URI,
            "scope": "openid profile",
            "state": "s",
        },
    ),
    "/oauth2/revoke_token/": ({"token": "{refresh_token}"},),
    "/oauth2/introspect/": ({"token": "{access_token}"},),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OddRequest:
    """A request. ``body``: None for none. Each text may have placeholders."""

    method: str
    target: str
    headers: dict[str, str]
    body: str | None

    def placeholders(self) -> set[str]:
        texts = (self.target, self.body or "", *self.headers.values())
        return {name for name in PLACEHOLDERS if any(name in text for text in texts)}

    def filled(self, values: dict[str, str]) -> "OddRequest":
        def fill(text: str) -> str:
            for name, value in values.items():
                text = text.replace(name, value)
            return text

        return OddRequest(
            method=self.method,
            target=fill(self.target),
            headers={name: fill(value) for name, value in self.headers.items()},
            body=None if self.body is None else fill(self.body),
        )


def odd_sequences(seed: int) -> Iterator[list[OddRequest]]:
    """Sequences of one to four requests, without end.

    The requests of a sequence come from one address. Some are sent twice.
    """
    chance = random.Random(seed)  # noqa: S311 - the same requests for the same seed
    while True:
        address = f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        requests: list[OddRequest] = []
        for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
            is_repeated = requests and chance.random() < 0.4
            requests.append(requests[-1] if is_repeated else _odd_request(chance, address))
        yield requests


def _odd_request(chance: random.Random, address: str) -> OddRequest:
    method, path = chance.choice(METHODS), chance.choice(PATHS)
    headers = {"X-Forwarded-For": address}
    if chance.random() < 0.4:
        headers["Authorization"] = chance.choice(AUTHORIZATIONS)
    if chance.random() < 0.15:
        headers["Origin"] = "https://app.example.net"
    if chance.random() < 0.1:
        headers["Access-Control-Request-Method"] = "POST"
    if chance.random() < 0.1:
        headers["Accept-Language"] = chance.choice(("de", "en", "*", ";;"))
    usual = chance.choice(USUAL[path]) if path in USUAL else {}
    query = _encode(chance, _some_parameters(chance)) if chance.random() < 0.25 else ""
    body = None
    if path == AUTHORIZE:
        query = _encode(chance, list(usual.items()) + _some_parameters(chance, 0.8))
        if chance.random() < 0.8:
            headers["Cookie"] = "{cookies}"
    elif method not in {"GET", "HEAD", "OPTIONS"}:
        headers["Content-Type"] = chance.choice(FORMS)
        body = _encode(chance, list((usual | CLIENT).items()) + _some_parameters(chance, 0.3))
    target = f"{path}?{query}" if query else path
    return OddRequest(method=method, target=target, headers=headers, body=body)


def _some_parameters(chance: random.Random, likely: float = 1.0) -> list[tuple[str, str]]:
    if chance.random() > likely:
        return []
    names = chance.choices(list(VALUES), k=chance.randint(1, 3))  # a name may occur twice
    return [(name, chance.choice(VALUES[name])) for name in names]


def _encode(chance: random.Random, parameters: list[tuple[str, str]]) -> str:
    """The parameters in a form, in one of the notations that mean the same."""
    encode = chance.choice((quote_plus, quote, _everything))
    pairs = [
        f"{name}={value if value in PLACEHOLDERS else encode(value)}" for name, value in parameters
    ]
    return chance.choice(("&", "&", "&", "&&")).join(pairs)


def _everything(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())
