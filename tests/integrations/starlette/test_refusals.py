"""Refusals: the way on, the audit log, the cause in debug mode, and OpenAPI."""
# ruff: noqa: ARG001 - endpoints get arguments that they do not need

import logging
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from peeringdb_oauth import Permission, TransportError, User
from peeringdb_oauth.integrations.starlette import REFUSALS, PeeringDB

from .conftest import PORTAL, failure

RIGHTS = "verified_user verified_email asn=AS64499 or AS64500 perms=UPDATE"


def in_starlette(pdb, *, debug):
    @pdb.require(mfa=True).guard
    async def danger(request, user):
        return PlainTextResponse("boom")

    @pdb.require(asn=(64499, 64500), perms=Permission.UPDATE).guard
    async def port(request, user):
        return PlainTextResponse("a port")

    async def broken(request):
        await pdb.current_user(request)
        raise TransportError("choose the algorithm RS256")

    async def api(request):
        await pdb.bearer()(request)

    routes = [
        Route("/danger", danger, methods=["POST"]),
        Route("/ports/{port}", port),
        Route("/broken", broken),
        Route("/api", api),
    ]
    return Starlette(
        debug=debug, routes=[*pdb.routes, *routes], middleware=[pdb.session_middleware]
    )


def in_fastapi(pdb, *, debug):
    app = FastAPI(debug=debug, middleware=[pdb.session_middleware], responses=REFUSALS)
    app.include_router(pdb.router)

    @app.post("/danger", dependencies=[Depends(pdb.require(mfa=True))])
    async def danger() -> str:
        return "boom"

    may_update = pdb.require(asn=(64499, 64500), perms=Permission.UPDATE)

    @app.get("/ports/{port}", dependencies=[Depends(may_update)])
    async def port(port: str) -> str:
        return port

    @app.get("/broken", dependencies=[Depends(pdb.current_user)])
    async def broken() -> None:
        raise TransportError("choose the algorithm RS256")

    @app.get("/api")
    async def api(user: Annotated[User, Depends(pdb.bearer())]) -> str:
        return user.name

    return app


@pytest.fixture(params=[in_starlette, in_fastapi])
def make(request, make_portal):
    return lambda *, debug=False: make_portal(lambda pdb: request.param(pdb, debug=debug)).browser()


def test_a_form_that_needs_a_second_factor_leads_to_a_login_that_asks_for_one(make):
    browser = make()
    browser.log_in("member", second_factor="backup")
    headers = {"Sec_Fetch_Site": "same-origin", "Referer": f"{PORTAL}/form?tab=2"}
    answer = browser.post("/danger", **headers)
    assert failure(answer)[:2] == (403, "A second factor is needed here")
    login = "/login/peeringdb?next=/form%3Ftab%3D2&prompt=login"
    assert f'href="{login.replace("&", "&amp;")}"' in answer.text
    answer = browser.post("/danger", accept="application/json", **headers).json()
    assert (answer["reasons"][0]["code"], answer["login_url"]) == ("needs_second_factor", login)
    browser.log_in("member", login)
    assert "boom" in browser.post("/danger", **headers).text


def test_the_audit_names_view_path_and_rule_but_not_the_query(make, caplog):
    browser = make()
    browser.log_in("member")
    with caplog.at_level(logging.INFO, "peeringdb_oauth.audit"):
        browser.get("/ports/a%0Ab?token=secret")
    [record] = [record for record in caplog.records if record.name == "peeringdb_oauth.audit"]
    assert f"<locals>.port, path /ports/a%0Ab, rule {RIGHTS}: " in record.getMessage()
    assert record.getMessage().startswith("login with PeeringDB: refused, user 2, view in_")
    assert "secret" not in str(vars(record))


@pytest.mark.parametrize("debug", [True, False])
def test_only_debug_mode_shows_the_cause(make, caplog, debug):
    browser = make(debug=debug)
    assert ("choose the algorithm RS256" in browser.get("/broken").text) is debug
    answer = browser.get("/broken", accept="application/json")
    assert ("choose the algorithm RS256" in answer.text) is debug
    assert caplog.text.count("TransportError: choose the algorithm RS256") == 2
    assert ("cause" in browser.get("/api").json()) is debug


def test_the_openapi_document_describes_the_refusals(make_config):
    app = in_fastapi(PeeringDB(config=make_config()), debug=False)
    responses = app.openapi()["paths"]["/api"]["get"]["responses"]
    assert {"401", "403", "429", "503"} < set(responses)
    schema = responses["403"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["code", "title", "reasons", "advice", "login_url"]


def in_document(make_config, **arguments):
    """The OpenAPI document of an application that says nothing of refusals itself."""
    pdb = PeeringDB(config=make_config())
    app = FastAPI(**arguments)
    router = APIRouter(dependencies=[Depends(pdb.require())])

    @app.get("/api")
    async def api(user: Annotated[User, Depends(pdb.bearer())]) -> int:
        return user.id

    @router.post("/inside", responses={403: {"description": "Not today."}})
    async def inside() -> None:
        pass

    @app.get("/open")
    async def everybody(user: Annotated[User | None, Depends(pdb.current_user)]) -> None:
        pass

    app.include_router(router, prefix="/v1")
    pdb.document(app)
    return app.openapi()


def test_one_line_documents_the_refusals_of_all_guarded_operations(make_config):
    document = in_document(make_config)
    api, inside = document["paths"]["/api"]["get"], document["paths"]["/v1/inside"]["post"]
    assert set(api["responses"]) == {"200", "401", "403", "429", "503"}
    assert set(inside["responses"]) == {"200", "401", "403", "429", "503"}
    assert inside["responses"]["403"] == {"description": "Not today."}
    assert set(document["paths"]["/open"]["get"]["responses"]) == {"200"}
    schema = api["responses"]["403"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/PeeringDBRefusal"}
    assert document["components"]["schemas"]["PeeringDBRefusal"]["required"] == [
        *("code", "title", "reasons", "advice", "login_url")
    ]


def test_an_application_without_guarded_operations_gets_no_schema(make_config):
    pdb, app = PeeringDB(config=make_config()), FastAPI()
    pdb.document(app)
    assert "components" not in app.openapi()


def test_a_refusal_has_the_members_that_the_document_names(make):
    schema = REFUSALS[401]["content"]["application/json"]["schema"]
    bad = {"Authorization": "Bearer made-up"}
    for headers, members in (({}, set()), (bad, {"error"})):
        body = make().get("/api", **headers).json()
        assert set(body) == set(schema["required"]) | members
        assert set(body) <= set(schema["properties"])
        reason = schema["properties"]["reasons"]["items"]["properties"]
        assert all(set(each) == set(reason) for each in body["reasons"])
