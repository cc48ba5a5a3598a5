"""A TLS server with PeeringDB's recorded answers, in a process of its own.

The ID tokens in the answers are signed anew. The code ``openid`` brings one. The code
``person-300`` brings an access token of the same name, and with that the profile is of
somebody with 300 networks.
"""

import base64
import hashlib
import json
import multiprocessing
import re
import selectors
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import trustme
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

WIRE = Path(__file__).parent.parent / "tests" / "wire"
CLIENT_ID = "benchmark"
CLIENT_SECRET = "a-secret-of-the-usual-length-0123456789"  # noqa: S105 - only for this server
REDIRECT_URI = "https://app.example.net/callback"
NONCE = "n" * 43
NETWORKS = (1, 10, 100, 300, 1000)  # that somebody may have
ACCESS_TOKEN = json.loads((WIRE / "token-success-openid.json").read_text("utf-8"))["access_token"]

_PERSON = re.compile(rb"(?:code=|Bearer )(person-\d+)")
_KEY = generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedToken:
    """An ID token, and its parts for a bare verification of the signature."""

    text: str
    message: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The running server.

    ``base_url``: its address. ``ca_file``: its certificate authority. ``bundle``: its
    certificate authority together with those of certifi.
    """

    base_url: str
    ca_file: Path
    bundle: Path
    _connections: Any

    @property
    def connections(self) -> int:
        """How many connections were made so far, each with a TLS handshake."""
        return int(self._connections.value)


def public_key() -> RSAPublicKey:
    """The key that the ID tokens are signed with."""
    return _KEY.public_key()


def jwks() -> dict[str, Any]:
    """The public key as PeeringDB publishes it."""
    published: dict[str, Any] = json.loads((WIRE / "jwks.json").read_text("utf-8"))
    modulus = public_key().public_numbers().n
    published["keys"][0]["n"] = _base64url(modulus.to_bytes(256, "big")).decode()
    return published


def sign_id_token(*, issuer: str, networks: int, name: str = "Example Net {}") -> SignedToken:
    """An ID token for `CLIENT_ID` of somebody with so many networks, issued now.

    ``name``: the name of each network, with its number for ``{}``. Characters beyond
    ASCII are escaped, as PeeringDB does it.
    """
    header = {"typ": "JWT", "alg": "RS256", "kid": jwks()["keys"][0]["kid"]}
    claims = json.loads((WIRE / "idtoken-claims-orgadmin.json").read_text("utf-8"))
    now = int(time.time())
    claims |= {
        "iss": issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "auth_time": now,
        "exp": now + 36000,
        "nonce": NONCE,
    }
    claims["at_hash"] = _base64url(hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16]).decode()
    claims["networks"] = _networks(networks, name)
    message = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    signature = _KEY.sign(message, PKCS1v15(), SHA256())
    return SignedToken(
        text=f"{message.decode()}.{_base64url(signature).decode()}",
        message=message,
        signature=signature,
    )


@contextmanager
def serve(directory: Path) -> Iterator[Provider]:
    """Start the server at a free port of 127.0.0.1, with its files in ``directory``."""
    authority = trustme.CA()
    certificate, ca_file, bundle = (
        directory / name for name in ("server.pem", "ca.pem", "bundle.pem")
    )
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.cert_pem.write_to_path(str(ca_file))
    bundle.write_bytes(Path(certifi.where()).read_bytes() + ca_file.read_bytes())
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        base_url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        context = multiprocessing.get_context("fork")
        connections = context.Value("i", 0)
        process = context.Process(
            target=_run, args=(listener, certificate, _answers(base_url), connections), daemon=True
        )
        process.start()
    try:
        yield Provider(base_url=base_url, ca_file=ca_file, bundle=bundle, _connections=connections)
    finally:
        process.terminate()
        process.join()


def _networks(count: int, name: str = "Example Net {}") -> list[dict[str, Any]]:
    return [
        {"id": at, "name": name.format(at), "asn": 65535 + at, "perms": 15}
        for at in range(1, count + 1)
    ]


def _base64url(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def _answers(base_url: str) -> dict[bytes, bytes]:
    """Whole HTTP answers by path.

    The path is empty for a token with an ID token. For a person it ends with them.
    """
    issuer = f"{base_url}/oauth2"
    with_id_token = json.loads((WIRE / "token-success-openid.json").read_text("utf-8"))
    with_id_token["id_token"] = sign_id_token(issuer=issuer, networks=2).text
    answers = {
        b"": _answer("token-success-openid", with_id_token),
        b"/oauth2/token/": _answer("token-success-no-openid"),
        b"/profile/v1": _answer("profile-orgadmin"),
        b"/oauth2/userinfo/": _answer("userinfo-orgadmin"),
        b"/oauth2/.well-known/jwks.json": _answer("jwks", jwks()),
    }
    for name, recording in (
        ("openid-configuration", "discovery-oidc-oauth2"),
        ("oauth-authorization-server", "discovery-oauth-oauth2"),
    ):
        document = (WIRE / f"{recording}.json").read_text("utf-8")
        recorded = json.loads(document)["issuer"].removesuffix("/oauth2")
        answers[f"/oauth2/.well-known/{name}".encode()] = _answer(
            recording, json.loads(document.replace(recorded, base_url))
        )
    return answers | {
        path.encode(): answer for count in NETWORKS for path, answer in _answers_about(count)
    }


def _answers_about(count: int) -> Iterator[tuple[str, bytes]]:
    """The answers about somebody with so many networks, by path."""
    person = f"person-{count}"
    token = json.loads((WIRE / "token-success-no-openid.json").read_text("utf-8"))
    token["access_token"] = person
    yield f"/oauth2/token/{person}", _answer("token-success-no-openid", token)
    profile = json.loads((WIRE / "profile-orgadmin.json").read_text("utf-8"))
    profile["networks"] = [one | {"manage_peering_sessions": 15} for one in _networks(count)]
    yield f"/profile/v1{person}", _answer("profile-orgadmin", profile)


def _answer(recording: str, body: Mapping[str, Any] | None = None) -> bytes:
    """A recorded answer as it came over the wire, or with another body."""
    received = (WIRE / f"{recording}.http").read_text("utf-8").partition("\n< HTTP 200 OK\n")[2]
    head, _, recorded_body = received.partition("\n\n")
    content = (recorded_body.rstrip("\n") if body is None else json.dumps(body)).encode()
    lines = [
        line.removeprefix("< ")
        for line in head.splitlines()
        if not line.startswith("< Content-Length")
    ]
    return (
        "\r\n".join(["HTTP/1.1 200 OK", *lines, f"Content-Length: {len(content)}", "", ""]).encode(
            "latin-1"
        )
        + content
    )


def _run(
    listener: socket.socket, certificate: Path, answers: Mapping[bytes, bytes], connections: Any
) -> None:
    """Serve until the process is ended.

    It has one thread and no framework, so that the client is what takes the time.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    accepted, _ = listener.accept()
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection = context.wrap_socket(
                        accepted, server_side=True, do_handshake_on_connect=False
                    )
                    connection.setblocking(False)  # noqa: FBT003 - the socket module's own style
                    selector.register(connection, selectors.EVENT_READ, bytearray())
                    connections.value += 1  # only this process writes
                elif not _serve_some(key.fileobj, key.data, answers):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]


def _serve_some(connection: Any, received: bytearray, answers: Mapping[bytes, bytes]) -> bool:
    """Read what is there, and answer if a request is complete. False at the end.

    What is there may be a step of the TLS handshake.
    """
    try:
        data = connection.recv(65536)
    except ssl.SSLWantReadError:
        return True
    except OSError:  # ssl.SSLError is one
        return False
    received += data
    head, blank, body = bytes(received).partition(b"\r\n\r\n")
    if blank and len(body) >= _content_length(head):
        received.clear()
        connection.sendall(answers[_path(head, body)])
    return bool(data)


def _path(head: bytes, body: bytes) -> bytes:
    """The key of the answer in `_answers`."""
    if b"code=openid" in body:
        return b""
    person = _PERSON.search(body or head)
    return head.split(b" ", 2)[1] + (person[1] if person else b"")


def _content_length(head: bytes) -> int:
    value = head.lower().partition(b"\r\ncontent-length:")[2]
    return int(value.partition(b"\r\n")[0]) if value else 0
