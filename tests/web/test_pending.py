"""Cookies of logins that were started: what they hold, and how many there may be."""

from base64 import urlsafe_b64decode
from urllib.parse import parse_qs, urlsplit

import pytest

from peeringdb_oauth.authorization import AuthorizationRequest, create_authorization_request
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.metadata import PEERINGDB
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.pending import PendingLogin, PendingLogins
from peeringdb_oauth.web.return_path import MAX_LENGTH
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
        )
    )


@pytest.fixture
def logins(clock):
    """``logins(scope=...)``: the logins of an application with such settings."""

    def logins(*, longest_path=MAX_LENGTH, **changes):
        provider = Provider(config(**changes), clock)
        return PendingLogins(provider, Sealer(SECRET), longest_path=longest_path)

    return logins


@pytest.fixture
def start(clock, logins):
    """``start(cookies)``: start a login in the browser with these cookies.

    The new cookie is added to them, and deleted ones are removed.
    """

    def start(
        cookies,
        *,
        return_path="/",
        prompted=False,
        connects="",
        shorter=(),
        longest_path=MAX_LENGTH,
        **changes,
    ):
        settings = config(**changes)
        login = PendingLogin(
            request=create_authorization_request(settings, PEERINGDB, now=clock()),
            return_path=return_path,
            prompted=prompted,
            connects=connects,
        )
        clock.now += 1
        pending = logins(longest_path=longest_path, **changes)
        location, sent = pending.start(login, cookies, shorter=shorter)
        update(cookies, *sent)
        assert urlsplit(location)[:3] == urlsplit(login.request.url)[:3]
        return state_of(location), login, sent

    return start


def update(cookies, *sent):
    for cookie in sent:
        if cookie.max_age == 0:
            assert cookie.value == ""
            del cookies[cookie.name]
        else:
            cookies[cookie.name] = cookie.value


def state_of(location):
    return parse_qs(urlsplit(location).query)["state"][0]


def size(cookies):
    """Of the cookies as a browser sends them."""
    return len("; ".join(f"{name}={value}" for name, value in cookies.items()))


def test_a_login_is_found_by_its_state(start, logins):
    cookies = {}
    state, login, [cookie] = start(cookies, return_path="/networks/64500?a=b", prompted=True)
    found = logins().find(state, cookies)
    assert list(cookies) == [cookie.name]
    assert found.return_path == "/networks/64500?a=b"
    assert (found.prompted, found.answered_at, found.has_ended_well) == (True, None, False)
    as_started = login.request.to_dict() | {"url": "https://auth.peeringdb.com/"}
    assert found.request == AuthorizationRequest.from_dict(as_started)


def test_the_nonce_of_an_openid_login_is_stored(start, logins):
    cookies, scope = {}, ("openid", "profile")
    state, login, _ = start(cookies, scope=scope)
    found = logins(scope=scope).find(state, cookies)
    assert found.request.nonce == login.request.nonce
    assert found.request.scope == scope


def test_the_scope_that_was_asked_for_counts(logins, clock):
    """It may be another one than that of the settings."""
    provider = Provider(config(), clock)
    request = provider.authorization_request(scope=("profile", "email"), prompt=None)
    pending = logins()
    _, [cookie] = pending.start(PendingLogin(request=request, return_path="/", prompted=False), {})
    found = pending.find(request.state, {cookie.name: cookie.value})
    assert found.request.scope == ("profile", "email")


@pytest.mark.parametrize(
    ("redirect_uri", "allow_http", "prefix", "secure"),
    [
        ("https://portal.example.net/callback", False, "__Host-peeringdb-login-", True),
        ("http://127.0.0.1:5000/callback", True, "peeringdb-login-", False),
    ],
)
def test_the_cookie_is_bound_to_the_host_and_lives_ten_minutes(
    start, redirect_uri, allow_http, prefix, secure
):
    _, _, [cookie] = start({}, redirect_uri=redirect_uri, allow_http=allow_http)
    assert cookie.name.startswith(prefix)
    assert (cookie.max_age, cookie.secure) == (600, secure)


