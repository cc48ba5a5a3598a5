"""Log in with PeeringDB, stay logged in, log out."""

import secrets
import time
from contextlib import suppress
from hmac import compare_digest

from flask import Blueprint, abort, current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from peeringdb_oauth import AccessDenied, AccessRule, AuthorizationRequest, Client, PeeringDBOAuthError, TokenRejected, User

from .failures import STALE_FORM, UNFINISHED, failure_page

pages = Blueprint("login", __name__)
ENTRY = AccessRule()  # account and email address verified by PeeringDB


@pages.get("/login/peeringdb")
def start() -> ResponseReturnValue:
    """Send the browser to PeeringDB."""
    login = peeringdb().authorization_request(prompt="login" if "another" in request.args else None)
    session["login"] = login.to_dict()
    return redirect(login.url)


@pages.get("/login/peeringdb/callback")
def callback() -> ResponseReturnValue:
    """PeeringDB sends the browser back."""
    started = session.get("login")  # it stays until it is answered: anybody can make this browser call here with a forged answer
    if started is None:
        return failure_page(UNFINISHED, ["No login of this browser is waiting for an answer"])
    login = peeringdb().log_in(AuthorizationRequest.from_dict(started), request.args)
    forget(session.get("refresh_token"))  # of whoever was logged in here before
    session.clear()
    admit(login.user, login.token.refresh_token)
    session.update(
        user=login.user.to_dict(),
        checked_at=time.time(),
        expires_at=login.token.expires_at,
        access_token=login.token.access_token,
        refresh_token=login.token.refresh_token,
        csrf=secrets.token_urlsafe(32),
    )
    current_app.session_interface.regenerate(session)  # nobody who knew the session before the login shares the one after it
    return redirect(url_for("networks.home"))


@pages.post("/logout")
def end() -> ResponseReturnValue:
    """Log out here, and end our access at PeeringDB."""
    ended = forget(session.get("refresh_token"))
    session.clear()
    flash("You are logged out." if ended else "You are logged out here, but PeeringDB could not be told to end our access.")
    current_app.session_interface.regenerate(session)
    return redirect(url_for("networks.home"))


@pages.before_app_request
def refuse_forged_forms() -> ResponseReturnValue | None:
    """Every form carries the session's own token."""
    expected, given = session.get("csrf", ""), request.form.get("csrf", "")
    if request.method == "POST" and not (expected and compare_digest(expected.encode(), given.encode())):
        return failure_page(STALE_FORM, [])
    return None


def current_user(max_age: float) -> User:
    """Who is logged in, as PeeringDB saw them at most ``max_age`` seconds ago, and still welcome; anything else is an error page.

    PeeringDB's access tokens live for ten hours. Then one logs in again, so that nothing is ever refreshed here.
    """
    if "user" not in session:
        abort(403, "You are not logged in.")
    if time.time() >= session["expires_at"]:
        raise TokenRejected("your login at PeeringDB has ended after ten hours: log in again")
    if time.time() - session["checked_at"] >= max_age:
        session["user"] = peeringdb().fetch_user(session["access_token"]).to_dict()
        session["checked_at"] = time.time()
    user = User.from_dict(session["user"])
    admit(user, session["refresh_token"])
    return user


def admit(user: User, refresh_token: str | None) -> None:
    """Nothing, for people who may use this portal; else their login ends, and `AccessDenied` says why."""
    reasons = ENTRY.check(user).reasons
    if not reasons and not user.networks:
        reasons = ("PeeringDB lists no network for you: ask to be affiliated with your organisation, or add its network there",)
    if reasons:
        forget(refresh_token)
        session.clear()
        raise AccessDenied(*reasons)


def forget(refresh_token: str | None) -> bool:
    """Have PeeringDB end a login's tokens (the refresh token takes the access token with it); whether that worked."""
    with suppress(PeeringDBOAuthError):
        if refresh_token:
            peeringdb().revoke(refresh_token)
        return True
    return False


def peeringdb() -> Client:
    """The one client of this process."""
    return current_app.extensions["peeringdb"]
