"""The frontend, in Flask: it logs people in, and asks the API with their token.

It needs ``peeringdb-oauth``, Flask, Flask-Session and cachelib, the settings of
`ClientConfig.load`, and ``API``, the address of ``api.py``::

    flask --app examples/frontend_and_api/frontend run

It does steps 2 and 3 of a login: it sends people to PeeringDB and gets their tokens.
What they may do is step 4, which the API does.
"""

import math
import os

import requests
from cachelib import FileSystemCache
from flask import Flask, redirect, session
from flask import request as visit
from flask_session import Session

from peeringdb_oauth import (
    AuthorizationRequest,
    Client,
    ClientConfig,
    PeeringDBOAuthError,
    TransportError,
)


def create_app(config: ClientConfig | None = None, api: str | None = None) -> Flask:
    """Return the application, for this client and API or those of the environment."""
    config = config or ClientConfig.load()
    api = api or os.environ["API"]
    client = Client(config)

    app = Flask(__name__)
    # The tokens are as good as passwords: the session stays on the server, and the
    # cookie has only its id.
    app.config.update(
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(os.environ.get("SESSIONS", "sessions"), mode=0o600),
        SESSION_PERMANENT=False,
        SESSION_COOKIE_SECURE=config.redirect_uri.startswith("https:"),
        SESSION_COOKIE_SAMESITE="Lax",  # a form of another site logs nobody out
    )
    Session(app)

    @app.get("/login")
    def login():
        start = client.authorization_request()
        session["login"] = start.to_dict()
        return redirect(start.url)

    @app.get("/callback")
    def callback():
        start = AuthorizationRequest.from_dict(session.get("login"))
        token = client.log_in(start, visit.url).token
        session.clear()
        session["tokens"] = [token.access_token, token.refresh_token]
        app.session_interface.regenerate(session)  # whoever knew the id before: no more
        return redirect("/")

    @app.get("/")
    @app.get("/networks/<int:asn>")
    def page(asn=None):
        if "tokens" not in session:
            return redirect("/login")
        path = "/me" if asn is None else f"/networks/{asn}"
        answer = ask(path)
        if answer.status_code == requests.codes.unauthorized:
            # It has expired after ten hours, or PeeringDB ended it.
            token = client.refresh(session["tokens"][1])
            session["tokens"] = [token.access_token, token.refresh_token]
            answer = ask(path)
        return answer.json(), answer.status_code

    def ask(path):
        headers = {"Authorization": f"Bearer {session['tokens'][0]}"}
        return requests.get(f"{api}{path}", headers=headers, timeout=30, allow_redirects=False)

    @app.post("/logout")
    def logout():
        tokens = session.get("tokens")
        session.clear()
        if tokens:
            client.revoke(tokens[1])  # this ends the access token, too
        return {"logged in": False}

    @app.errorhandler(PeeringDBOAuthError)
    def failure(error):
        if isinstance(error, TransportError):
            seconds = math.ceil(getattr(error, "retry_after", 30))
            return {"error": "PeeringDB cannot be asked now"}, 503, {"Retry-After": str(seconds)}
        session.clear()
        return {"error": str(error), "log in": "/login"}, 403

    return app
