"""Reads the settings of an application from its ``config``."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from flask import Flask

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, collected

# Stands before the name of an argument of `ClientConfig` in capital letters.
PREFIX = "PEERINGDB_OAUTH_"
_NAMES = tuple(field.name for field in fields(ClientConfig))


def read_config(settings: Mapping[str, Any]) -> ClientConfig:
    """The configuration in ``app.config``, or `ClientConfig.load` if there is none.

    Raises:
        ConfigurationError: a setting is missing, wrong or unknown.
    """
    given = {
        key.removeprefix(PREFIX).lower(): value
        for key, value in settings.items()
        if key.startswith(PREFIX)
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


def read_secrets(app: Flask) -> tuple[str, ...]:
    """The application's secret keys as text, the one for new sessions first.

    Without a secret key there are none, whatever the fallbacks are.
    """
    if not app.secret_key:
        return ()
    keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
    return tuple(key.decode("latin-1") if isinstance(key, bytes) else str(key) for key in keys)
