"""The approval queue of docs/django.md."""
# ruff: noqa: ARG001 - as it stands there

from account_models.models import AccessRequest
from peeringdb_oauth import AccessDenied, Reason


def only_approved(request, user, account):
    asked, _ = AccessRequest.objects.update_or_create(
        peeringdb_id=user.id, defaults={"name": user.name, "asns": list(user.asns)}
    )
    if not asked.approved:
        raise AccessDenied(
            Reason("we have got your request and will look at it", code="awaits_approval")
        )