def test_nothing_can_be_read_in_the_cookie(start):
    state, login, [cookie] = start({})
    readable = f"{cookie.name}={cookie.value}{urlsafe_b64decode(cookie.value)}"
    assert login.request.code_verifier not in readable
    assert state not in readable
    assert cookie.value not in repr(cookie)


# --- many logins ----------------------------------------------------------------------


def test_eight_logins_can_be_on_their_way(start, logins):
    cookies = {}
    states = [start(cookies)[0] for _ in range(8)]
    assert all(logins().find(state, cookies) for state in states)
    assert size(cookies) < 2900


def test_the_ninth_login_shares_the_state_of_the_newest(start, logins):
    cookies = {}
    states = [start(cookies, return_path=f"/{number}")[0] for number in range(8)]
    ninth, login, _ = start(cookies, return_path="/ninth", prompted=True)
    assert ninth == states[-1] != login.request.state
    found = logins().find(ninth, cookies)
    assert (found.return_path, found.prompted) == ("/ninth", True)
    paths = [logins().find(state, cookies).return_path for state in states[:-1]]
    assert paths == [f"/{number}" for number in range(7)]


@pytest.mark.parametrize("prompted", [True, False])
def test_a_shared_login_is_asked_for_as_it_was(start, logins, clock, prompted):
    cookies, scope = {}, ("openid", "profile")
    for _ in range(8):
        state, first, _ = start(cookies, scope=scope)
    request = create_authorization_request(config(scope=scope), PEERINGDB, now=clock())
    location, _ = logins(scope=scope).start(
        PendingLogin(request=request, return_path="/", prompted=prompted), cookies
    )
    asked = parse_qs(urlsplit(location).query)
    prompt = {"prompt": ["login"]} if prompted else {}
    assert asked == parse_qs(urlsplit(first.request.url).query) | prompt
    assert asked["state"] == [state]


def test_tabs_that_were_opened_at_once_may_be_more_than_eight(start, logins):
    """Their requests do not have the cookies of each other."""
    cookies, states = {}, []
    for _ in range(12):
        own = {}
        states.append(start(own)[0])
        cookies |= own
    start(cookies)
    assert all(logins().find(state, cookies) for state in states)


def test_logins_that_were_answered_make_room_first(start, logins, clock):
    cookies, pending = {}, logins()
    states = [start(cookies)[0] for _ in range(8)]
    for state in states[5:7]:
        clock.now += 1
        update(cookies, pending.answer(pending.find(state, cookies), "code"))
    ninth, _, _ = start(cookies)
    assert ninth not in states
    assert [bool(pending.find(state, cookies)) for state in states] == [
        *[True] * 5,
        False,
        True,
        True,
    ]
    start(cookies)
    assert not pending.find(states[6], cookies)
    assert len(cookies) == 8


def test_of_the_answered_logins_the_newest_stay(start, logins, clock):
    cookies, pending = {}, logins()
    answered = [start(cookies)[0] for _ in range(7)]
    for state in reversed(answered):
        clock.now += 1
        update(cookies, pending.answer(pending.find(state, cookies), "code"))
    for _ in range(5):
        start(cookies)
    kept = [bool(pending.find(state, cookies)) for state in answered]
    assert kept == [*[True] * 3, *[False] * 4]


def test_a_login_makes_room_when_it_is_older_than_ten_minutes(start, clock):
    cookies = {}
    states = [start(cookies)[0] for _ in range(8)]
    clock.now += 598
    ninth, _, _ = start(cookies)  # the eighth is 600 seconds old
    assert ninth not in states
    assert len(cookies) == 2
    clock.now += 600
    start(cookies)
    assert len(cookies) == 1


