import json
from base64 import urlsafe_b64decode

import pytest

from peeringdb_oauth.authorization import AuthorizationRequest, create_authorization_request
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.metadata import PEERINGDB
from peeringdb_oauth.web.pending import PendingLogin, PendingLogins
from peeringdb_oauth.web.seal import Sealer

from .conftest import SECRET


def config(**changes):
    return ClientConfig(
        **(
            {
                "client_id": "id",
                "redirect_uri": "https://portal.example.net/login/peeringdb/callback",
            }
            | changes
        ),
    )


@pytest.fixture
def start(clock):
    """``start(cookies)``: start a login in the browser with these cookies.

    The new cookie is added to them, and deleted ones are removed.
    """

    def start(cookies, *, return_path="/", prompted=False, **changes):
        settings = config(**changes)
        login = PendingLogin(
            request=create_authorization_request(settings, PEERINGDB, now=clock()),
            return_path=return_path,
            prompted=prompted,
        )
        clock.now += 1
        sent = PendingLogins(settings, Sealer(SECRET)).start(login, cookies)
        for cookie in sent:
            if cookie.max_age:
                cookies[cookie.name] = cookie.value
            else:
                del cookies[cookie.name]
        return login, sent

    return start


def find(state, cookies, **changes):
    return PendingLogins(config(**changes), Sealer(SECRET)).find(state, cookies)


def test_a_login_is_found_by_its_state(start):
    cookies = {}
    login, [cookie] = start(cookies, return_path="/networks/64500?a=b", prompted=True)
    name, found = find(login.request.state, cookies)
    assert name == cookie.name
    assert found.return_path == "/networks/64500?a=b"
    assert found.prompted is True
    as_started = login.request.to_dict() | {"url": "https://auth.peeringdb.com/"}
    assert found.request == AuthorizationRequest.from_dict(as_started)


def test_the_nonce_of_an_openid_login_is_stored(start):
    cookies = {}
    login, _ = start(cookies, scope=("openid", "profile"))
    _, found = find(login.request.state, cookies)
    assert found.request.nonce == login.request.nonce
    assert found.request.scope == ("openid", "profile")


@pytest.mark.parametrize(
    ("redirect_uri", "allow_http", "prefix", "secure"),
    [
        ("https://portal.example.net/callback", False, "__Host-peeringdb-login-", True),
        ("http://127.0.0.1:5000/callback", True, "peeringdb-login-", False),
    ],
)
def test_the_cookie_is_bound_to_the_host_and_lives_ten_minutes(
    start,
    redirect_uri,
    allow_http,
    prefix,
    secure,
):
    _, [cookie] = start({}, redirect_uri=redirect_uri, allow_http=allow_http)
    assert cookie.name.startswith(prefix)
    assert (cookie.max_age, cookie.secure) == (600, secure)


def test_nothing_can_be_read_in_the_cookie(start):
    login, [cookie] = start({})
    readable = f"{cookie.name}={cookie.value}{urlsafe_b64decode(cookie.value)}"
    assert login.request.code_verifier not in readable
    assert login.request.state not in readable
    assert cookie.value not in repr(cookie)


def test_five_logins_can_be_pending(start):
    cookies = {}
    logins = [start(cookies)[0] for _ in range(5)]
    assert all(find(login.request.state, cookies) for login in logins)


def test_the_sixth_login_deletes_the_oldest(start):
    cookies = {}
    logins = [start(cookies)[0] for _ in range(6)]
    assert [bool(find(login.request.state, cookies)) for login in logins] == [
        False,
        True,
        True,
        True,
        True,
        True,
    ]


def test_fewer_logins_can_be_pending_if_their_return_paths_are_long(start):
    cookies = {}
    for _ in range(5):
        start(cookies, return_path="/" + "a" * 1023)
    assert 0 < sum(map(len, cookies.values())) <= 3072


def test_cookies_that_cannot_be_opened_are_deleted_first(start):
    cookies = {"__Host-peeringdb-login-0123456789abcdef": "garbage"}
    logins = [start(cookies)[0] for _ in range(5)]
    assert all(find(login.request.state, cookies) for login in logins)
    assert len(cookies) == 5


def test_other_cookies_are_not_deleted(start):
    cookies = {"session": "x" * 4000}
    assert len(start(cookies)[1]) == 1


@pytest.mark.parametrize("state", [None, "", "unknown", ["a", "b"], 7, "\ud800"])
def test_an_unknown_state_has_no_login(start, state):
    cookies = {}
    start(cookies)
    assert find(state, cookies) is None


def test_a_cookie_sealed_with_another_secret_has_no_login(start):
    cookies = {}
    login, _ = start(cookies)
    assert (
        PendingLogins(config(), Sealer("another-secret-0123")).find(login.request.state, cookies)
        is None
    )


def test_a_cookie_with_the_name_of_another_login_has_another_state(start):
    cookies = {}
    first, [first_cookie] = start(cookies)
    second, [second_cookie] = start(cookies)
    cookies[first_cookie.name] = cookies[second_cookie.name]
    _, found = find(first.request.state, cookies)
    # and the callback is refused, because its state is another
    assert found.request.state == second.request.state


def test_a_login_with_values_that_no_login_has_is_refused(start):
    cookies = {}
    login, [cookie] = start(cookies)
    sealer, purpose = Sealer(SECRET), PendingLogins(config(), Sealer(SECRET))._purpose
    stored = sealer.open(purpose, cookie.value)
    cookies[cookie.name] = sealer.seal(purpose, [*stored[:2], "no verifier", *stored[3:]])
    with pytest.raises(InvalidResponse) as caught:
        find(login.request.state, cookies)
    assert caught.value.check == "authorization_request"


def test_ending_deletes_the_cookie(start):
    cookies = {}
    login, _ = start(cookies)
    name, _ = find(login.request.state, cookies)
    ended = PendingLogins(config(), Sealer(SECRET)).end(name)
    assert (ended.name, ended.value, ended.max_age, ended.secure) == (name, "", 0, True)
    assert json.dumps(cookies)
