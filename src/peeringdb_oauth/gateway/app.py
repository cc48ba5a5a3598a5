"""`create_app`: the gateway for settings, as an ASGI application."""

import time
from collections.abc import Callable
from functools import partial

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.gateway.answers import Judge
from peeringdb_oauth.gateway.assertions import Signer
from peeringdb_oauth.gateway.audit import close_audit_log, open_audit_log
from peeringdb_oauth.gateway.forwarded import TrustedProxies
from peeringdb_oauth.gateway.gateway import Gateway, Observer, Sign
from peeringdb_oauth.gateway.host import HostLogin
from peeringdb_oauth.gateway.login_starts import LoginStarts
from peeringdb_oauth.gateway.logout import Logout
from peeringdb_oauth.gateway.pages import Pages
from peeringdb_oauth.gateway.question import Asked
from peeringdb_oauth.gateway.responses import Responses
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import Sealer, SessionStore, open_session_store

Clock = Callable[[], float]


def create_app(
    settings: Settings,
    *,
    clock: Clock = time.time,
    monotonic: Clock = time.monotonic,
    observer: Observer | None = None,
    store: SessionStore | None = None,
) -> Gateway:
    """The gateway as an ASGI application, for one process and one event loop.

    ``clock``: gives Unix seconds. ``monotonic``: gives seconds that only grow.
    ``observer``: counts what happens; None for nobody. ``store``: of the sessions; None
    to open the one that the settings name. The end of the application closes it.

    Raises:
        ConfigurationError: a setting is of no use, such as a logo that cannot be read.
    """
    responses = Responses(
        title=settings.pages.title, logo=settings.pages.logo, css=settings.pages.css
    )
    store = store or open_session_store(settings.sessions, secrets=settings.secret_keys)
    client = AsyncClient(settings.config, clock=clock, monotonic=monotonic)
    client.share_budget(store.vault, egress=store.egress)
    hosts = [
        HostLogin(
            host.origin,
            client.provider.at(host.redirect_uri),
            secrets=settings.secret_keys,
            store=store,
            policy=settings.policy,
            language=settings.pages.language,
        )
        for host in settings.hosts
    ]
    asked = Asked({host.origin: host for host in hosts}, TrustedProxies(settings.trusted_proxies))
    pages = Pages(
        client,
        asked,
        Judge(client, sign_in_page=settings.pages.sign_in_page),
        Logout(client, hosts, Sealer(*settings.secret_keys), clock=clock),
        responses=responses,
        starts=LoginStarts(monotonic),
    )
    closes = [store.close]
    if settings.audit_log is not None:
        closes.append(partial(close_audit_log, open_audit_log(settings.audit_log)))
    return Gateway(
        client,
        asked,
        settings.reloadable,
        pages=pages.app,
        close=lambda: [close() for close in closes],
        monotonic=monotonic,
        observer=observer,
        sign=_signer(settings, clock),
    )


def _signer(settings: Settings, clock: Clock) -> Sign | None:
    """Makes the signed header, if the settings want it."""
    if settings.assertions is None:
        return None
    signer, name = Signer(settings.secret_keys), settings.assertions.header.lower().encode()

    def sign(host: HostLogin, user: User, roles: tuple[str, ...]) -> tuple[bytes, bytes]:
        assertion = signer.sign(host.origin, host.name, user, roles, now=clock())
        return name, assertion.encode("ascii")

    return sign
