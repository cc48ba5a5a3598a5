"""Tests of a project without a login: `logged_in_as`, and DRF's own way."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

import os
import subprocess
import sys
from pathlib import Path

import pytest

from peeringdb_oauth import Network, Permission, User

ADA = User(
    id=7,
    name="Ada Admin",
    verified_user=True,
    verified_email=True,
    networks=(
        Network(id=1, asn=64500, name="One", perms=Permission.READ | Permission.UPDATE),
        Network(id=2, asn=64501, name="Two", perms=Permission.READ),
    ),
)


@pytest.fixture
def logged_in_as(configure):
    from peeringdb_oauth.integrations.django.testing import logged_in_as

    configure()
    return logged_in_as


@pytest.fixture
def client(configure):
    from django.test import Client

    configure()
    return Client(SERVER_NAME="localhost", HTTP_ACCEPT="text/html")


def test_every_request_is_one_of_the_user_until_the_block_ends(logged_in_as, client):
    with logged_in_as(ADA):
        assert client.get("/named/64500").status_code == 200
        assert client.get("/named/64502").status_code == 403
    assert client.get("/named/64500").status_code == 302


def test_the_account_is_the_one_that_the_test_client_logs_in(logged_in_as, client):
    from django.contrib.auth.models import User as Account

    client.force_login(Account.objects.create(username="ada"))
    with logged_in_as(ADA):
        assert client.get("/me").json()["account"] == "ada"


def test_the_login_rule_still_decides(logged_in_as, client):
    with logged_in_as(User(id=7, name="Ada")):
        assert client.get("/named/64500").status_code == 403


def test_every_bearer_token_is_one_of_the_user(logged_in_as, client):
    with logged_in_as(ADA):
        headers = {"Authorization": "Bearer anything", "Accept": "application/json"}
        assert client.get("/api/networks/64500", headers=headers).status_code == 200
        assert client.get("/api/networks/64502", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("user", "asn", "status"),
    [(ADA, 64500, 200), (ADA, 64502, 403), (User(id=7), 64500, 403), ("a token", 64500, 403)],
)
def test_drf_can_be_told_who_the_token_is_of(configure, user, asn, status):
    from rest_framework.test import APIClient

    configure()
    client = APIClient(SERVER_NAME="localhost")
    client.force_authenticate(token=user)
    assert client.get(f"/api/networks/{asn}").status_code == status


def test_drf_finds_the_network_of_a_view_by_a_method(configure):
    from rest_framework.test import APIClient

    configure()
    client = APIClient(SERVER_NAME="localhost")
    client.force_authenticate(token=ADA)
    assert client.get("/api/found/1").status_code == 200


# --- Django Ninja ---------------------------------------------------------------------


def test_a_decorator_protects_a_function_of_django_ninja(logged_in_as, client):
    json = {"Accept": "application/json"}
    assert client.get("/ninja/networks/64500", headers=json).status_code == 401
    with logged_in_as(ADA):
        assert client.get("/ninja/networks/64500", headers=json).json() == {
            "asn": 64500,
            "by": "Ada Admin",
        }
        refused = client.get("/ninja/networks/64501", headers=json)
        assert (refused.status_code, refused.json()["reasons"][0]["code"]) == (403, "needs_update")


def test_a_form_for_django_ninja_must_come_from_this_site(visitor):
    visitor.log_in("orgadmin")
    post = visitor.client.post
    assert post("/ninja/networks/64500").status_code == 403
    own = {"Sec-Fetch-Site": "same-origin"}
    assert post("/ninja/networks/64500", headers=own).json()["changed"] == 64500


# --- drf-spectacular ------------------------------------------------------------------


def test_the_document_describes_the_tokens_and_the_refusals(configure):
    from drf_spectacular.generators import SchemaGenerator

    configure()
    document = SchemaGenerator().get_schema(request=None, public=True)
    operation = document["paths"]["/api/networks/{asn}"]["get"]
    assert {"PeeringDBToken": []} in operation["security"]
    schemes = document["components"]["securitySchemes"]
    assert (schemes["PeeringDBToken"]["type"], schemes["PeeringDBToken"]["scheme"]) == (
        "http",
        "bearer",
    )
    assert set(operation["responses"]) >= {"200", "401", "403", "503"}
    schema = operation["responses"]["403"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/PeeringDBRefusal"}
    described = document["components"]["schemas"]["PeeringDBRefusal"]["properties"]
    assert set(described) >= set(refusal_of_a_token())


def refusal_of_a_token():
    """The JSON that a bad token gets, which the document describes."""
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    answer = client.get("/api/networks/64500", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401
    return answer.json()


def test_a_document_without_our_authentication_stays_as_it_is():
    from peeringdb_oauth.integrations.django.spectacular import add_refusals

    operation = {"security": [{"cookieAuth": []}], "responses": {"200": {}}}
    document = {"paths": {"/a": {"get": operation, "parameters": []}}}
    assert add_refusals(document) == {"paths": {"/a": {"get": operation, "parameters": []}}}
    assert add_refusals({}) == {}


def test_what_a_view_says_of_a_status_stays():
    from peeringdb_oauth.integrations.django.spectacular import add_refusals

    operation = {"security": [{"PeeringDBToken": []}], "responses": {"403": {"description": "own"}}}
    document = add_refusals({"paths": {"/a": {"get": operation}}})
    assert document["paths"]["/a"]["get"]["responses"]["403"] == {"description": "own"}
    assert "PeeringDBRefusal" in document["components"]["schemas"]


# --- types ----------------------------------------------------------------------------


def test_the_request_of_a_guarded_view_type_checks(tmp_path):
    view = tmp_path / "view.py"
    view.write_text(
        """
from django.http import HttpResponse
from django.urls import path
from peeringdb_oauth.integrations.django import PeeringDBRequest, require_asn

@require_asn("asn")
def edit(request: PeeringDBRequest, asn: int) -> HttpResponse:
    session = request.peeringdb_login
    return HttpResponse(f"{request.peeringdb.name} {session and session.checked_at}")

def wrong(request: PeeringDBRequest) -> None:
    request.peeringdb.nothing

urlpatterns = [path("networks/<int:asn>", edit)]
"""
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", root / "pyproject.toml", view],
        cwd=root,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line.partition(": error: ")[2] for line in done.stdout.splitlines()[:-1]]
    assert errors == ['"User" has no attribute "nothing"  [attr-defined]'], done.stdout
