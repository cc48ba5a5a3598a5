"""A portal in FastAPI."""

from typing import Annotated

from fastapi import Depends, FastAPI

from peeringdb_oauth import Permission, User
from peeringdb_oauth.integrations.starlette import PeeringDB

pdb = PeeringDB()
app = FastAPI(middleware=[pdb.session_middleware])
app.include_router(pdb.router)


@app.get("/networks/{asn}")
async def network(
    asn: int, user: Annotated[User, Depends(pdb.require(asn="asn", perms=Permission.UPDATE))]
) -> str:
    return f"{user.name} may change AS{asn}"
