"""The example examples/peering_api, with real access tokens of a sandbox."""

import pytest
from fastapi.testclient import TestClient
from peering_api import create_app

IX = {"id": "pdb:ix:26", "type": "public"}
SECRET = "correct-horse"
WANTED = {
    "local_asn": 64500,
    "local_ip": "192.0.2.2",
    "peer_asn": 64511,
    "peer_ip": "192.0.2.1",
    "location": IX,
    "session_secret": SECRET,
}


@pytest.fixture
def api(peeringdb):
    """The API, and who may call it."""
    with TestClient(create_app(peeringdb.client_config())) as client:
        yield client


@pytest.fixture
def call(api, peeringdb):
    """``call(person, method, path)``: with an access token of the person."""

    def call(person, method, path, **arguments):
        headers = {"Authorization": f"Bearer {peeringdb.access_token(person)}"}
        answer = api.request(method, path, headers=headers, **arguments)
        return answer.status_code, answer.json() if answer.content else None

    return call


@pytest.fixture
def manager(peeringdb):
    """A plain member of AS64500 who may also manage its peering sessions."""
    return peeringdb.person("Mia Manager", networks={64500: 1}, manage_peering_sessions=15)


def names_and_errors(body):
    return [(each["name"], *each["errors"]) for each in body["errors"]]


def test_a_whole_negotiation(call, manager):
    assert call(manager, "GET", "/locations?asn=64511") == (
        200,
        {"locations": [IX, IX | {"id": "pdb:ix:31"}]},
    )
    status, created = call(manager, "POST", "/sessions", json={"sessions": [WANTED]})
    assert (status, created["errors"]) == (200, [])
    [session] = created["sessions"]
    assert session["status"] == "Approved"
    assert session["request_id"] == created["request_id"]
    assert SECRET not in str(created)

    path = f"/sessions/{session['session_id']}"
    assert call(manager, "GET", path) == (200, session)
    assert call(manager, "GET", "/sessions?asn=64500") == (200, {"sessions": [session]})
    of_request = f"/sessions?asn=64500&request_id={created['request_id']}"
    assert call(manager, "GET", of_request) == (200, {"sessions": [session]})
    assert call(manager, "DELETE", path) == (204, None)
    assert call(manager, "GET", path)[0] == 404


def test_a_plain_member_manages_nothing(call, peeringdb):
    member = peeringdb.person("Max Member", networks={64500: 1}, manage_peering_sessions=1)
    reason = "AS64500: you may not manage its peering sessions"
    for method, path, body in (
        ("POST", "/sessions", {"sessions": [WANTED]}),
        ("GET", "/sessions?asn=64500", None),
    ):
        status, answer = call(member, method, path, json=body)
        assert status == 403
        assert reason in str(answer)
    assert call(member, "GET", "/locations?asn=64511")[0] == 403


def test_nobody_acts_for_the_network_of_others(call, manager, peeringdb):
    stranger = peeringdb.person("Sue Stranger", networks={64501: 15})
    _, created = call(manager, "POST", "/sessions", json={"sessions": [WANTED]})
    path = f"/sessions/{created['sessions'][0]['session_id']}"
    for method in ("GET", "DELETE"):
        status, body = call(stranger, method, path)
        assert (status, body) == call(stranger, method, "/sessions/none")
        assert status == 404
    assert call(stranger, "GET", "/sessions?asn=64500")[0] == 403
    both = [WANTED | {"local_asn": 64501, "local_ip": "192.0.2.3"}, WANTED]
    assert call(stranger, "POST", "/sessions", json={"sessions": both})[0] == 403
    assert call(stranger, "GET", "/sessions?asn=64501") == (200, {"sessions": []})
    assert call(manager, "GET", path)[0] == 200


