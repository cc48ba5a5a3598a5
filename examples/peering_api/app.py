"""A peering API by draft-ietf-grow-peering-api-01, with PeeringDB as the login.

It needs ``peeringdb-oauth[async,oidc]``, FastAPI and uvicorn, and the settings of
`ClientConfig.load`::

    uvicorn --factory --app-dir examples peering_api:create_app

Each call needs an access token of a person who may manage the peering sessions of the
network that the call is about. The sessions are kept in memory, and no router is
configured.
"""

import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from peering_api.documents import (
    ASN,
    CreatedSessions,
    Errors,
    FieldError,
    Location,
    LocationPage,
    Session,
    SessionArray,
    SessionPage,
)
from peering_api.policy import ASN as OUR_ASN
from peering_api.policy import common_locations, problems
from peeringdb_oauth import (
    AccessDenied,
    AccessRule,
    AsyncClient,
    BearerVerifier,
    ClientConfig,
    PeeringDBOAuthError,
    TokenRejected,
    TransportError,
    User,
)

# A plain member may only read the sessions of their network at PeeringDB.
MAY_MANAGE = AccessRule(manage_sessions=True)
PAGE = 100  # the most that one page holds


class Refused(Exception):
    """A request that this server does not accept. ``errors``: why, by field."""

    def __init__(self, status: int, *errors: FieldError) -> None:
        super().__init__(status)
        self.status, self.errors = status, errors


def refused(status: int, name: str, *reasons: str) -> Refused:
    return Refused(status, FieldError(name=name, errors=list(reasons)))


class PeeringAPI(FastAPI):
    """An application whose OpenAPI document says what it answers."""

    def openapi(self) -> dict[str, Any]:
        """Leave out the 422 that FastAPI adds. A malformed request is a 400 here."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        return document


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of these statuses."""
    return {status: {"model": Errors} for status in statuses}


def create_app(config: ClientConfig | None = None) -> FastAPI:
    """Return the application, for this client or the one of the environment."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncClient(config or ClientConfig.load()) as client:
            app.state.verifier = BearerVerifier(client)
            yield

    app = PeeringAPI(title="Peering API", version="0.1", lifespan=lifespan)
    app.state.sessions = {}
    every, one = errors(400, 401, 403, 503), errors(401, 403, 404, 503)
    app.add_api_route(
        "/locations", list_locations, response_model_exclude_none=True, responses=every
    )
    app.add_api_route("/sessions", add_sessions, methods=["POST"], responses=every | errors(422))
    app.add_api_route("/sessions", list_sessions, response_model_exclude_none=True, responses=every)
    app.add_api_route("/sessions/{session_id}", show_session, responses=one)
    app.add_api_route(
        "/sessions/{session_id}", delete_session, methods=["DELETE"], status_code=204, responses=one
    )
    app.add_exception_handler(Refused, answer_refusal)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(RequestValidationError, answer_invalid_request)
    app.add_exception_handler(PeeringDBOAuthError, answer_login_error)
    return app


# --- who calls ------------------------------------------------------------------------


AccessToken = HTTPBearer(
    auto_error=False, scheme_name="PeeringDB", description="An access token of PeeringDB."
)


async def caller(
    request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(AccessToken)]
) -> User:
    """Return the person whose access token this is. Everything else is an error."""
    return await request.app.state.verifier.verify(
        sent.credentials if sent else "",
        # Who sends made-up tokens pays for looking them up.
        address=request.client.host if request.client else None,
    )


Caller = Annotated[User, Depends(caller)]


def managed_asns(user: User) -> list[int]:
    """Return the networks whose sessions the person may manage."""
    return [asn for asn in user.asns if MAY_MANAGE.check(user, asn=asn)]


# --- the endpoints, in the order of the draft's section 6.3 ---------------------------


async def add_sessions(request: Request, user: Caller, wanted: SessionArray) -> CreatedSessions:
    """Accept the sessions that our policy allows, and say why for the others."""
    for asn in {session.local_asn for session in wanted.sessions}:
        MAY_MANAGE.require(user, asn=asn)
    if any("private" in (each.peer_type, each.location.type) for each in wanted.sessions):
        raise refused(422, "peer_type", "please contact us: private peering needs a person")
    request_id, accepted, errors = str(uuid4()), [], []
    kept: dict[str, Session] = request.app.state.sessions
    for index, session in enumerate(wanted.sessions):
        found = problems(session, list(kept.values()))
        errors += [
            FieldError(name=f"sessions.{index}.{name}", errors=[text])
            for name, text in found.items()
        ]
        if not found:
            ids = {"session_id": str(uuid4()), "request_id": request_id}
            accepted.append(Session(**dict(session) | ids))
            kept[accepted[-1].session_id] = accepted[-1]
    if not accepted:
        raise Refused(400, *errors)
    return CreatedSessions(request_id=request_id, sessions=accepted, errors=errors)


async def list_sessions(
    request: Request,
    *,
    user: Caller,
    asn: Annotated[ASN, Query(examples=[64500])],
    request_id: str | None = None,
    max_results: Annotated[int, Query(ge=0, le=PAGE)] = 0,
    next_token: str = "",
) -> SessionPage:
    """List the sessions of the caller's network, or those of one request."""
    MAY_MANAGE.require(user, asn=asn)
    found = [
        session
        for session in request.app.state.sessions.values()
        if session.local_asn == asn and request_id in (None, session.request_id)
    ]
    if request_id is not None and not found:
        raise refused(400, "request_id", "there is no such request")
    sessions, after = page_of(found, max_results, next_token)
    return SessionPage(sessions=sessions, next_token=after)


