"""Reads the settings of an application from its ``config``."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from flask import Flask

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, collected
from peeringdb_oauth.web import (
    NOT_STRICT,
    SessionPolicy,
    SessionSettings,
    SessionStore,
    read_session_settings,
)

# Stands before the name of an argument of `ClientConfig` in capital letters.
PREFIX = "PEERINGDB_OAUTH_"
_NAMES = tuple(field.name for field in fields(ClientConfig))
# What is not an argument of `ClientConfig`.
_OWN = ("sessions", "session_policy")


def read_config(settings: Mapping[str, Any]) -> ClientConfig:
    """The configuration in ``app.config``, or `ClientConfig.load` if there is none.

    Raises:
        ConfigurationError: a setting is missing, wrong or unknown.
    """
    given = {
        key.removeprefix(PREFIX).lower(): value
        for key, value in settings.items()
        if key.startswith(PREFIX) and key.removeprefix(PREFIX).lower() not in _OWN
    }
    if not given:
        return ClientConfig.load()
    problems = [
        f"{PREFIX}{name.upper()}: there is no such setting" for name in given if name not in _NAMES
    ]
    arguments = {"client_id": "", "redirect_uri": ""} | {
        name: value for name, value in given.items() if name in _NAMES
    }
    with collected(problems):
        config = ClientConfig(**arguments)
    if problems:
        raise ConfigurationError(*problems)
    return config


def read_sessions(
    app: Flask, *, sessions: str | SessionStore | None, policy: SessionPolicy | None
) -> SessionSettings:
    """The settings of the sessions. The arguments of the extension come first.

    Raises:
        ConfigurationError: a setting is wrong; all problems are reported at once.
    """
    config = app.config
    return read_session_settings(
        sessions=sessions or config.get(f"{PREFIX}SESSIONS"),
        policy=policy or config.get(f"{PREFIX}SESSION_POLICY"),
        secrets=read_secrets(app),
        secret_name="SECRET_KEY: ",  # noqa: S106 - the name of a setting
    )


def check_same_site(app: Flask) -> None:
    """Do nothing if the browser sends the session when it comes back from PeeringDB.

    Raises:
        ConfigurationError: it does not.
    """
    if str(app.config["SESSION_COOKIE_SAMESITE"]).lower() == "strict":
        raise ConfigurationError(f"SESSION_COOKIE_SAMESITE: {NOT_STRICT}")


def set_cookie_flags(app: Flask, *, is_secure: bool) -> None:
    """Set what still has Flask's default: name and flags of the session's cookie.

    ``is_secure``: the site is on https. Then the name can have a prefix, so that no
    other host of the domain can set the cookie.
    """
    config = app.config
    config["SESSION_COOKIE_SAMESITE"] = config["SESSION_COOKIE_SAMESITE"] or "Lax"
    config["SESSION_COOKIE_SECURE"] = config["SESSION_COOKIE_SECURE"] or is_secure
    is_for_whole_host = (
        config["SESSION_COOKIE_PATH"] or config["APPLICATION_ROOT"]
    ) == "/" and not config["SESSION_COOKIE_DOMAIN"]
    has_default_name = config["SESSION_COOKIE_NAME"] == Flask.default_config["SESSION_COOKIE_NAME"]
    if is_secure and is_for_whole_host and has_default_name:
        config["SESSION_COOKIE_NAME"] = "__Host-session"


def read_secrets(app: Flask) -> tuple[str, ...]:
    """The application's secret keys as text, the one for new sessions first.

    Without a secret key there are none, whatever the fallbacks are.
    """
    if not app.secret_key:
        return ()
    keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
    return tuple(key.decode("latin-1") if isinstance(key, bytes) else str(key) for key in keys)
