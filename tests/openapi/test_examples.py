"""FastAPI applications and the examples do what their OpenAPI documents say."""

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Path
from fastapi.security import HTTPBearer
from fastapi.testclient import TestClient
from frontend_and_api.api import create_app as create_api
from peering_api import create_app as create_peering_api
from schemathesis_run import check_api
from uvicorn_thread import served

from peeringdb_oauth import Permission, User
from peeringdb_oauth.integrations.starlette import PeeringDB

pytestmark = pytest.mark.server


@pytest.fixture
def config(peeringdb):
    return peeringdb.client_config()


@pytest.fixture
def member(peeringdb, config):  # noqa: ARG001 - registers the application
    return peeringdb.person("Ada Admin", networks={64500: 15})


@pytest.fixture
def token(peeringdb, member):
    return peeringdb.access_token(member)


def test_the_api_of_a_frontend(config, token, tmp_path):
    with served(create_api(config)) as url:
        check_api(
            f"{url}/openapi.json", tmp_path, auth=f'PeeringDBToken = {{ bearer = "{token}" }}'
        )


def test_the_peering_api(config, token, tmp_path):
    with served(create_peering_api(config)) as url:
        check_api(
            f"{url}/openapi.json",
            tmp_path,
            auth=f'PeeringDB = {{ bearer = "{token}" }}',
            excluded=[
                "positive_data_acceptance",  # the policy refuses well-formed sessions with 400
                "allow_header_conformance",  # Starlette knows the first route of a path only
            ],
        )


def test_an_application_with_logins(config, member, peeringdb, tmp_path):
    """The first example of docs/fastapi.md, and an endpoint without a network."""
    pdb = PeeringDB(config=config, secret_key="0123456789abcdef0123456789abcdef")
    app = FastAPI(middleware=[pdb.session_middleware])
    app.include_router(pdb.router)
    pdb.document(app)
    may_update = pdb.require(asn="asn", perms=Permission.UPDATE)

    @app.get("/networks")
    async def networks(user: Annotated[User, Depends(pdb.require())]) -> list[int]:
        return list(user.asns)

    @app.get("/networks/{asn}")
    async def peering(
        asn: Annotated[int, Path(examples=[64500])], user: Annotated[User, Depends(may_update)]
    ) -> str:
        return f"{user.name} may change the peering of AS{asn}"

    with TestClient(app, base_url="https://testserver") as browser:
        peeringdb.log_in(browser, member)
        cookie = browser.cookies[pdb.session_cookie]
    with served(app) as url:
        check_api(
            f"{url}/openapi.json",
            tmp_path,
            auth=f'PeeringDBLogin = {{ api_key = "{cookie}" }}',
            headers={"Accept": "application/json"},
        )


def test_an_api_that_lets_everybody_in_is_noticed(tmp_path):
    app = FastAPI()

    @app.get("/me")
    async def me(_: Annotated[object, Depends(HTTPBearer(auto_error=False))]) -> dict[str, str]:
        return {}

    with (
        served(app) as url,
        pytest.raises(AssertionError, match="accepts requests without authentication"),
    ):
        check_api(f"{url}/openapi.json", tmp_path, auth='HTTPBearer = { bearer = "a-token" }')
