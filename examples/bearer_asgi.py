"""A peering API in plain ASGI: ``GET /networks/<asn>`` for people who may update it.

It does the same as ``bearer_wsgi.py``, but one process serves many callers while it
waits for PeeringDB. It needs ``peeringdb-oauth[async,oidc]`` and uvicorn::

    export PEERINGDB_OAUTH_CLIENT_ID=... PEERINGDB_OAUTH_CLIENT_SECRET=...
    export PEERINGDB_OAUTH_REDIRECT_URI=...
    python examples/bearer_asgi.py 8000
"""

import asyncio
import json
import math
import re
import sys
from http import HTTPStatus

import uvicorn

from peeringdb_oauth import (
    AccessDenied,
    AccessRule,
    AsyncClient,
    BearerVerifier,
    ClientConfig,
    Permission,
    TokenRejected,
    TransportError,
)


def create_application(verifier):
    async def application(scope, _receive, send):
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        status, headers, value = await answer(verifier, scope["path"], authorization)
        encoded = [
            (name.encode(), text.encode("latin-1"))
            for name, text in [("Content-Type", "application/json"), *headers]
        ]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": json.dumps(value).encode()})

    return application


async def answer(verifier, path, authorization):
    wanted = re.fullmatch("/networks/([0-9]{1,10})", path)
    if wanted is None:
        return HTTPStatus.NOT_FOUND, [], {"error": "there is only /networks/<asn>"}
    asn = int(wanted[1])
    scheme, _, token = authorization.partition(" ")
    try:
        user = await verifier.verify(token.strip() if scheme.lower() == "bearer" else "", asn=asn)
    except TokenRejected as error:
        return (
            HTTPStatus.UNAUTHORIZED,
            [("WWW-Authenticate", error.www_authenticate)],
            {"error": str(error)},
        )
    except AccessDenied as error:
        headers = [("WWW-Authenticate", error.www_authenticate)] if error.www_authenticate else []
        reasons = [{"code": each.code, "asn": each.asn, "text": each} for each in error.reasons]
        return HTTPStatus.FORBIDDEN, headers, {"code": "forbidden", "reasons": reasons}
    except TransportError as error:  # RateLimited also says how long to wait
        seconds = math.ceil(getattr(error, "retry_after", 30))
        return (
            HTTPStatus.SERVICE_UNAVAILABLE,
            [("Retry-After", str(seconds))],
            {"error": "PeeringDB cannot be asked now"},
        )
    return HTTPStatus.OK, [], {"asn": asn, "name": user.network(asn).name, "user": user.id}


async def main(port):
    async with AsyncClient(ClientConfig.load()) as client:
        verifier = BearerVerifier(client, rule=AccessRule(perms=Permission.UPDATE))
        await uvicorn.Server(
            uvicorn.Config(create_application(verifier), port=port, lifespan="off")
        ).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
