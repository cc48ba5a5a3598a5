"""A peering portal: people log in with PeeringDB, see their networks, and request peering where PeeringDB lets them update.

Run it against PeeringDB with ``flask --app examples/portal run`` and the settings of `ClientConfig.load`, or against a local
sandbox with ``make demo``. The login is in `login.py`, what one can do here in `networks.py`, what can go wrong in `failures.py`.
"""

import atexit
import shutil
import tempfile

from cachelib import FileSystemCache
from flask import Flask, Response, request
from flask_session import Session

from peeringdb_oauth import Client, ClientConfig

from . import failures, login, networks

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",  # a callback's address has a code in it
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def create_app(config: ClientConfig | None = None, *, session_dir: str | None = None, profile_max_age: float = 60) -> Flask:
    """The portal. ``profile_max_age``: for how many seconds a page may show rights before PeeringDB is asked again."""
    config = config or ClientConfig.load()
    https = config.redirect_uri.startswith("https:")
    app = Flask(__name__)
    app.config.update(
        # Sessions stay on the server: a PKCE verifier or a token must never sit in a cookie that somebody can read.
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(session_dir or private_directory(), threshold=50_000),
        SESSION_PERMANENT=False,
        SESSION_REFRESH_EACH_REQUEST=False,
        SESSION_COOKIE_NAME="__Host-portal" if https else "portal",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=8 * 3600,  # seconds without a visit
        MAX_CONTENT_LENGTH=64 * 1024,
        PROFILE_MAX_AGE=profile_max_age,
    )
    Session(app)
    app.extensions["peeringdb"] = Client(config)
    app.register_blueprint(login.pages)
    app.register_blueprint(networks.pages)
    failures.register(app)

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        if https:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response

    return app


def private_directory() -> str:
    """A directory that only this account can read, and that ends with the process."""
    path = tempfile.mkdtemp(prefix="portal-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
