"""What PeeringDB tells an application about a person."""

from typing import Any

from peeringdb_oauth.sandbox.server.models import AuthenticationMethods, Person


def describe_networks(person: Person, *, with_sessions: bool) -> list[dict[str, Any]]:
    """The person's networks as PeeringDB lists them.

    ``with_sessions``: add `manage_peering_sessions`. Only the profile has it; the ID
    token and userinfo do not.
    """
    networks = []
    for right in person.rights.select_related("network"):
        network = {
            "id": right.network.id,
            "name": right.network.name,
            "asn": right.network.asn,
            "perms": right.perms,
        }
        if with_sessions:
            network["manage_peering_sessions"] = right.manage_peering_sessions
        networks.append(network)
    return networks


def describe_profile(person: Person, scopes: list[str], access_token: str) -> dict[str, Any]:
    """The body of /profile/v1. What was not granted is left out."""
    body = {
        "id": person.id,
        "given_name": person.first_name,
        "family_name": person.last_name,
        "name": person.full_name,
        "verified_user": person.verified_user,
    }
    if "email" in scopes:
        body |= {"email": person.email, "verified_email": person.verified_email}
    if "networks" in scopes:
        body["networks"] = describe_networks(person, with_sessions=True)
    if "amr" in scopes:
        body["amr"] = stored_amr(f"token:{access_token}")
    return body


def stored_amr(key: str) -> list[str]:
    """The `amr` that was stored with a code or an access token; empty if there is none.

    ``key``: as in `AuthenticationMethods`.
    """
    stored = AuthenticationMethods.objects.filter(key=key).first()
    return list(stored.amr) if stored else []
