"""An OpenID provider on loopback that makes only the mistakes that a test wants."""

import hashlib
import hmac
import http.client
import json
import secrets
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import b64, changed, rs256, rsa_jwk, rsa_key, uint

CLIENT_ID = "conf-rs256"
CLIENT_SECRET = "secret-rs256-0123456789abcdef0123456789"
RECORDED_AT = "https://127.0.0.1:8443"
KEYS_PATH = "/oauth2/.well-known/jwks.json"
DOCUMENTS = {
    "openid-configuration": "discovery-oidc-oauth2",
    "oauth-authorization-server": "discovery-oauth-oauth2",
}


def half_hash(text):
    return b64(hashlib.sha256(text.encode()).digest()[:16])


@cache
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


def ec_jwk():
    numbers = ec_key().public_key().public_numbers()
    return {
        "kty": "EC",
        "use": "sig",
        "alg": "ES256",
        "crv": "P-256",
        "kid": "ec",
        "x": uint(numbers.x),
        "y": uint(numbers.y),
    }


def sign(alg, key, message):
    """The signature that ``alg`` in the header promises."""
    if alg == "ES256":
        r, s = decode_dss_signature(ec_key().sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if alg == "HS256":  # keyed with what everybody knows
        public = (
            rsa_key(key).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        return hmac.digest(public, message, "sha256")
    return b"" if alg == "none" else rs256(key, message)


@dataclass(kw_only=True)
class Provider:
    """A provider with the metadata of PeeringDB.

    A test may change everything here. ``key``: the name of the key that signs ID
    tokens. ``claims``, ``header``: changes of ID tokens. ``tokens``: changes of the
    token response. ``profile``: changes of the profile. In a change, ``...`` leaves a
    member out. ``answers``: replaces the answer at a path by a status; by a status,
    content type and body; or by None, which hangs up.
    """

    clock: object
    ca_file: str  # not needed, but loads faster than the usual authorities
    url: str = ""
    documents: dict = field(default_factory=dict)  # name -> metadata
    key: str = "one"
    # what is published
    keys: list = field(default_factory=lambda: [rsa_jwk("one"), ec_jwk()])
    claims: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    payload: str = "{"  # the beginning of the JSON of an ID token
    tokens: dict = field(default_factory=dict)
    profile: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)
    before_signing: object = None  # a function
    moved: dict = field(default_factory=dict)  # new path -> old path
    # code -> what the authorization request said
    codes: dict = field(default_factory=dict)
    refresh_tokens: set = field(default_factory=set)
    access_tokens: set = field(default_factory=set)
    received: list = field(default_factory=list)  # paths

    def change(self, **changes):
        for name, value in changes.items():
            setattr(self, name, value)

    def publish(self, *names, **changes):
        """Publish these keys and no others."""
        self.keys = [rsa_jwk(name, **changes) for name in names]

    def rotate(self, name):
        """Sign with another key from now on, and publish only that one."""
        self.key = name
        self.publish(name)

    @property
    def foreign_jwk(self):
        return rsa_jwk("foreign")

    def move(self, *names):
        """Serve these endpoints at other paths, which the metadata name."""
        for name in names:
            path = self.documents["openid-configuration"][name].removeprefix(self.url)
            self.moved[f"/{name}"] = path
            for document in self.documents.values():
                document[name] = f"{self.url}/{name}"

    def count(self, path):
        return self.received.count(path)

    def authorize(self, request):
        """Do what the browser does; return the URL of the callback."""
        parts = urlsplit(request.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=5)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            return connection.getresponse().headers["Location"]
        finally:
            connection.close()

    def log_in(self, client):
        """Log in with a client."""
        request = client.authorization_request()
        return client.log_in(request, self.authorize(request))

    def answer(self, path, fields, bearer):
        """Return the status, the content type, the body and perhaps more headers."""
        self.received.append(path)
        if path in self.moved.values():
            return 404, "text/html", ""
        path = self.moved.get(path, path)
        if path in self.answers:
            answer = self.answers[path]
            return (
                answer
                if answer is None or isinstance(answer, tuple)
                else (answer, "text/html", "<h1>no</h1>")
            )
        name = path.removeprefix("/oauth2/.well-known/")
        if name in self.documents:
            return 200, "application/json", self.documents[name]
        page = {
            "/oauth2/authorize/": self._authorize,
            "/oauth2/token/": self._token,
            KEYS_PATH: lambda _: (
                200,
                "application/json",
                {"keys": self.keys},
                {"Cache-Control": "public, max-age=3600"},
            ),
            "/foreign.json": lambda _: (200, "application/json", {"keys": [self.foreign_jwk]}),
            "/profile/v1": lambda _: self._profile(bearer),
        }.get(path)
        return page(fields) if page else (404, "text/html", "")

    def _authorize(self, fields):
        code = secrets.token_urlsafe(15)
        self.codes[code] = fields
        location = f"{fields['redirect_uri']}?{urlencode({'code': code, 'state': fields['state']})}"
        return 302, "text/html", "", {"Location": location}

    def _token(self, form):
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, "application/json", {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token" and form["refresh_token"] in self.refresh_tokens:
            self.refresh_tokens.remove(form["refresh_token"])
            return 200, "application/json", self._grant(nonce=...)
        login = self.codes.pop(form.get("code"), None)
        verified = login and (login["redirect_uri"], login["code_challenge"]) == (
            form["redirect_uri"],
            b64(hashlib.sha256(form["code_verifier"].encode()).digest()),
        )
        if not verified:
            return 400, "application/json", {"error": "invalid_grant"}
        return 200, "application/json", self._grant(nonce=login["nonce"])

    def _grant(self, nonce):
        access_token, refresh_token = secrets.token_urlsafe(22), secrets.token_urlsafe(22)
        self.access_tokens.add(access_token)
        self.refresh_tokens.add(refresh_token)
        if self.before_signing:
            self.before_signing()
        issued = {
            "access_token": access_token,
            "expires_in": 36000,
            "token_type": "Bearer",
            "scope": "openid profile",
            "refresh_token": refresh_token,
            "id_token": self.issue_id_token(nonce=nonce, at_hash=half_hash(access_token)),
        }
        return changed(issued, self.tokens)

    def issue_id_token(self, **more):
        """Return a signed ID token with the mistakes that the test wants."""
        header = changed({"typ": "JWT", "alg": "RS256", "kid": self.key}, self.header)
        now = int(self.clock())
        issued = {
            "iss": f"{self.url}/oauth2",
            "sub": "1",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 36000,
            "auth_time": now - 5,
        }
        payload = self.payload + json.dumps(changed(issued | more, self.claims))[1:]
        message = f"{b64(json.dumps(header).encode())}.{b64(payload.encode())}"
        return f"{message}.{b64(sign(header['alg'], self.key, message.encode()))}"

    def _profile(self, bearer):
        if bearer not in self.access_tokens:
            return 403, "text/html", ""
        profile = {
            "id": 1,
            "name": "Ada Admin",
            "given_name": "Ada",
            "family_name": "Admin",
            "verified_user": True,
        }
        return 200, "application/json", profile | self.profile


def _handler_of(provider):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self):
            target = urlsplit(self.path)
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            answer = provider.answer(target.path, dict(parse_qsl(form or target.query)), bearer)
            if answer is None:
                self.close_connection = True
                return
            status, content_type, body, *more = answer
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": content_type,
                "Content-Length": str(len(body)),
                **(more[0] if more else {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *args):
            """Tests are quiet."""

    return Handler


@pytest.fixture
def provider(make_server, authority, clock, recording):
    provider = Provider(clock=clock, ca_file=authority.ca_file)
    provider.url = make_server(handler_of=lambda _: _handler_of(provider)).url
    provider.documents = {
        name: json.loads(
            recording(recorded).body.replace(RECORDED_AT.encode(), provider.url.encode())
        )
        for name, recorded in DOCUMENTS.items()
    }
    return provider


@pytest.fixture
def client(make_client, provider, clock):
    return make_client(provider, scope=("openid", "profile"), arguments={"clock": clock})
