"""The cookies of a session and of a login: only what we have sealed opens."""

from django.http.cookie import parse_cookie as parse_with_django
from starlette.requests import cookie_parser as parse_with_starlette
from werkzeug.http import parse_cookie as parse_with_werkzeug

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.gateway.session_cookie import SessionCookie, parse_cookies, without_ours
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.web import Sealer
from peeringdb_oauth.web.pending import PendingLogins

from .inputs import CANARY, assert_tells_no_secret

SECRET = "0123456789abcdef0123456789abcdef"
ORIGIN = "https://lg.example.net"
SESSION = {"peeringdb": {"key": CANARY, "asns": [64500]}}
SESSION_COOKIE = SessionCookie(Sealer(SECRET), ORIGIN, max_age=None)
CONFIG = ClientConfig(
    client_id="lg", client_secret="s3cret", redirect_uri=f"{ORIGIN}/_peeringdb/callback"
)
NOW = 1_800_000_000.0
LOGINS = PendingLogins(Provider(CONFIG, lambda: NOW), Sealer(SECRET))
STATE = "state-of-this-login-0123456789-0123456789-0"
RETURN_PATH = "/members/64500"


def check(data, read=SESSION_COOKIE.read, strip=without_ours, find_all=LOGINS.find_all):
    header = data.decode("latin-1").replace("\n", "")  # no header has a line break
    cookies = parse_cookies(header)
    assert read(cookies) in ({}, SESSION)
    for login in find_all(cookies):
        assert (login.request.state, login.return_path) == (STATE, RETURN_PATH)
        assert login.request.created_at == NOW
    try:
        LOGINS.find(STATE, cookies)
    except InvalidResponse as error:
        assert_tells_no_secret(error, STATE)
    left = strip(header)
    assert strip(left) == left
    assert parse_cookies(left) == {
        name: value for name, value in _all_of(header) if not _is_ours(name.strip())
    }
    # As the framework of the application behind the gateway reads it.
    for parse in (parse_with_django, parse_with_starlette, parse_with_werkzeug):
        try:
            names = list(parse(left))
        except UnicodeDecodeError:  # Werkzeug takes UTF-8 only
            continue
        assert not [name for name in names if _is_ours(name)]


def _all_of(header):
    """Yield the cookies of a header, the first of each name last, so that it counts."""
    for pair in reversed(header.split(";")):
        name, equals, value = pair.partition("=")
        if equals:
            yield from parse_cookies(f"{name}={value}").items()


def _is_ours(name):
    name = name.removeprefix("__Host-")
    port = name.removeprefix("peeringdb_gateway")
    is_session = port != name and (not port or (port[0] == "_" and port[1:].isdecimal()))
    return is_session or name.startswith("peeringdb-login-")
