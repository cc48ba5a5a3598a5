"""A process of a site whose sessions are in a store, without a server."""

from types import SimpleNamespace

from stored_sessions import AVisit, WatchedRecords, stored_login, token_response

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import Sealer, SessionPolicy, Vault
from peeringdb_oauth.web.sessions import StoreSessions
from peeringdb_oauth.web.sessions.endings import Endings
from peeringdb_oauth.web.sessions.rechecks import Rechecks
from peeringdb_oauth.web.sessions.refreshes import Refreshes
from peeringdb_oauth.web.sessions.sealed_tokens import SealedTokens


class Site:
    """Its parts.

    ``answers``: what PeeringDB answers. ``events``: what the application was told.
    """

    def __init__(self, provider, clock, make_driver, policy=None):
        policy = policy or SessionPolicy()
        config, self.sealer = provider.config, Sealer("0123456789abcdef")
        self.answers = {
            "/profile/v1": "profile-orgadmin",
            "/oauth2/token/": "token-success-no-openid",
            "/oauth2/revoke_token/": "revoke-refresh",
        }
        self.driver, self.events = make_driver(self.answers), []
        self.application = [config.base_url, config.client_id]
        self.tokens = SealedTokens(provider, self.sealer)
        self.records = WatchedRecords(clock)
        self.vault = Vault(self.records, self.sealer)
        self.sessions = StoreSessions(self.application, policy, self.vault, monotonic=clock)
        self.endings = Endings(provider, self.tokens, self.sessions, tell=self.events.append)
        parts = provider, self.tokens, self.sessions, self.endings
        self.rechecks = Rechecks(*parts, rule=AccessRule(), policy=policy)
        self.refreshes = Refreshes(*parts)
        self.run, self.clock = self.driver.run, clock

    def begin(self, *, is_refreshable=True):
        """A visit of the person in the recordings, who has just logged in."""
        expires_at = int(self.clock()) + 36_000
        token = token_response(is_refreshable=is_refreshable, expires_at=expires_at)
        visit = AVisit()
        login = stored_login(
            application=self.application,
            user=User(id=1),
            tokens=self.tokens.seal(token),
            expires_at=expires_at,
        )
        self.run(self.sessions.begin(visit, login))
        return visit

    def load(self, visit):
        return self.run(self.sessions.load(visit))

    def current(self, visit, *, method="POST", **arguments):
        login = self.load(visit)
        flow = self.rechecks.current(SimpleNamespace(method=method), login, **arguments)
        return self.run(flow)
