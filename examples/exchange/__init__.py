"""Example-IX: what its portals in three frameworks share.

`members` is the database. `membership` says who may act for a member. `pages` prepares
what the templates show. None of them knows a framework. The portals are ``portal``
(Flask), ``portal_fastapi`` and ``portal_django``.
"""

from pathlib import Path

# The templates use only what Jinja and Django's template language have in common.
TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Other sites must not see a callback's URL, since it has the code. "no-referrer"
    # would also hide the origin of forms, which Django checks.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def headers_of(path: str, *, https: bool) -> dict[str, str]:
    """Return the security headers of a response.

    Pages are stored nowhere, so that the back button shows nothing after a logout.
    """
    transport = {"Strict-Transport-Security": "max-age=31536000"} if https else {}
    return (
        SECURITY_HEADERS
        | transport
        | ({} if path.startswith("/static/") else {"Cache-Control": "no-store"})
    )
