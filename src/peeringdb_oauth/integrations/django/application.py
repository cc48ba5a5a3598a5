"""The project's `Client`, `LoginFlow` and `BearerVerifier`: one of each per process.

They are made when they are first needed, and made anew after a test overrides one of
the settings that they depend on.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from threading import RLock
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookies
from django.core.signals import setting_changed
from django.db import connections
from django.dispatch import receiver
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, get_script_prefix, reverse

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django import signals
from peeringdb_oauth.integrations.django.in_test_case import at_once, is_any_in_test_case
from peeringdb_oauth.integrations.django.settings import SETTING_NAME, name_setting, read_settings
from peeringdb_oauth.profile import User
from peeringdb_oauth.records import Records
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web import (
    Event,
    LoginFlow,
    Paths,
    SessionList,
    SessionSettings,
    Visitors,
    read_session_settings,
    safe_return_path,
)

_SETTINGS_IN_USE = {
    SETTING_NAME,
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "ROOT_URLCONF",
    "LOGIN_REDIRECT_URL",
    "FORCE_SCRIPT_NAME",
    "SESSION_ENGINE",
}
T = TypeVar("T")
# Who runs a flow: set in the thread of a request or of a command, and not in a thread
# that works behind an answer.
_runner: ContextVar["_Runner"] = ContextVar("peeringdb_oauth_runner")
_lock = ForkSafeLock(RLock)


class Application:
    """What the login needs, made from the project's settings.

    Raises:
        ConfigurationError: a setting is wrong or missing, or the URLs are not included.
    """

    def __init__(self) -> None:
        self.settings = read_settings()
        self.uses_database = False  # for the sessions
        self.client = self.settings.client
        try:
            ours = self._read_session_settings()
            self.store = ours.store
            self.visitors = Visitors(
                self.client.provider,
                rule=self.settings.rule,
                is_on_server=not has_sessions_in_cookies(),
                tell=_tell,
                **ours._asdict(),
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

    @property
    def sessions(self) -> SessionList:
        """The sessions of all people.

        Raises:
            ConfigurationError: ``SESSIONS`` is not set.
        """
        if self.store is None:
            raise ConfigurationError(
                f'{SETTING_NAME}["SESSIONS"]: must be set, such as to "django": without a store'
                " nobody can list or end sessions"
            )
        return SessionList(self.visitors.sessions, self.run)

    def run(self, flow: Flow[T], request: HttpRequest | None = None) -> T:
        """Run a flow. ``request``: the one that caused it, for the signals."""
        token = _runner.set(_Runner(request))
        try:
            return self.client.run(at_once(flow) if is_any_in_test_case() else flow)
        finally:
            _runner.reset(token)

    def _read_session_settings(self) -> SessionSettings:
        ours = read_session_settings(
            sessions=self.settings.sessions,
            policy=self.settings.session_policy,
            secrets=_secrets(),
            own={"django": self._open_records},
        )
        if ours.store is not None:
            self.client.share_budget(ours.store.vault, egress=ours.store.egress)
        return ours

    def _open_records(self) -> Records:
        # Imported when first used, because models can be imported only after set-up.
        from peeringdb_oauth.integrations.django.records import DjangoRecords  # noqa: PLC0415

        self.uses_database = True
        return DjangoRecords()


@dataclass(frozen=True, slots=True)
class _Runner:
    request: HttpRequest | None


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


def has_sessions_in_cookies() -> bool:
    """Whether Django keeps its sessions in the browsers."""
    engine: Any = import_module(settings.SESSION_ENGINE)
    return issubclass(engine.SessionStore, SignedCookies)


def _tell(event: Event) -> None:
    """Send the signal for an event that comes with a re-check or from an operator."""
    runner = _runner.get(None)
    try:
        signals.send(None if runner is None else runner.request, event)
    finally:
        if runner is None:
            # Behind an answer, in a thread that ends soon.
            connections.close_all()


def _secrets() -> tuple[str, ...]:
    """Return the secret keys as text. In Django they may also be bytes."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return tuple(key.decode("latin-1") if isinstance(key, bytes) else key for key in keys)


def _paths() -> Paths:
    try:
        pages = {
            name: _below_root(reverse(f"peeringdb:{name}"))
            for name in ("login", "callback", "logout", "style", "connect", "disconnect")
        }
    except NoReverseMatch:
        raise ConfigurationError(
            'ROOT_URLCONF: has no path("", include("peeringdb_oauth.integrations.django.urls"))'
        ) from None
    return Paths(home=_home(), **pages)


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
