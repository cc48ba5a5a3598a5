"""The faults that can be switched on."""

import http.client
import time
from pathlib import Path

import pytest

from peeringdb_oauth.sandbox import SandboxError
from peeringdb_oauth.sandbox.server.faults import Fault, Faults

JWKS = "/oauth2/.well-known/jwks.json"


@pytest.fixture(autouse=True)
def no_faults(request):
    yield
    if "pdb" in request.fixturenames:
        request.getfixturevalue("pdb").clear_faults()


def test_a_fault_is_for_its_path_and_its_number_of_times():
    faults = Faults()
    faults.add(Fault(kind="cut", path="/a", times=2))
    assert faults.next_for("/b") is None
    assert [faults.next_for("/a") is None for _ in range(3)] == [False, False, True]
    assert faults.active() == []


def test_a_fault_without_times_stays_until_cleared():
    faults = Faults()
    faults.add(Fault(kind="outage"))
    assert {faults.next_for("/a").kind for _ in range(5)} == {"outage"}
    faults.clear()
    assert faults.next_for("/a") is None


@pytest.mark.server
def test_error_500_is_the_page_that_peeringdb_shows(pdb, web):
    pdb.fault("error_500", path=JWKS)
    recorded = (
        Path(__file__).parent.parent / "wire" / "token-error-password-grant.http"
    ).read_text(encoding="utf-8")
    answer = web.get(JWKS)
    assert (answer.status, len(answer.body), answer.headers["Content-Type"]) == (
        500,
        145,
        "text/html; charset=utf-8",
    )
    assert answer.text.strip() == recorded[recorded.index("<!doctype html>") :].strip()
    assert web.get("/.well-known/openid-configuration").status == 200


@pytest.mark.server
def test_slow_answers_come_late_and_right(pdb, web):
    pdb.fault("slow", seconds=0.3, times=1)
    begun = time.monotonic()
    assert web.get(JWKS).status == 200
    assert time.monotonic() - begun >= 0.3


@pytest.mark.server
def test_a_cut_connection_ends_without_an_answer(pdb, web_for):
    pdb.fault("cut", path=JWKS, times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        web_for(pdb).get(JWKS)
    assert web_for(pdb).get(JWKS).status == 200


@pytest.mark.server
def test_in_an_outage_only_the_control_pages_work(pdb, web):
    pdb.fault("outage")
    assert {web.get(path).status for path in ("/", JWKS, "/profile/v1", "/account/login/")} == {503}
    pages = ("/sandbox/", "/sandbox/people/limited/", "/sandbox/applications/", "/sandbox/faults/")
    assert {web.get(path).status for path in pages} == {200}
    pdb.clear_faults()
    assert web.get(JWKS).status == 200


@pytest.mark.server
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "fire"}, r"no fault 'fire'; there are: error_500, slow, cut, outage"),
        ({"kind": "cut", "times": 0}, "times must be at least 1"),
        ({"kind": "slow", "seconds": 0}, "seconds must be more than 0"),
    ],
)
def test_a_wrong_fault_is_refused_with_the_reason(pdb, arguments, words):
    with pytest.raises(SandboxError, match=words):
        pdb.fault(**arguments)
