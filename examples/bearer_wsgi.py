"""A peering API in plain WSGI: ``GET /networks/<asn>`` for people who may update it.

Callers send a token of their login: ``Authorization: Bearer <ID token or access
token>``. The settings come from the environment::

    export PEERINGDB_OAUTH_CLIENT_ID=... PEERINGDB_OAUTH_CLIENT_SECRET=...
    export PEERINGDB_OAUTH_REDIRECT_URI=...
    python examples/bearer_wsgi.py 8000
"""

import json
import math
import re
import sys
from http import HTTPStatus
from wsgiref.simple_server import make_server

from peeringdb_oauth import (
    AccessDenied,
    AccessRule,
    BearerVerifier,
    Client,
    ClientConfig,
    Permission,
    TokenRejected,
    TransportError,
)


def create_application(verifier):
    def application(environ, start_response):
        status, headers, value = answer(
            verifier, environ["PATH_INFO"], environ.get("HTTP_AUTHORIZATION", "")
        )
        start_response(
            f"{status.value} {status.phrase}", [("Content-Type", "application/json"), *headers]
        )
        return [json.dumps(value).encode()]

    return application


def answer(verifier, path, authorization):
    wanted = re.fullmatch("/networks/([0-9]{1,10})", path)
    if wanted is None:
        return HTTPStatus.NOT_FOUND, [], {"error": "there is only /networks/<asn>"}
    asn = int(wanted[1])
    scheme, _, token = authorization.partition(" ")
    try:
        user = verifier.verify(token.strip() if scheme.lower() == "bearer" else "", asn=asn)
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


if __name__ == "__main__":
    with Client(ClientConfig.load()) as client:
        verifier = BearerVerifier(client, rule=AccessRule(perms=Permission.UPDATE))
        with make_server("127.0.0.1", int(sys.argv[1]), create_application(verifier)) as server:
            print(f"http://127.0.0.1:{server.server_port}/networks/<asn>", flush=True)  # noqa: T201
            server.serve_forever()