def test_cookies_that_cannot_be_opened_are_deleted(start, logins):
    cookies = {}
    start(cookies)
    (name,) = cookies
    cookies[name] = "garbage"
    states = [start(cookies)[0] for _ in range(8)]
    assert all(logins().find(state, cookies) for state in states)
    assert len(cookies) == 8


def test_other_cookies_are_not_deleted(start):
    cookies = {"session": "x" * 4000}
    assert len(start(cookies)[2]) == 1


def test_another_application_at_the_host_keeps_its_logins(start):
    cookies = {f"__Host-peeringdb-login-abcdef-{number:016x}": "its own" for number in range(8)}
    before = dict(cookies)
    for _ in range(9):
        start(cookies)
    assert cookies | before == cookies


def test_the_cookies_of_another_application_are_none_of_ours(start, logins):
    """Even if it has our host and our secret."""
    other = {"client_id": "other"}
    cookies = {}
    state, _, [cookie] = start(cookies, **other)
    assert logins().names(cookies) == set()
    assert logins(**other).names(cookies) == {cookie.name}
    cookies[logins().name(state)] = cookie.value
    assert logins().find(state, cookies) is None


def test_a_gateways_login_counts_at_the_host_where_it_started(start, logins):
    state, _, [cookie] = start({}, redirect_uri="https://a.example.net/callback")
    there = logins(redirect_uri="https://b.example.net/callback")
    assert there.find(state, {there.name(state): cookie.value}) is None


# --- logins that connect an account ---------------------------------------------------


def test_a_login_that_connects_an_account_remembers_which(start, logins):
    cookies = {}
    state, _, _ = start(cookies, connects="17", return_path="/settings")
    found = logins().find(state, cookies)
    assert (found.connects, found.return_path) == ("17", "/settings")
    assert logins().find(start(cookies)[0], cookies).connects == ""


def test_a_second_login_that_connects_takes_the_place_of_the_first(start, logins):
    cookies = {}
    mere = start(cookies)[0]
    first = start(cookies, connects="17")[0]
    second = start(cookies, connects="17")[0]
    assert [bool(logins().find(state, cookies)) for state in (mere, first, second)] == [
        True,
        False,
        True,
    ]


def test_a_login_that_connects_stays_and_shares_no_state(start, logins):
    cookies = {}
    first = start(cookies, connects="17")[0]
    mere = [start(cookies)[0] for _ in range(10)]
    assert logins().find(first, cookies).connects == "17"
    assert first not in mere
    assert start(cookies, connects="17")[0] not in mere


# --- long addresses -------------------------------------------------------------------

LONG = "/a?" + "b" * 509


def test_a_long_address_is_kept_while_there_is_room(start, logins):
    cookies = {}
    states = [
        start(cookies, return_path=f"/{number}?{'b' * 509}", shorter=(f"/{number}", "/"))[0]
        for number in range(8)
    ]
    kept = [logins().find(state, cookies).return_path for state in states]
    assert [len(path) for path in kept] == [512, 512, *[2] * 6]
    assert kept[2:] == [f"/{number}" for number in range(2, 8)]
    assert size(cookies) < 4096


@pytest.mark.parametrize("scope", [("profile",), ("openid", "profile", "email", "networks", "amr")])
def test_the_cookies_of_eight_logins_are_less_than_8_kb(start, logins, scope):
    """Even if the tabs are opened at once, and all of them were answered."""
    cookies, pending = {}, logins(scope=scope)
    for _ in range(8):
        own = {}
        state, _, _ = start(own, return_path=LONG, shorter=(LONG[:490], "/"), scope=scope)
        update(own, pending.answer(pending.find(state, own), "code"))
        cookies |= own
    assert len(cookies) == 8
    assert size(cookies) < 8192


def test_a_path_that_is_too_long_for_a_cookie_leads_home(start, logins):
    cookies = {}
    state, _, _ = start(cookies, return_path="/" + "a" * 1500, shorter=("/" + "a" * 1400, "/home"))
    assert logins().find(state, cookies).return_path == "/home"


