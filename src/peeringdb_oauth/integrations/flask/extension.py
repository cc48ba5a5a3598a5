"""What the login has for each application, in ``app.extensions["peeringdb_oauth"]``."""

from dataclasses import dataclass

from flask import Flask, current_app

from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import LoginFlow

NAME = "peeringdb_oauth"  # of all that is ours in an application and in `flask.g`


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What there is for one application: ``app.extensions["peeringdb_oauth"]``."""

    app: Flask
    client: Client
    flow: LoginFlow
    verifier: BearerVerifier[User]


def extension() -> Extension:
    """What there is for the current application. Raises: `ConfigurationError` when it
    was not set up.
    """
    its: Extension | None = current_app.extensions.get(NAME)
    if its is None:
        raise ConfigurationError(
            f"the application {current_app.name!r} does not know this login: call init_app(app)"
            " when you set it up",
        )
    return its
