"""The login with PeeringDB for FastAPI and Starlette.

The rules of the login are in `peeringdb_oauth.web`. This package translates between
them and Starlette. `PeeringDB` adds the pages ``/login/peeringdb``,
``/login/peeringdb/callback`` and ``/logout``. Its settings are read by
`ClientConfig.load`.

FastAPI::

    from typing import Annotated

    from fastapi import Depends, FastAPI
    from peeringdb_oauth import Permission, User
    from peeringdb_oauth.integrations.starlette import PeeringDB

    pdb = PeeringDB()
    app = FastAPI(middleware=[pdb.session_middleware])
    app.include_router(pdb.router)

    @app.get("/networks/{asn}")
    async def peering(
        asn: int,
        user: Annotated[User, Depends(pdb.require(asn="asn", perms=Permission.UPDATE))],
    ) -> str:
        return f"{user.name} may change the peering of AS{asn}"

Starlette::

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from peeringdb_oauth import Permission, User
    from peeringdb_oauth.integrations.starlette import PeeringDB

    pdb = PeeringDB()

    @pdb.require(asn="asn", perms=Permission.UPDATE).guard
    async def peering(request: Request, user: User) -> PlainTextResponse:
        asn = request.path_params["asn"]
        return PlainTextResponse(f"{user.name} may change the peering of AS{asn}")

    routes = [*pdb.routes, Route("/networks/{asn}", peering)]
    app = Starlette(routes=routes, middleware=[pdb.session_middleware])
"""

from peeringdb_oauth.extras import needs

with needs("starlette"):
    from peeringdb_oauth.integrations.starlette.guard import Requirement
    from peeringdb_oauth.integrations.starlette.peeringdb import PeeringDB
    from peeringdb_oauth.integrations.starlette.refusals import REFUSALS
    from peeringdb_oauth.web import OTHER_ACCOUNT, LocalAccount

__all__ = ["OTHER_ACCOUNT", "REFUSALS", "LocalAccount", "PeeringDB", "Requirement"]