@pytest.mark.parametrize("length", range(300, 512, 8))
def test_the_cookies_of_eight_logins_leave_room_for_the_session(start, length):
    cookies = {}
    for _ in range(8):
        start(cookies, return_path="/" + "a" * length, shorter=("/",))
    assert size(cookies) <= 4096
    assert all(len(f"{name}={value}; ") <= 1000 for name, value in cookies.items())


def test_the_cookies_may_take_all_the_room_that_there_is(start, logins):
    """The lengths of the paths are such that the eighth login just fits."""
    cookies = {}
    for _ in range(7):
        start(cookies, return_path="/" + "a" * 107)
    state, _, _ = start(cookies, return_path=LONG[:507], shorter=("/",))
    assert sum(len(f"{name}={value}; ") for name, value in cookies.items()) == 4096
    assert logins().find(state, cookies).return_path == LONG[:507]


@pytest.mark.parametrize("length", range(450, 512, 4))
def test_a_cookie_has_a_path_as_long_as_fits(start, logins, length):
    cookies = {}
    path = "/" + "é" * length  # takes more room than its characters
    state, _, [cookie] = start(cookies, return_path=path, shorter=("/",))
    assert len(f"{cookie.name}={cookie.value}; ") <= 1000
    assert logins().find(state, cookies).return_path == "/"


MUCH_LONGER = "/" + "a" * 2047


def test_where_return_paths_may_be_longer_two_tabs_come_back_to_them(start, logins):
    cookies = {}
    for path in (MUCH_LONGER[:2000], MUCH_LONGER[:1900]):
        state, _, _ = start(cookies, return_path=path, shorter=("/",), longest_path=2048)
        assert logins().find(state, cookies).return_path == path
    state, _, _ = start(cookies, return_path=MUCH_LONGER, shorter=("/",), longest_path=2048)
    assert logins().find(state, cookies).return_path == "/"


def test_where_return_paths_may_be_longer_the_longest_is_kept_with_some_reasons(start, logins):
    cookies, pending = {}, logins(longest_path=2048)
    state, _, _ = start(cookies, return_path=MUCH_LONGER, shorter=("/",), longest_path=2048)
    reasons = tuple(Reason(f"reason {number}") for number in range(90))
    cookie = pending.answer(pending.find(state, cookies), None, reasons)
    assert len(f"{cookie.name}={cookie.value}; ") <= 4 * (2048 + 400) / 3
    update(cookies, cookie)
    found = pending.find(state, cookies)
    assert found.return_path == MUCH_LONGER
    assert found.refusal


# --- what does not count --------------------------------------------------------------


@pytest.mark.parametrize("state", [None, "", "unknown", ["a", "b"], 7, "\ud800"])
def test_an_unknown_state_has_no_login(start, logins, state):
    cookies = {}
    start(cookies)
    assert logins().find(state, cookies) is None


def test_a_cookie_sealed_with_another_secret_has_no_login(start, clock):
    cookies = {}
    state, _, _ = start(cookies)
    other = PendingLogins(Provider(config(), clock), Sealer("another-secret-0123"))
    assert other.find(state, cookies) is None
    assert other.find_all(cookies) == []


def test_a_cookie_with_the_name_of_another_login_has_another_state(start, logins):
    cookies = {}
    first, _, [first_cookie] = start(cookies)
    second, _, [second_cookie] = start(cookies)
    cookies[first_cookie.name] = cookies[second_cookie.name]
    # The callback is refused, because its state is another.
    assert logins().find(first, cookies).request.state == second
    assert [login.request.state for login in logins().find_all(cookies)] == [second]


def test_a_login_with_values_that_no_login_has_is_refused(start, logins):
    cookies, pending = {}, logins()
    state, _, [cookie] = start(cookies)
    stored = pending._sealer.open(pending._purpose, cookie.value)
    stored[2] = "no verifier"
    cookies[cookie.name] = pending._sealer.seal(pending._purpose, stored)
    with pytest.raises(InvalidResponse) as caught:
        pending.find(state, cookies)
    assert caught.value.check == "authorization_request"
    assert pending.find_all(cookies) == []


