"""Replays every recorded request at the sandbox, and compares the answers.

Status, headers and body must be those that PeeringDB gave.
"""

import json

import pytest
from stated_differences import OF_RECORDINGS
from wire_families import RECORDINGS_2
from wire_replay import (
    RECORDINGS,
    WIRE,
    compare,
    decoded,
    differences,
    get_ready,
    local_issuer,
    preparation,
    read,
    register_applications,
    with_local_issuer,
)

CLAIMS = sorted(
    path.stem.removeprefix("idtoken-claims-") for path in WIRE.glob("idtoken-claims-*.json")
)

# Headers that were sent and that the recording does not show.
NOT_SHOWN = {"token-cors-preflight": {"Access-Control-Request-Method": "POST"}}


@pytest.fixture(scope="module")
def world(pdb, web):
    return register_applications(pdb, web)


@pytest.fixture(autouse=True)
def undo(pdb):
    yield
    pdb.change("tobedisabled", active=True, networks={64500: 1, 64501: 1, 65550: 1})
    pdb.reset_limits()


@pytest.mark.parametrize("name", RECORDINGS)
def test_answers_as_recorded(world, name):
    request, expected = read(name)
    if "id_token" in expected.body and '"id_token"' in expected.body:
        expected = with_local_issuer(expected, world.pdb.url)
    found = compare(
        expected,
        world.replay(request, get_ready(world, preparation(name)), NOT_SHOWN.get(name)),
        world.pdb.url,
    )
    if name in OF_RECORDINGS:
        assert found, f"{name} no longer differs: take it off the list"
    else:
        assert not found, "\n".join(found)


@pytest.mark.parametrize("name", CLAIMS)
def test_puts_the_recorded_claims_into_the_id_token(world, name):
    expected = json.loads((WIRE / f"idtoken-claims-{name}.json").read_text(encoding="utf-8"))
    app = world.apps["conf-rs256"]
    token = world.web.tokens(
        app, "orgadmin" if name == "refresh" else name, approval_prompt="force"
    )
    if name == "refresh":
        token = world.web.refresh(app, token["refresh_token"]).json()
    assert differences(local_issuer(expected, world.pdb.url), decoded(token["id_token"])[1]) == []


def test_every_listed_difference_is_a_recording():
    assert set(OF_RECORDINGS) <= {*RECORDINGS, *RECORDINGS_2}


def test_there_are_recordings():
    assert len(RECORDINGS) > 170
    assert len(CLAIMS) == 9
