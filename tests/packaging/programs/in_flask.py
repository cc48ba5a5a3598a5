"""A portal in Flask."""

from flask import Flask

from peeringdb_oauth import Permission, User
from peeringdb_oauth.integrations.flask import PeeringDB, current_user

app = Flask(__name__)
pdb = PeeringDB(app)


@app.get("/networks/<int:asn>")
@pdb.require(asn="asn", perms=Permission.UPDATE)
def network(asn: int) -> str:
    user: User = current_user
    return f"{user.name} may change AS{asn}"