# --- answers --------------------------------------------------------------------------


def test_an_answered_login_is_remembered_for_ten_minutes(start, logins, clock):
    cookies, pending = {}, logins()
    state, _, _ = start(cookies, return_path="/x", prompted=True)
    clock.now += 7.9
    cookie = pending.answer(pending.find(state, cookies), "code")
    assert (cookie.max_age, list(cookies)) == (600, [cookie.name])
    update(cookies, cookie)
    found = pending.find(state, cookies)
    assert (found.return_path, found.prompted, found.has_ended_well) == ("/x", True, True)
    assert clock() - 1 < found.answered_at <= clock()
    assert found.has_ended_with("code")
    assert not found.has_ended_with("other")
    assert not found.has_ended_with(["code"])


def test_an_answer_may_be_a_failure(start, logins):
    cookies, pending = {}, logins()
    state, _, _ = start(cookies)
    update(cookies, pending.answer(pending.find(state, cookies), None))
    found = pending.find(state, cookies)
    assert (found.answered_at is None, found.has_ended_well) == (False, False)
    assert not found.has_ended_with(None)


def test_a_refusal_is_remembered(start, logins):
    cookies, pending = {}, logins()
    state, _, _ = start(cookies)
    reason = Reason("you may not read AS64500", code="needs_read", asn=64500)
    update(cookies, pending.answer(pending.find(state, cookies), None, (reason,)))
    found = pending.find(state, cookies)
    assert found.refusal == (reason,)
    assert (found.refusal[0].code, found.refusal[0].asn) == ("needs_read", 64500)
    assert not found.has_ended_well


def test_only_the_reasons_that_fit_into_the_cookie_are_remembered(start, logins):
    cookies, pending = {}, logins()
    state, _, _ = start(cookies)
    reasons = tuple(Reason(f"reason {number} {'x' * 100}") for number in range(8))
    cookie = pending.answer(pending.find(state, cookies), None, reasons)
    assert len(f"{cookie.name}={cookie.value}; ") <= 1000
    update(cookies, cookie)
    assert pending.find(state, cookies).refusal == reasons[:3]
    update(cookies, pending.answer(pending.find(state, cookies), None, (Reason("x" * 900),)))
    assert pending.find(state, cookies).refusal == ()


def test_who_was_refused_is_remembered_by_name_if_there_is_room(start, logins):
    cookies, pending = {}, logins()
    state, _, _ = start(cookies)
    reason = Reason("AS64500: you may not read this network", code="needs_read", asn=64500)
    for name, remembered in (("Ada Admin", True), ("é" * 200, False)):
        user = User(id=7, name=name, email="ada@example.net")
        login = pending.find(state, cookies)
        update(cookies, pending.answer(login, None, (reason,), user))
        found = pending.find(state, cookies)
        assert found.refused == (User(id=7, name=name) if remembered else None)
        assert found.refusal == (reason,)


@pytest.mark.parametrize("length", range(1, 300, 7))
def test_the_reasons_stay_rather_than_the_name(start, logins, length):
    cookies, pending = {}, logins()
    state, _, _ = start(cookies)
    reason, user = Reason("x" * 300), User(id=7, name="a" * length)
    update(cookies, pending.answer(pending.find(state, cookies), None, (reason,), user))
    assert pending.find(state, cookies).refusal == (reason,)


def test_answered_logins_can_be_forgotten(start, logins):
    cookies, pending = {}, logins()
    first, _, _ = start(cookies)
    second, _, _ = start(cookies)
    update(cookies, pending.answer(pending.find(first, cookies), "code"))
    update(cookies, *pending.forget_answered(cookies))
    assert list(cookies) == [pending.name(second)]
