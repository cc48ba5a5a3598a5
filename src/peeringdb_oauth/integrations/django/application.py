"""The project's one `Client` and all that hangs on it, made when it is first needed,
and anew when a test overrides a setting.
"""

from functools import cache
from threading import RLock
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.connection import ConnectionProxy

from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.settings import NAME, named, read_settings
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import LoginFlow, Paths
from peeringdb_oauth.web.return_path import safe_return_path

_OURS = {
    NAME,
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "CACHES",
    "ROOT_URLCONF",
    "LOGIN_REDIRECT_URL",
    "FORCE_SCRIPT_NAME",
}
_lock = RLock()


class Application:
    """One project's login. Raises: `ConfigurationError` with every problem of its
    settings.
    """

    def __init__(self) -> None:
        self.settings = read_settings()
        self.client = self.settings.client
        try:
            self.flow = LoginFlow(
                self.client.provider,
                rule=self.settings.rule,
                secrets=(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS),
                store=ConnectionProxy(
                    caches,
                    self.settings.cache,
                ),  # a cache by itself is for one thread
                paths=_paths(),
            )
        except ConfigurationError as error:
            raise ConfigurationError(*map(named, error.problems)) from None
        self.verifier: BearerVerifier[User] = BearerVerifier(self.client, rule=self.settings.rule)


def application() -> Application:
    """The one of this process."""
    with _lock:
        return _made()


_made = cache(Application)


@receiver(setting_changed)
def _forget(*, setting: str, **_: Any) -> None:
    if setting in _OURS:
        with _lock:
            _made.cache_clear()


def _paths() -> Paths:
    try:
        login, callback, logout = (
            _below_root(reverse(f"peeringdb:{name}")) for name in ("login", "callback", "logout")
        )
    except NoReverseMatch:
        raise ConfigurationError(
            'ROOT_URLCONF: has no path("", include("peeringdb_oauth.integrations.django.urls"))',
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
    root = get_script_prefix()
    return f"/{path.removeprefix(root)}" if path.startswith(root) else path
