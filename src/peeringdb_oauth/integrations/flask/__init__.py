"""PeeringDB's login in Flask: an adapter of `peeringdb_oauth.web`, which has all of its
logic.

::

    import os
    from flask import Flask
    from peeringdb_oauth import Permission
    from peeringdb_oauth.integrations.flask import PeeringDB, current_user

    app = Flask(__name__)
    app.secret_key = os.environ["SECRET_KEY"]
    # Adds /login/peeringdb, its callback, and /logout; settings as for ClientConfig.load()
    pdb = PeeringDB(app)

    @app.get("/as<int:asn>")
    @pdb.require(asn="asn", perms=Permission.UPDATE)
    def peering(asn: int) -> str:
        return f"{current_user.name} may change the peering of AS{asn}"

`current_user` is the `User` of this request. Where nobody need be logged in, ask ``if
current_user:`` first (never ``is None``: it stands for the user, and is itself never
None), or call ``pdb.user()``.
"""

from peeringdb_oauth.integrations.flask.current import current_user
from peeringdb_oauth.integrations.flask.extension import Extension
from peeringdb_oauth.integrations.flask.peeringdb import PeeringDB
from peeringdb_oauth.integrations.flask.signals import (
    logged_in,
    logged_out,
    login_refused,
    rights_changed,
)

__all__ = [
    "Extension",
    "PeeringDB",
    "current_user",
    "logged_in",
    "logged_out",
    "login_refused",
    "rights_changed",
]
