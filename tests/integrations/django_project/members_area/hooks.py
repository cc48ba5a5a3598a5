"""Functions for ``ON_LOGIN``, and backends of the project."""
# ruff: noqa: ARG001, ARG002 - they are called with more arguments than they need

from django.contrib.auth.models import Group

from peeringdb_oauth import AccessDenied, AccessRule, Membership, plan_memberships
from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

MEMBERS = {64500: "Example Net One", 64510: "Second Net"}
calls = []
changes = []  # what `follow` was called with
failing = []  # not empty: it fails


def note(request, user, account):
    calls.append((request.path, user, account, account.peeringdb_identity.peeringdb_id))


def refuse(request, user, account):
    account.groups.add(Group.objects.get_or_create(name="seen")[0])
    raise AccessDenied("the area is closed today")


def fail(request, user, account):
    Group.objects.create(name="seen")
    raise LookupError("the project's function fails")


def members_only(request, user, account):
    """The groups of an account are its memberships, named after AS numbers."""
    current = [
        Membership(asn=int(group.name), origin="peeringdb") for group in account.groups.all()
    ]
    plan = plan_memberships(user, MEMBERS, current, AccessRule())
    account.groups.remove(*Group.objects.filter(name__in=[link.asn for link in plan.remove]))
    account.groups.add(*(Group.objects.get_or_create(name=link.asn)[0] for link in plan.add))
    if not plan:
        raise AccessDenied("none of your networks is a member here")


def follow(previous, user):
    """Keep the groups of an account true, as `members_only` does at a login."""
    changes.append((previous.asns, user.asns))
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity  # noqa: PLC0415

    identity = PeeringDBIdentity.objects.get(peeringdb_id=user.id)
    numbers = [Group.objects.get_or_create(name=str(asn))[0] for asn in user.asns if asn in MEMBERS]
    identity.account.groups.set(numbers)
    if failing:
        raise LookupError("the project's function fails")


async def asynchronous(request, user, account):
    raise AccessDenied("nobody awaits this")


def in_disguise(request, user, account):
    """Return a coroutine from a plain function, as some decorators do."""
    return asynchronous(request, user, account)


class _Promise:
    def __await__(self):
        yield


def promise(request, user, account):
    """Return an awaitable that is no coroutine, such as a future."""
    return _Promise()


class ByName(PeeringDBBackend):
    """A backend that names accounts after people."""

    def username(self, user):
        return user.name.replace(" ", ".").lower()


class Nobody(PeeringDBBackend):
    """A backend that knows no account, and returns None as Django's backends do."""

    def authenticate(self, request, peeringdb_user):
        return None


class Disabled(PeeringDBBackend):
    """A backend to which all accounts are disabled, as they can be at any moment."""

    def get_user(self, user_id):
        return None
