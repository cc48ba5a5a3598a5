"""Everything that can go wrong is a page with the right status, a reason and a way on."""

import pytest
from portal import create_app
from portal.failures import peeringdb_failure

from peeringdb_oauth import InvalidIDToken, InvalidResponse, PeeringDBOAuthError, RateLimited

pytestmark = pytest.mark.server

PAGES = ("/", "/login/peeringdb", "/login/peeringdb/callback", "/me", "/nowhere", "/static/portal.css")


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_has_the_security_headers(visitor, path):
    headers = visitor.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES[:-1])
def test_pages_are_stored_nowhere(visitor, path):
    assert visitor.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("csrf", ["", "wrong", "ünicode"])
@pytest.mark.parametrize("path", ["/logout", "/networks/64500/peering"])
def test_a_form_that_was_not_made_here_does_nothing(visitor, path, csrf):
    visitor.log_in("orgadmin")
    answer = visitor.post(path, csrf=csrf)
    assert answer.status_code == 400
    page = visitor.get("/").text
    assert "Ada Admin" in page
    assert "requested" not in page


def test_a_form_of_a_session_that_has_ended_does_nothing(visitor):
    answer = visitor.post("/logout", csrf="")
    assert answer.status_code == 400
    assert "This form is not valid any more" in answer.text


def test_a_cancelled_login(visitor):
    answer = visitor.log_in("member", consent=False)
    assert answer.status_code == 403
    assert "You cancelled the login" in answer.text
    assert "Log in with PeeringDB" in answer.text


def test_a_callback_with_a_forged_state(visitor):
    visitor.get("/login/peeringdb")
    answer = visitor.get("/login/peeringdb/callback?code=abc&state=forged")
    assert answer.status_code == 400
    assert "This login was not started here" in answer.text


def test_a_callback_into_a_browser_that_started_no_login(visit):
    callback = visit().callback("member")
    answer = visit().get(callback)
    assert answer.status_code == 400
    assert "This login cannot be completed" in answer.text


def test_a_callback_that_comes_twice(visitor):
    callback = visitor.callback("member")
    assert visitor.get(callback).status_code == 302
    assert visitor.get(callback).status_code == 400
    assert visitor.get("/me").json["name"] == "Mel Member"


def test_a_login_that_took_too_long(visitor):
    callback = visitor.callback("member")
    with visitor.client.session_transaction() as session:
        session["login"] = session["login"] | {"created_at": session["login"]["created_at"] - 601}
    answer = visitor.get(callback)
    assert answer.status_code == 400
    assert "ten minutes" in answer.text


@pytest.mark.parametrize(
    "query", ["", "&code=", "&code=a&code=b", "&code=a&error=access_denied", "&code=a&iss=https://elsewhere.example.net"]
)
def test_a_callback_that_makes_no_sense(visitor, query):
    visitor.get("/login/peeringdb")
    assert visitor.get(f"/login/peeringdb/callback?state={visitor.session['login']['state']}{query}").status_code == 400


@pytest.mark.parametrize(("kind", "said"), [("outage", "503"), ("error_500", "500"), ("cut", "connection")])
def test_peeringdb_is_not_available(visitor, pdb, kind, said):
    callback = visitor.callback("member")
    pdb.fault(kind, times=1)
    answer = visitor.get(callback)
    assert answer.status_code == 502
    assert "PeeringDB is not available" in answer.text
    assert said in answer.text


def test_an_outage_during_a_session_ends_nothing(visitor, pdb):
    visitor.log_in("member")
    pdb.fault("outage", times=1)
    answer = visitor.get("/")
    assert answer.status_code == 502
    assert "Back to your networks" in answer.text
    assert visitor.get("/").status_code == 200


def test_peeringdb_refuses_the_application(visit):
    answer = visit(client_secret="mistyped").log_in("member")
    assert answer.status_code == 502
    assert "PeeringDB refused this portal" in answer.text
    assert "mistyped" not in answer.text


def test_too_many_requests(visit):
    visitor = visit(requests_per_minute=2)
    visitor.log_in("member")
    answer = visitor.get("/")
    assert answer.status_code == 503
    assert "PeeringDB asks us to wait" in answer.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 61


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidResponse("x", check="networks[0].asn"), 502),
        (InvalidIDToken("x", check="iss"), 502),
        (PeeringDBOAuthError("x"), 502),
        (InvalidResponse("x", check="code"), 400),
        (RateLimited("x", retry_after=0.2), 503),
    ],
)
def test_every_error_of_the_library_has_its_status(configure, tmp_path, error, status):
    with create_app(configure(), session_dir=str(tmp_path)).test_request_context():
        assert peeringdb_failure(error).status_code == status


def test_an_address_that_does_not_exist(visitor):
    answer = visitor.get("/nowhere")
    assert answer.status_code == 404
    assert "Log in with PeeringDB" in answer.text


def test_a_program_gets_json(visitor):
    answer = visitor.get("/login/peeringdb/callback", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["title"]) == (400, "This login cannot be completed")
    assert answer.json["reasons"] == ["No login of this browser is waiting for an answer"]
