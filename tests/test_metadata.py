"""The endpoints are PeeringDB's own, as its two recorded metadata documents name them."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from peeringdb_oauth.metadata import PEERINGDB, ProviderMetadata

WIRE = Path(__file__).parent / "wire"


@pytest.mark.parametrize("document", ["discovery-oauth-oauth2@auth", "discovery-oidc-oauth2@auth"])
def test_the_constant_says_what_the_recorded_document_says(document):
    recorded = json.loads((WIRE / f"{document}.json").read_text())
    ours = {name: url for name, url in asdict(PEERINGDB).items() if name in recorded}
    assert len(ours) >= 4
    assert ours == {name: recorded[name] for name in ours}


def test_both_documents_together_name_all_but_the_profile():
    documents = [json.loads((WIRE / f"discovery-{kind}-oauth2@auth.json").read_text()) for kind in ("oauth", "oidc")]
    assert asdict(PEERINGDB).keys() - documents[0].keys() - documents[1].keys() == {"profile_endpoint"}


def test_the_profile_has_no_slash_at_its_end():
    assert PEERINGDB.profile_endpoint == "https://auth.peeringdb.com/profile/v1"


def test_every_endpoint_is_at_the_base_url_that_was_given():
    elsewhere = ProviderMetadata.at("http://127.0.0.1:8000")
    assert asdict(elsewhere) == {
        name: url.replace("https://auth.peeringdb.com", "http://127.0.0.1:8000") for name, url in asdict(PEERINGDB).items()
    }