def test_the_policy_accepts_a_part(call, manager):
    other_address = WANTED | {"local_ip": "192.0.2.3"}
    elsewhere = WANTED | {"location": IX | {"id": "pdb:ix:1"}, "peer_asn": 64510}
    ours = WANTED | {"peer_ip": "192.0.2.9"}
    mixed = WANTED | {"local_ip": "2001:db8:26::2"}
    wanted = [other_address, WANTED, WANTED, elsewhere, ours, mixed]
    status, body = call(manager, "POST", "/sessions", json={"sessions": wanted})
    assert (status, len(body["sessions"])) == (200, 1)
    assert names_and_errors(body) == [
        ("sessions.0.local_ip", "AS64500 has no such address at this exchange"),
        ("sessions.2.local_ip", "this session exists"),
        ("sessions.3.peer_asn", "this is the API of AS64511"),
        ("sessions.3.location", "we are not at this exchange"),
        ("sessions.4.peer_ip", "we have no such address at this exchange"),
        ("sessions.5.peer_ip", "one address is IPv4 and the other is IPv6"),
    ]
    status, body = call(manager, "POST", "/sessions", json={"sessions": wanted[:1]})
    assert (status, list(body)) == (400, ["errors"])


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({"local_ip": "nowhere"}, 400, "sessions.0.local_ip"),
        ({"local_bgp_role": 0}, 400, "sessions.0"),
        ({"local_monitoring_session": True, "peer_monitoring_session": True}, 400, "sessions.0"),
        ({"peer_type": "private"}, 422, "peer_type"),
    ],
)
def test_refuses_what_makes_no_sense(call, manager, changes, status, name):
    answered, body = call(manager, "POST", "/sessions", json={"sessions": [WANTED | changes]})
    assert (answered, body["errors"][0]["name"]) == (status, name)
    assert SECRET not in str(body)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/sessions", "asn"),
        ("/sessions?asn=64500&request_id=none", "request_id"),
        ("/sessions?asn=64500&next_token=x", "next_token"),
        ("/sessions?asn=64500&max_results=101", "max_results"),
        ("/locations?asn=64510", "asn"),
    ],
)
def test_refuses_a_wrong_question(call, manager, path, name):
    status, body = call(manager, "GET", path)
    assert (status, body["errors"][0]["name"]) == (400, name)


def test_answers_come_in_pages(call, manager):
    status, first = call(manager, "GET", "/locations?asn=64511&max_results=1")
    assert (status, len(first["locations"])) == (200, 1)
    after = f"/locations?asn=64511&max_results=1&next_token={first['next_token']}"
    assert call(manager, "GET", after) == (200, {"locations": [IX | {"id": "pdb:ix:31"}]})
    assert call(manager, "GET", "/locations?asn=64511&location_type=private") == (
        200,
        {"locations": []},
    )


def test_a_bad_token_gets_401(api):
    missing = api.get("/sessions?asn=64500")
    assert missing.status_code == 401
    assert missing.headers["WWW-Authenticate"] == 'Bearer realm="PeeringDB"'
    assert missing.json()["errors"][0]["name"] == "Authorization"
    bad = api.get("/sessions?asn=64500", headers={"Authorization": "Bearer made-up"})
    assert bad.status_code == 401
    assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]


def test_an_id_token_cannot_say_who_manages_sessions(api, manager, peeringdb):
    headers = {"Authorization": f"Bearer {peeringdb.id_token(manager)}"}
    answer = api.get("/sessions?asn=64500", headers=headers)
    assert answer.status_code == 403


def test_an_outage_of_peeringdb_is_503(api, manager, peeringdb):
    token = peeringdb.access_token(manager)
    peeringdb.outage()
    answer = api.get("/sessions?asn=64500", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_what_fastapi_refuses_has_the_form_of_the_draft(api, peeringdb, manager):
    headers = {"Authorization": f"Bearer {peeringdb.access_token(manager)}"}
    no_text = api.post("/sessions", headers=headers, content=b"\xff")
    for answer, status in ((no_text, 400), (api.get("/none"), 404), (api.put("/sessions"), 405)):
        assert answer.status_code == status
        ((name, error),) = names_and_errors(answer.json())
        assert (name, bool(error)) == ("", True)


def test_the_document_has_the_login_and_the_answers(api):
    document = api.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["PeeringDB"]["scheme"] == "bearer"
    answers = {
        (method, path): list(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation["security"] == [{"PeeringDB": []}]
    }
    assert answers == {
        ("get", "/locations"): ["200", "400", "401", "403", "503"],
        ("post", "/sessions"): ["200", "400", "401", "403", "503", "422"],
        ("get", "/sessions"): ["200", "400", "401", "403", "503"],
        ("get", "/sessions/{session_id}"): ["200", "401", "403", "404", "503"],
        ("delete", "/sessions/{session_id}"): ["204", "401", "403", "404", "503"],
    }
