"""The HTTP server: kept connections, and handshakes that fail."""

import http.client
import socket
import ssl
from urllib.parse import urlsplit

import pytest

JWKS = "/oauth2/.well-known/jwks.json"


def test_connections_are_kept(web):
    web.get(JWKS)
    before = web.connection.sock
    assert all(
        web.get(path).status
        for path in (JWKS, "/profile/v1", "/", "/oauth2/token/", "/oauth2/token")
    )
    assert web.connection.sock is before


def test_a_silent_handshake_delays_no_other_connection(pdb, web_for):
    parts = urlsplit(pdb.url)
    with socket.create_connection((parts.hostname, parts.port)):
        assert web_for(pdb).get(JWKS).status == 200


def test_a_client_that_distrusts_the_certificate_does_no_harm(pdb, web):
    parts = urlsplit(pdb.url)
    connection = http.client.HTTPSConnection(
        parts.netloc, timeout=10, context=ssl.create_default_context()
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/")
    connection.close()
    assert web.get(JWKS).status == 200