async def show_session(request: Request, user: Caller, session_id: str) -> Session:
    """Show one session of the caller's network."""
    return visible_session(request, user, session_id)


async def delete_session(request: Request, user: Caller, session_id: str) -> Response:
    """Delete one session of the caller's network."""
    del request.app.state.sessions[visible_session(request, user, session_id).session_id]
    return Response(status_code=204)


async def list_locations(
    user: Caller,
    asn: Annotated[ASN, Query(examples=[OUR_ASN])],
    location_type: str = "public",
    max_results: Annotated[int, Query(ge=0, le=PAGE)] = 0,
    next_token: str = "",
) -> LocationPage:
    """List where this network can meet a network of the caller. ``asn`` is ours."""
    asns = managed_asns(user)
    if not asns:
        raise AccessDenied("you may manage the peering sessions of no network")
    if asn != OUR_ASN:
        raise refused(400, "asn", f"this is the API of AS{OUR_ASN}")
    found: list[Location] = common_locations(asns) if location_type == "public" else []
    locations, after = page_of(found, max_results, next_token)
    return LocationPage(locations=locations, next_token=after)


def visible_session(request: Request, user: User, session_id: str) -> Session:
    """Return the session. One of others answers like one that does not exist."""
    session = request.app.state.sessions.get(session_id)
    if session is None or not MAY_MANAGE.check(user, asn=session.local_asn):
        raise refused(404, "session_id", "there is no such session, or it is not yours")
    return session


def page_of(found: list, max_results: int, next_token: str) -> tuple[list, str | None]:
    """Return one page, and the token of the next. 0 results: as many as fit."""
    if not re.fullmatch("[0-9]{0,9}", next_token):
        raise refused(400, "next_token", "this token is not ours")
    start = int(next_token or 0)
    end = start + (max_results or PAGE)
    return found[start:end], str(end) if end < len(found) else None


# --- errors ---------------------------------------------------------------------------


def error_answer(status: int, *errors: FieldError, **headers: str) -> JSONResponse:
    """Return an error as the draft's OpenAPI document shows it."""
    return JSONResponse(
        {"errors": [each.model_dump() for each in errors]},
        status,
        {name.replace("_", "-"): text for name, text in headers.items()},
    )


async def answer_refusal(_: Request, error: Refused) -> JSONResponse:
    return error_answer(error.status, *error.errors)


async def answer_http_error(_: Request, error: HTTPException) -> JSONResponse:
    """Answer what FastAPI refuses by itself, such as a body that is no text."""
    reason = FieldError(name="", errors=[error.detail])
    return error_answer(error.status_code, reason, **(error.headers or {}))


async def answer_invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    """Answer 400: the draft keeps 422 for what needs a person."""
    return error_answer(
        400,
        *(
            FieldError(name=".".join(map(str, each["loc"][1:])), errors=[each["msg"]])
            for each in error.errors()
        ),
    )


async def answer_login_error(_: Request, error: PeeringDBOAuthError) -> JSONResponse:
    """Answer 401, 403 or 503, as `BearerVerifier.verify` says."""
    headers = {}
    if www_authenticate := getattr(error, "www_authenticate", None):
        headers["WWW_Authenticate"] = www_authenticate
    if isinstance(error, TokenRejected):
        return error_answer(401, FieldError(name="Authorization", errors=[str(error)]), **headers)
    if isinstance(error, AccessDenied):
        reasons = [str(reason) for reason in error.reasons]
        return error_answer(403, FieldError(name="Authorization", errors=reasons), **headers)
    if isinstance(error, TransportError):  # RateLimited also says how long to wait
        headers["Retry_After"] = str(math.ceil(getattr(error, "retry_after", 30)))
    message = "PeeringDB cannot be asked now"
    return error_answer(503, FieldError(name="Authorization", errors=[message]), **headers)
