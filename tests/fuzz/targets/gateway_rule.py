"""The rules of the gateway: it, `explain` and all servers agree about a request."""

import asyncio
import atexit
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

from gateway_settings import load_settings
from path_models import SERVERS, segments_of, slow_match
from recordings import read_recording
from shared_sessions import memory_store

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.flows import Login
from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.gateway.explain import explain
from peeringdb_oauth.gateway.forwarded import RequestHeaders
from peeringdb_oauth.gateway.paths import OddPath, parse
from peeringdb_oauth.gateway.rules import NO_ASN
from peeringdb_oauth.gateway.settings import _reloadable
from peeringdb_oauth.gateway.toml_file import Table, TomlFile
from peeringdb_oauth.profile import User
from peeringdb_oauth.tokens import TokenResponse

from .inputs import CANARY, assert_tells_no_secret

SECRET = "0123456789abcdef0123456789abcdef"
HOST, ORIGIN = "lg.example.net", "https://lg.example.net"
PROXY = ("127.0.0.1", 50000)
NOW = 1_800_000_000.0
ORDERS = 6  # of servers that each path is sent through
MEMBER = User.from_profile(read_recording("profile-member").json)
USERS = (
    MEMBER,
    User.from_profile(read_recording("profile-orgadmin").json),
    replace(MEMBER, id=99, verified_user=False),
)
TOKEN = TokenResponse(
    access_token=f"{CANARY}-access",
    token_type="Bearer",
    expires_at=int(NOW) + 36_000,
    refresh_token=f"{CANARY}-refresh",
    scope=("profile", "email", "networks"),
    id_token=None,
)


RULES = """
[[rule]]
path = "/public/"
allow = "everybody"
[[rule]]
path = "/members/{asn}/"
perms = "update"
own_asn = 64496
[[rule]]
path = "/api"
allow = "verified"
allow_in_path = ["%2F", ";", "//"]
methods = ["GET", "POST"]
[[rule]]
path = "/status"
asn = [64500, 64501]
"""


class Rulebook:
    """A TOML file that is in memory."""

    parent = Path("/nowhere")

    def __init__(self, text):
        self._text = text

    def __str__(self):
        return "gateway.toml"

    def read_text(self, _encoding):
        return self._text


class Site:
    """A gateway in memory, where each of `USERS` is logged in.

    ``cookies``: of nobody, and of each user.
    """

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        with TemporaryDirectory() as folder:
            self._settings = load_settings(Path(folder))
        self.gateway = self._loop.run_until_complete(self._make_gateway())
        self.cookies = [b"", *map(self._log_in, USERS)]
        atexit.register(self._close)

    def read(self, rules):
        """Read the settings with these rules.

        Raises:
            ConfigurationError: they are wrong.
        """
        file = TomlFile(Rulebook(rules))
        top = Table(file, file.values, names=("rule", "role", "headers"))
        found = _reloadable(top, self._settings.hosts, self._settings.config.scope)
        if problems := file.problems():
            raise ConfigurationError(*problems)
        return replace(self._settings, reloadable=found)

    def is_allowed(self, settings, scope):
        """Whether the gateway lets a request pass."""
        if self.gateway.reloadable is not settings.reloadable:
            self.gateway.reload(settings.reloadable)
        return self._loop.run_until_complete(self.gateway.check(scope)).is_allowed

    def _close(self):
        # AsyncClient.close needs a thread, and there are none any more.
        self._loop.run_until_complete(self.gateway.client._connections.close())
        self._loop.close()

    async def _make_gateway(self):
        store = memory_store(lambda: NOW, SECRET)
        return create_app(self._settings, clock=lambda: NOW, monotonic=lambda: NOW, store=store)

    def _log_in(self, user):
        host = self.gateway._asked._hosts[ORIGIN]
        visit = host.to_visit(RequestHeaders([]), method="GET", uri="/")
        login = Login(user=user, token=TOKEN, claims=None)
        flow = host.visitors.begin(visit, login, prompted=False)
        self._loop.run_until_complete(self.gateway.client.run(flow))
        [cookie] = host.cookie.write({}, visit.session)
        return f"{cookie.name}={cookie.value}".encode()


SITE = Site()


@lru_cache(maxsize=64)
def read_settings(rules):
    """Read the settings with these rules; None if they are wrong."""
    try:
        return SITE.read(rules)
    except ConfigurationError as error:
        assert_tells_no_secret(error)
        return None


def check(data, is_allowed=SITE.is_allowed, explain=explain):
    """The first line is the method and the path, the others are the rules in TOML.

    Without other lines the rules are `RULES`.
    """
    request, _, rules = data.partition(b"\n")
    method, _, uri = request.partition(b" ")
    settings = read_settings(rules.decode("utf-8", "replace") or RULES)
    if settings is None:
        return
    chance = crc32(data)
    user, cookie = ((None, *USERS)[chance % 4], SITE.cookies[chance % 4])
    passes = is_allowed(settings, _scope(method, uri, cookie))
    if passes:
        _assert_every_server_agrees(settings, method, uri, user, chance)
    explained = _explain(explain, settings, method, uri, user)
    assert explained is None or explained.allowed == passes


def _scope(method, uri, cookie):
    headers = [
        (b"x-forwarded-method", method),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", HOST.encode()),
        (b"x-forwarded-uri", uri),
        (b"x-forwarded-for", b"198.51.100.7"),
        (b"cookie", cookie),
    ]
    return {"type": "http", "client": PROXY, "headers": headers, "path": "/_peeringdb/check"}


def _explain(explain, settings, method, uri, user):
    """What the command line says of a request; None where no browser sends it."""
    url = ORIGIN + uri.decode("utf-8", "surrogateescape")
    try:
        explained = explain(settings, method.decode("latin-1"), url, user)
    except ConfigurationError:
        return None
    return explained if uri.startswith(b"/") else None


def _assert_every_server_agrees(settings, method, uri, user, chance):
    rules = settings.reloadable.rules
    method, uri = method.decode("latin-1"), uri.decode("latin-1")
    try:
        requested = parse(uri)
        match = rules.match(HOST, method, requested)
    except OddPath as odd:
        raise AssertionError(f"a path passes that no rule can allow: {odd.name}") from None
    assert match.rule is not None
    assert match.refusal is None
    assert match.asn is not NO_ASN
    assert requested.tricks <= match.rule.allow_in_path
    assert match.rule.is_open or (user is not None and match.rule.check(user, match.asn))
    sent = requested.path.encode("latin-1").decode()
    for number in range(ORDERS):
        text, order = sent, chance * (number + 1)
        for _ in range(3):
            order, which = divmod(order, len(SERVERS))
            text = SERVERS[which](text)
            found = slow_match(rules, HOST, method, segments_of(text))
            assert found == (match.rule, match.asn), f"a server reads {text!r}"
