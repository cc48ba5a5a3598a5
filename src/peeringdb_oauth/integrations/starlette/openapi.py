"""A requirement in the OpenAPI document of FastAPI.

Only this file imports FastAPI when it is imported itself.
"""

from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.base import SecurityBase

from peeringdb_oauth.integrations.starlette.guard import Check, Requirement
from peeringdb_oauth.integrations.starlette.refusals import LOGIN, TOKEN
from peeringdb_oauth.web import Guard

_LOGIN = "The session of somebody who has logged in with PeeringDB."
_TOKEN = "An access token or ID token of PeeringDB that was issued to this application."  # noqa: S105 - none


class DocumentedRequirement(Requirement, SecurityBase):
    """A requirement that is also one of FastAPI's security schemes.

    ``cookie``: the name of the session's cookie; None if a bearer token is required.
    """

    def __init__(self, guard: Guard, check: Check, *, cookie: str | None) -> None:
        super().__init__(guard, check)
        scheme: APIKeyCookie | HTTPBearer = HTTPBearer(scheme_name=TOKEN, description=_TOKEN)
        if cookie is not None:
            scheme = APIKeyCookie(name=cookie, scheme_name=LOGIN, description=_LOGIN)
        self.model, self.scheme_name = scheme.model, scheme.scheme_name
