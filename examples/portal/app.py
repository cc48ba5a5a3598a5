"""A peering portal: people log in with PeeringDB, see their networks, and request peering where PeeringDB lets them update.

Run it against PeeringDB with ``flask --app examples/portal run`` and the settings of `ClientConfig.load`, or against a local
sandbox with ``make demo``.
"""

import atexit
import secrets
import shutil
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from hmac import compare_digest
from urllib.parse import urlsplit

from cachelib import FileSystemCache
from flask import Flask, Response, abort, flash, jsonify, redirect, render_template, request, session, url_for
from flask_session import Session
from peeringdb_oauth import AccessDenied, AccessRule, AuthorizationRequest, Client, ClientConfig, Network, PeeringDBOAuthError, Permission, User

from .failures import UNFINISHED, Failure, failure_page, register_failures

ENTRY = AccessRule()  # account and email address verified by PeeringDB
MAY_REQUEST_PEERING = AccessRule(perms=Permission.UPDATE)
MAY_MANAGE_SESSIONS = AccessRule(manage_sessions=True)
PAGE_SIZE = 25
WORDS = {Permission.READ: "read", Permission.UPDATE: "update", Permission.CREATE: "create entries", Permission.DELETE: "delete"}


def create_app(config: ClientConfig | None = None, *, session_dir: str | None = None, profile_max_age: float = 60) -> Flask:
    """The portal. ``profile_max_age``: for how many seconds a page may show rights before PeeringDB is asked again."""
    config = config or ClientConfig.load()
    https = config.redirect_uri.startswith("https:")
    app = Flask(__name__)
    app.config.update(
        # Sessions stay on the server: a PKCE verifier or a token must never sit in a cookie that somebody can read.
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(session_dir or private_directory(), threshold=5000),
        SESSION_PERMANENT=False,
        SESSION_REFRESH_EACH_REQUEST=False,
        SESSION_COOKIE_NAME="__Host-portal" if https else "portal",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=8 * 3600,  # below the ten hours of PeeringDB's access tokens, so they need no refresh
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    Session(app)
    client = app.extensions["peeringdb"] = Client(config)
    requested: dict[int, datetime] = {}  # a real portal has a database: ASN -> when peering was requested
    register_failures(app)

    @app.get("/login/peeringdb")
    def log_in() -> Response:
        login = client.authorization_request(prompt="login" if "another" in request.args else None)
        session["login"] = login.to_dict()
        return redirect(login.url)

    @app.get(urlsplit(config.redirect_uri).path)
    def callback() -> Response:
        started = session.pop("login", None)
        if started is None:
            return failure_page(UNFINISHED, ["No login of this browser is waiting for an answer"])
        login = client.log_in(AuthorizationRequest.from_dict(started), request.args)
        try:
            admit(login.user)
        except AccessDenied:
            forget(login.token.refresh_token)
            raise
        forget(session.get("refresh_token"))
        session.clear()
        session.update(
            user=login.user.to_dict(),
            checked_at=time.time(),
            access_token=login.token.access_token,
            refresh_token=login.token.refresh_token,
            csrf=secrets.token_urlsafe(32),
        )
        app.session_interface.regenerate(session)  # nobody who knew the session before the login shares the one after it
        return redirect(url_for("home"))

    @app.post("/logout")
    def log_out() -> Response:
        ended = forget(session.get("refresh_token"))
        session.clear()
        flash("You are logged out." if ended else "You are logged out here, but PeeringDB could not be told to end its tokens.")
        app.session_interface.regenerate(session)
        return redirect(url_for("home"))

    @app.get("/")
    def home() -> str:
        if "user" not in session:
            return render_template("welcome.html")
        user = current_user(profile_max_age)
        query = request.args.get("q", "").strip()[:100]
        found = [network for network in user.networks if matches(network, query)]
        pages = max(1, -(-len(found) // PAGE_SIZE))
        page = min(max(request.args.get("page", 1, type=int), 1), pages)
        shown = [(network, *in_words(user, network)) for network in found[(page - 1) * PAGE_SIZE :][:PAGE_SIZE]]
        checked_at = datetime.fromtimestamp(session["checked_at"], UTC)
        return render_template(
            "networks.html",
            user=user,
            shown=shown,
            found=len(found),
            query=query,
            page=page,
            pages=pages,
            requested=requested,
            checked_at=checked_at,
        )

    @app.post("/networks/<int:asn>/peering")
    def request_peering(asn: int) -> Response:
        decision = MAY_REQUEST_PEERING.check(current_user(max_age=0), asn=asn)  # the page that had the button may be hours old
        if not decision:
            advice = "An administrator of the organisation can give you the right to update it at PeeringDB. Then request peering again."
            return failure_page(Failure(403, f"Peering for AS{asn} is not yours to request", advice), decision.reasons)
        requested.setdefault(asn, datetime.now(UTC))
        flash(f"Peering for AS{asn} is requested. We will write to its contacts at PeeringDB.")
        return redirect(url_for("home"))

    @app.get("/me")
    def me() -> Response:
        return jsonify(current_user(profile_max_age).to_dict())

    def current_user(max_age: float) -> User:
        """Who is logged in, as PeeringDB saw them at most ``max_age`` seconds ago; still welcome, or `AccessDenied`."""
        if "user" not in session:
            abort(403, "You are not logged in.")
        if time.time() - session["checked_at"] >= max_age:
            session["user"] = client.fetch_user(session["access_token"]).to_dict()
            session["checked_at"] = time.time()
        user = User.from_dict(session["user"])
        admit(user)
        return user

    def forget(refresh_token: str | None) -> bool:
        """Tell PeeringDB to end a login's tokens (the refresh token takes the access token with it), and whether that worked."""
        with suppress(PeeringDBOAuthError):
            if refresh_token:
                client.revoke(refresh_token)
            return True
        return False

    @app.before_request
    def refuse_forged_forms() -> None:
        expected, given = session.get("csrf", ""), request.form.get("csrf", "")
        if request.method == "POST" and not (expected and compare_digest(expected.encode(), given.encode())):
            abort(400, "This form is too old, or was not made here. Go back to the start and try again.")

    @app.after_request
    def harden(response: Response) -> Response:
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        response.headers.update(SECURITY_HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {}))
        return response

    return app


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


def admit(user: User) -> None:
    """Nothing, for people who may use this portal; else `AccessDenied` with the reasons."""
    ENTRY.require(user)
    if not user.networks:
        raise AccessDenied("PeeringDB lists no network for you: ask to be affiliated with your organisation, or add its network there")


def matches(network: Network, query: str) -> bool:
    """Whether somebody who typed this is looking for this network."""
    return query.casefold() in f"AS{network.asn} {network.name}".casefold()


def in_words(user: User, network: Network) -> tuple[list[str], list[str]]:
    """What the user may do for a network, and what not."""
    rights = {word: bool(network.perms & permission) for permission, word in WORDS.items()}
    rights["manage peering sessions"] = bool(MAY_MANAGE_SESSIONS.check(user, asn=network.asn))
    return [word for word, granted in rights.items() if granted], [word for word, granted in rights.items() if not granted]


def private_directory() -> str:
    """A directory only this account can read, which ends with the process."""
    path = tempfile.mkdtemp(prefix="portal-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
