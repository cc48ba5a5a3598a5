"""The API, in FastAPI: it takes the token of a caller and says what they may do.

It needs ``peeringdb-oauth[starlette,oidc]``, FastAPI and uvicorn, and the settings of
`ClientConfig.load`, those of the frontend::

    uvicorn --factory --app-dir examples frontend_and_api.api:create_app

It does step 4 of a login, reading who it is. A token that PeeringDB gave to another
application counts as none: otherwise each of them could act as its visitors here.
"""

import secrets
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path

from peeringdb_oauth import ClientConfig, Permission, User
from peeringdb_oauth.integrations.starlette import REFUSALS, PeeringDB


def create_app(config: ClientConfig | None = None) -> FastAPI:
    """Return the application, for this client or the one of the environment."""
    # Nobody has a session here, so the key may be gone with the process.
    pdb = PeeringDB(config=config, secret_key=secrets.token_hex())
    app = FastAPI(title="What callers may do", responses=REFUSALS)
    may_update = pdb.bearer(asn="asn", perms=Permission.UPDATE)

    @app.get("/me")
    async def me(user: Annotated[User, Depends(pdb.bearer())]) -> dict[str, Any]:
        return {"id": user.id, "name": user.name, "asns": user.asns}

    @app.get("/networks/{asn}")
    async def network(
        asn: Annotated[int, Path(examples=[64500])], user: Annotated[User, Depends(may_update)]
    ) -> dict[str, Any]:
        return {"asn": asn, "name": user.network(asn).name}

    return app
