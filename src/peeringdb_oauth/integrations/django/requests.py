"""`PeeringDBRequest`: the request of a guarded view, as type checkers should see it."""

from django.http import HttpRequest

from peeringdb_oauth.profile import User
from peeringdb_oauth.web import SessionInfo


class PeeringDBRequest(HttpRequest):
    """Django's request with what this library adds to it.

    ::

        @require_asn("asn", perms=Permission.UPDATE)
        def edit(request: PeeringDBRequest, asn: int) -> HttpResponse:
            return HttpResponse(f"{request.peeringdb.name} may change AS{asn}")

    Nothing is an instance of it: it is for annotations only. ``peeringdb``: the user
    whom the guard of the view has let in. ``peeringdb_login``: their session; None
    without a guard and a login.
    """

    peeringdb: User
    peeringdb_login: SessionInfo | None
