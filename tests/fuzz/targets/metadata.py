"""Metadata documents: no secret and no person is sent anywhere but to PeeringDB."""

import json
import re
from dataclasses import asdict
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

import ada_url
from recordings import read_recording

from peeringdb_oauth.authorization import build_authorization_url
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.messages import parse_json
from peeringdb_oauth.metadata import ProviderMetadata

from .inputs import assert_tells_no_secret, json_of

BASE_URL = "https://auth.peeringdb.com"
CONFIG = ClientConfig(
    client_id="portal",
    client_secret="s3cret",
    redirect_uri="https://portal.example.net/callback",
    base_url=BASE_URL,
)
RECORDED = read_recording("discovery-oidc-oauth2").json
OLD_BASE = RECORDED["issuer"].removesuffix("/oauth2")
VALID = [
    json.dumps(read_recording(name).json).replace(OLD_BASE, BASE_URL)
    for name in ("discovery-oidc-oauth2", "discovery-oauth-oauth2")
]
OTHER = json.loads(VALID[1])


def check(data, read=ProviderMetadata.from_documents):
    try:
        document = parse_json(json_of(data, VALID))
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    documents = ((document,), (document, OTHER), (OTHER, document))[crc32(data) % 3]
    try:
        found = read(BASE_URL, *documents)
    except InvalidResponse as error:
        assert_tells_no_secret(error)
    else:
        _assert_all_is_at_peeringdb(found, document)


def _assert_all_is_at_peeringdb(found, document):
    assert document["issuer"] == found.issuer == f"{BASE_URL}/oauth2"
    for name, endpoint in asdict(found).items():
        assert document.get(name, endpoint) == endpoint
        url = ada_url.URL(endpoint)
        assert (url.origin, url.username, url.password) == (BASE_URL, "", "")
        # It is one line, and parameters can be added to it.
        assert re.fullmatch("[!-~]+", endpoint), f"{name} has odd characters"
        assert not url.search + url.hash, f"{name} has more than a path"
    url = build_authorization_url(CONFIG, found, scope=("profile",), state="a-state")
    assert parse_qs(urlsplit(url).query)["state"] == ["a-state"]
