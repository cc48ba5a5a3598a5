"""Reads the settings of an application from its ``config``."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.setting_sources import Written, did_you_mean, name_setting
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
    given = _given(settings)
    if not given:
        return ClientConfig.load()
    problems = [
        f"{_full_name(name)}: there is no such setting"
        + did_you_mean(name, [*map(_key, (*_NAMES, *_OWN))], prefix=PREFIX)
        for name in given
        if name not in _NAMES
    ]
    written = {
        name: Written(_full_name(name), value) for name, value in given.items() if name in _NAMES
    }
    return ClientConfig.of(written, problems, missing=_full_name)


def name_settings(settings: Mapping[str, Any]) -> Callable[[str], str]:
    """A function that names the setting in a problem as somebody wrote it.

    ``settings``: ``app.config``, if the configuration was read from there, or else from
    the environment or the ini file.
    """
    if not _given(settings):
        return name_setting

    def rename(problem: str) -> str:
        name, colon, text = problem.partition(":")
        return f"{_full_name(name)}{colon}{text}" if name in _NAMES else problem

    return rename


def read_sessions(
    app: Flask,
    *,
    sessions: str | SessionStore | None,
    policy: SessionPolicy | Mapping[str, Any] | str | None,
) -> SessionSettings:
    """The settings of the sessions. The arguments of the extension come first.

    Raises:
        ConfigurationError: a setting is wrong; all problems are reported at once.
    """
    return read_session_settings(
        sessions=sessions or _own(app, "sessions"),
        policy=policy or _own(app, "session_policy"),
        secrets=read_secrets(app),
        secret_name="SECRET_KEY: ",  # noqa: S106 - the name of a setting
    )


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ``app.config`` has of `ClientConfig`, and names with our prefix."""
    names = {key.removeprefix(PREFIX).lower(): key for key in settings if key.startswith(PREFIX)}
    return {name: settings[key] for name, key in names.items() if name not in _OWN}


def _own(app: Flask, name: str) -> Written | None:
    value = app.config.get(_key(name))
    return None if value in (None, "") else Written(_full_name(name), value)


def _key(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _full_name(name: str) -> str:
    return f'app.config["{_key(name)}"]'


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


def host_of_pages(app: Flask, redirect_uri: str) -> dict[str, str]:
    """The host of the login's pages as Flask's routes name it: the redirect URI's.

    Empty if the application does not tell its hosts apart.
    """
    host = urlsplit(redirect_uri).netloc
    if app.url_map.host_matching:
        return {"host": host}
    domain = f".{app.config['SERVER_NAME']}"
    if app.subdomain_matching and host.endswith(domain):
        return {"subdomain": host.removesuffix(domain)}
    return {}


def read_secrets(app: Flask) -> tuple[str, ...]:
    """The application's secret keys as text, the one for new sessions first.

    Without a secret key there are none, whatever the fallbacks are.
    """
    if not app.secret_key:
        return ()
    keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
    return tuple(key.decode("latin-1") if isinstance(key, bytes) else str(key) for key in keys)
