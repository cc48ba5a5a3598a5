"""The project's `Client`, `LoginFlow` and `BearerVerifier`: one of each per process.

They are made when they are first needed, and made anew after a test overrides one of
the settings that they depend on.
"""

from functools import cache
from threading import RLock
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, get_script_prefix, reverse

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django import signals
from peeringdb_oauth.integrations.django.settings import SETTING_NAME, name_setting, read_settings
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import (
    LoginFlow,
    Paths,
    Sealer,
    Visitors,
    read_session_store,
    safe_return_path,
)

_SETTINGS_IN_USE = {
    SETTING_NAME,
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "ROOT_URLCONF",
    "LOGIN_REDIRECT_URL",
    "FORCE_SCRIPT_NAME",
}
_lock = ForkSafeLock(RLock)


class Application:
    """What the login needs, made from the project's settings.

    Raises:
        ConfigurationError: a setting is wrong or missing, or the URLs are not included.
    """

    def __init__(self) -> None:
        self.settings = read_settings()
        self.client = self.settings.client
        try:
            store = read_session_store(
                self.settings.sessions, _secrets(), egress=self.settings.egress
            )
            self.visitors = Visitors(
                self.client.provider,
                rule=self.settings.rule,
                sealer=Sealer(*_secrets()),
                store=store,
                policy=self.settings.session_policy,
                tell=signals.tell_outside,
            )
            self.flow = LoginFlow(
                self.client.provider,
                rule=self.settings.rule,
                secrets=_secrets(),
                visitors=self.visitors,
                paths=_paths(),
                keep=None,  # Django decides: it clears the session of another account
            )
        except ConfigurationError as error:
            raise ConfigurationError(*map(name_setting, error.problems)) from None
        self.verifier: BearerVerifier[User] = BearerVerifier(self.client, rule=self.settings.rule)


def application() -> Application:
    """Return the `Application` of this process.

    Raises:
        ConfigurationError: see `Application`.
    """
    with _lock:
        return _cached_application()


_cached_application = cache(Application)


@receiver(setting_changed)
def _forget_application(*, setting: str, **_: Any) -> None:
    if setting in _SETTINGS_IN_USE:
        with _lock:
            _cached_application.cache_clear()


def _secrets() -> tuple[str, ...]:
    """Return the secret keys as text. In Django they may also be bytes."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return tuple(key.decode("latin-1") if isinstance(key, bytes) else key for key in keys)


def _paths() -> Paths:
    try:
        login, callback, logout = (
            _below_root(reverse(f"peeringdb:{name}")) for name in ("login", "callback", "logout")
        )
    except NoReverseMatch:
        raise ConfigurationError(
            'ROOT_URLCONF: has no path("", include("peeringdb_oauth.integrations.django.urls"))'
        ) from None
    return Paths(login=login, callback=callback, logout=logout, home=_home())


def _home() -> str:
    try:
        home = _below_root(resolve_url(settings.LOGIN_REDIRECT_URL))
    except NoReverseMatch:
        home = ""
    if not safe_return_path(home, default=""):
        raise ConfigurationError("LOGIN_REDIRECT_URL: must be a page of this site, such as /")
    return home


def _below_root(path: str) -> str:
    """Remove the path that the project is mounted at."""
    root = get_script_prefix()
    return f"/{path.removeprefix(root)}" if path.startswith(root) else path
