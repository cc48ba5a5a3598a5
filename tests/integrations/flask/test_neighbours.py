"""Two applications at one host, and other extensions of Flask."""

import pytest
from flask import Flask
from flask_restful import Api as RestfulApi
from flask_restful import Resource as RestfulResource
from flask_restx import Api as RestxApi
from flask_restx import Resource as RestxResource
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client as Browser

from peeringdb_oauth import User
from peeringdb_oauth.integrations.flask import PeeringDB, current_user

PORTAL = "https://portal.test"


def make_app(client, cookie):
    app = Flask("portal")
    app.secret_key = cookie * 4
    app.config["SESSION_COOKIE_NAME"] = cookie
    pdb = PeeringDB(app, client=client)

    @app.get("/me")
    @pdb.require()
    def me():
        return current_user.name

    return app


def test_two_applications_at_one_host_keep_their_logins(make_client, sandbox):
    clients = [make_client(f"{PORTAL}/{name}/login/peeringdb/callback") for name in "ab"]
    one, other = (
        make_app(client, cookie)
        for client, cookie in zip(clients, ("__Host-one", "__Host-other"), strict=True)
    )
    browser = Browser(DispatcherMiddleware(Flask("none"), {"/a": one, "/b": other}))

    def get(path):
        answer = browser.get(path.removeprefix(PORTAL), base_url=PORTAL)
        return answer.status_code, answer.location or answer.text

    starts = [get(f"/{name}/login/peeringdb?next=/{name}/me")[1] for name in "ab"]
    for person, start, name in zip(("member", "orgadmin"), starts, "ab", strict=True):
        assert get(sandbox.log_in(person, start)) == (302, f"/{name}/me")
    assert [get("/a/me"), get("/b/me")] == [(200, "Mel Member"), (200, "Ada Admin")]
    logout = {"base_url": PORTAL, "headers": {"Sec-Fetch-Site": "same-origin"}}
    assert browser.post("/a/logout", **logout).status_code == 303
    assert (get("/a/me")[0], get("/b/me")) == (302, (200, "Ada Admin"))


@pytest.fixture(params=[(RestxApi, RestxResource), (RestfulApi, RestfulResource)])
def api(request, make_portal):
    """A portal with a resource of Flask-RESTX or of Flask-RESTful."""
    make_api, resource = request.param
    portal = make_portal()
    api = make_api(portal.app, prefix="/v1")

    class Peering(resource):
        @portal.pdb.require(asn="asn")
        def get(self, asn):
            return {"asn": asn}

        @portal.pdb.bearer(asn="asn")
        def post(self, asn):
            return {"asn": asn}

    api.add_resource(Peering, "/networks/<int:asn>")
    return portal


def ask(portal, method, asn, accept="application/json"):
    return portal.app.test_client().open(
        f"/v1/networks/{asn}", method=method, headers={"Accept": accept}, base_url=PORTAL
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_resources_keep_the_reasons_of_a_refusal(api):
    answer = ask(api, "GET", 64500)
    assert (answer.status_code, answer.json["code"]) == (401, "logged_out")
    answer = ask(api, "POST", 64500)
    assert (answer.status_code, answer.json["code"]) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="PeeringDB"'
    with api.pdb.logged_in_as(User(id=1, verified_user=True, verified_email=True)):
        answer = ask(api, "GET", 64500)
    assert answer.status_code == 403
    assert answer.json["reasons"] == [
        {
            "code": "not_affiliated",
            "asn": 64500,
            "text": "You are not affiliated with AS64500 at PeeringDB",
        }
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_resources_lead_people_to_the_login(api):
    answer = ask(api, "GET", 64500, accept="text/html")
    assert (answer.status_code, answer.location) == (
        302,
        "/login/peeringdb?next=/v1/networks/64500",
    )
