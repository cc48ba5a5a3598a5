"""Register applications, as PeeringDB's form does."""

from collections.abc import Sequence

from oauth2_provider.generators import generate_client_id, generate_client_secret
from oauth2_provider.models import Application

from peeringdb_oauth.sandbox.options import redirect_uri_problems
from peeringdb_oauth.sandbox.server.edit_people import CannotChange

ALGORITHMS = ("RS256", "HS256", "")
DEFAULT_CLIENT_ID = "sandbox-client"
DEFAULT_CLIENT_SECRET = "sandbox-secret-not-for-production"  # noqa: S105 - it protects a sandbox only


def register_application(
    redirect_uris: Sequence[str],
    *,
    client_id: str | None = None,
    client_secret: str | None = None,
    confidential: bool = True,
    algorithm: str | None = "RS256",
    hash_client_secret: bool = True,
    name: str = "",
) -> dict[str, object]:
    """Register an application, or replace the one with the same client id.

    The answer has the client secret. Afterwards only its hash is stored.

    Raises:
        CannotChange: a redirect URI or the algorithm cannot be used.
    """
    if problems := _problems(redirect_uris, algorithm or ""):
        raise CannotChange("; ".join(problems))
    client_id = client_id or generate_client_id()
    client_secret = generate_client_secret() if client_secret is None else client_secret
    kind = Application.CLIENT_CONFIDENTIAL if confidential else Application.CLIENT_PUBLIC
    Application.objects.update_or_create(
        client_id=client_id,
        defaults={
            "name": name or "Unnamed application",
            "client_secret": client_secret,
            "hash_client_secret": hash_client_secret,
            "client_type": kind,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            "redirect_uris": " ".join(redirect_uris),
            "algorithm": algorithm or "",
        },
    )
    return {
        "client_id": client_id,
        "client_secret": client_secret,
        "redirect_uris": list(redirect_uris),
    }


def _problems(redirect_uris: Sequence[str], algorithm: str) -> list[str]:
    problems = [problem for uri in redirect_uris for problem in redirect_uri_problems(uri)]
    if not redirect_uris:
        problems.append("an application needs at least one redirect URI")
    if algorithm not in ALGORITHMS:
        problems.append(f"the algorithm must be RS256, HS256 or none, not {algorithm!r}")
    return problems


def register_default_application(redirect_uris: Sequence[str]) -> None:
    """Register the application that every sandbox has from the start."""
    register_application(
        redirect_uris,
        client_id=DEFAULT_CLIENT_ID,
        client_secret=DEFAULT_CLIENT_SECRET,
        name="your application",
    )
