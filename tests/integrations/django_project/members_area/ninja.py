"""An API with Django Ninja, behind our decorator."""

from ninja import NinjaAPI

from peeringdb_oauth import Permission
from peeringdb_oauth.integrations.django import PeeringDBRequest, require_asn

api = NinjaAPI(docs_url=None)


@api.get("networks/{asn}")
@require_asn("asn", perms=Permission.UPDATE)
def network(request: PeeringDBRequest, asn: int):
    return {"asn": asn, "by": request.peeringdb.name}


@api.post("networks/{asn}")
@require_asn("asn", perms=Permission.UPDATE)
def change(request: PeeringDBRequest, asn: int):
    return {"changed": asn, "by": request.peeringdb.name}
