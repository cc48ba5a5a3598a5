"""The login with PeeringDB for Flask.

::

    import os
    from flask import Flask
    from peeringdb_oauth import Permission
    from peeringdb_oauth.integrations.flask import PeeringDB, current_user

    app = Flask(__name__)
    app.secret_key = os.environ["SECRET_KEY"]
    pdb = PeeringDB(app)  # adds /login/peeringdb, its callback and /logout


    @app.get("/as<int:asn>")
    @pdb.require(asn="asn", perms=Permission.UPDATE)
    def peering(asn: int) -> str:
        return f"{current_user.name} may change the peering of AS{asn}"

`current_user` is the `User` of this request. If perhaps nobody is logged in, test it
with ``if current_user:`` first, or call ``pdb.user()``. Do not compare it with None: it
is a proxy, which is never None.

The rules of the login are in `peeringdb_oauth.web`. This package translates between
them and Flask.
"""

from peeringdb_oauth.extras import needs

with needs("flask"):
    from peeringdb_oauth.integrations.flask.current import current_user
    from peeringdb_oauth.integrations.flask.extension import Extension
    from peeringdb_oauth.integrations.flask.peeringdb import PeeringDB
    from peeringdb_oauth.integrations.flask.signals import (
        connected,
        disconnected,
        logged_in,
        logged_out,
        login_refused,
        rights_changed,
        session_ended,
    )
    from peeringdb_oauth.web import OTHER_ACCOUNT, LocalAccount

__all__ = [
    "OTHER_ACCOUNT",
    "Extension",
    "LocalAccount",
    "PeeringDB",
    "connected",
    "current_user",
    "disconnected",
    "logged_in",
    "logged_out",
    "login_refused",
    "rights_changed",
    "session_ended",
]
