"""`Extension`: the parts of the login in one application."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app

from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import LoginFlow

NAME = "peeringdb_oauth"  # of the extension, and of what we store in `flask.g`


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """The value of ``app.extensions["peeringdb_oauth"]``.

    ``app``: the application. ``client``: asks PeeringDB. ``flow``: the login.
    ``verifier``: verifies bearer tokens. ``on_rights_changed``: called with a user as
    they were and as they are.
    """

    app: Flask
    client: Client
    flow: LoginFlow
    verifier: BearerVerifier[User]
    on_rights_changed: Callable[[User, User], object]


def extension() -> Extension:
    """The extension of the current application.

    Raises:
        ConfigurationError: the application was not set up.
    """
    found: Extension | None = current_app.extensions.get(NAME)
    if found is None:
        raise ConfigurationError(
            f"the application {current_app.name!r} does not know this login: call init_app(app)"
            " when you set it up"
        )
    return found
