"""Example-IX, the exchange whose portal is here in three frameworks: what it knows, its
pages and their looks. Knows no framework.

`members` is its database, `membership` says who may act for a member, `pages` prepares
what the templates show. The portals are ``portal`` (Flask), ``portal_fastapi`` and
``portal_django``.
"""

from pathlib import Path

TEMPLATES = (
    Path(__file__).parent / "templates"
)  # in what Jinja and Django's template language have in common
STATIC = Path(__file__).parent / "static"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # A callback's address, with its code, is nobody else's business. "no-referrer"
    # would also take the origin from forms: Django wants it.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def headers_of(path: str, *, https: bool) -> dict[str, str]:
    """The security headers of an answer. Pages are stored nowhere: after a logout the
    back button shows nothing.
    """
    transport = {"Strict-Transport-Security": "max-age=31536000"} if https else {}
    return (
        SECURITY_HEADERS
        | transport
        | ({} if path.startswith("/static/") else {"Cache-Control": "no-store"})
    )
