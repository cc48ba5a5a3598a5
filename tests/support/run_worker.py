"""The process of a `Worker`: one of several that serve a site.

It reads its settings as JSON, prints its port, and ends with standard input.
"""

import json
import logging
import sys
import threading

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from peeringdb_oauth import ClientConfig
from peeringdb_oauth.integrations.flask import PeeringDB, current_user
from peeringdb_oauth.web import SessionPolicy


class QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, kind, message, *args):
        """Log nothing: the query of a callback has a code."""


def make_app(settings):
    app = Flask(__name__)
    app.secret_key, *app.config["SECRET_KEY_FALLBACKS"] = settings["secrets"]
    pdb = PeeringDB(
        app,
        config=ClientConfig(**settings["client"]),
        sessions=settings["sessions"],
        session_policy=SessionPolicy(**settings["policy"]),
    )

    @app.get("/page")
    @pdb.require()
    def page():
        login = pdb.current_login()
        return {"id": current_user.id, "checked_at": login.checked_at, "asns": current_user.asns}

    return app


def main():
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    settings = json.loads(sys.stdin.readline())
    server = make_server(
        "127.0.0.1",
        settings["port"],
        make_app(settings),
        threaded=True,
        request_handler=QuietHandler,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)  # noqa: T201
    sys.stdin.read()


main()
