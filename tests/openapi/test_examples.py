"""The examples' APIs do what their OpenAPI documents say."""

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from frontend_and_api.api import create_app as create_api
from peering_api import create_app as create_peering_api
from schemathesis_run import check_api
from uvicorn_thread import served

pytestmark = pytest.mark.server


@pytest.fixture
def config(peeringdb):
    return peeringdb.client_config()


@pytest.fixture
def token(peeringdb, config):  # noqa: ARG001 - registers the application
    return peeringdb.access_token(peeringdb.person("Ada Admin", networks={64500: 15}))


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
