"""The limits of a client address: repeated refusals, a block, requests a minute."""

from email.utils import parsedate_to_datetime

import pytest
from wire_families import RECORDINGS_2, WIRE_2
from wire_replay import read

from peeringdb_oauth.sandbox import Sandbox, SandboxError
from peeringdb_oauth.sandbox.server.limits import Limits, Refusal, RequestKey, last_second_of_window

ADDRESS = "192.0.2.1"


def request_key(
    address: str = ADDRESS, identity: str = "anonymous", path: str = "/oauth2/token/"
) -> RequestKey:
    return RequestKey(address=address, identity=identity, method="POST", path=path, query="")


def refusal(status: int = 401) -> Refusal:
    return Refusal(status=status, content=b"", content_type="application/json")


@pytest.mark.parametrize(("status", "seconds"), [(401, 60), (403, 10), (429, 10)])
def test_a_refusal_is_remembered_for_its_time(status, seconds):
    limits = Limits()
    limits.remember_refusal(request_key(), refusal(status), 1000.0)
    assert limits.find_refusal(request_key(), 1000.0 + seconds - 0.001) == refusal(status)
    assert limits.find_refusal(request_key(), 1000.0 + seconds) is None


def test_repeating_a_refusal_renews_it():
    limits = Limits()
    limits.remember_refusal(request_key(), refusal(), 1000.0)
    limits.remember_refusal(request_key(), refusal(), 1050.0)
    assert limits.find_refusal(request_key(), 1109.0) == refusal()


@pytest.mark.parametrize(
    "other",
    [
        request_key(address="192.0.2.2"),
        request_key(identity="bearer x"),
        request_key(path="/profile/v1"),
    ],
)
def test_a_refusal_is_remembered_for_the_same_request_only(other):
    limits = Limits()
    limits.remember_refusal(request_key(), refusal(), 1000.0)
    assert limits.find_refusal(other, 1000.0) is None


def test_the_eleventh_refusal_blocks_until_a_minute_after_the_last():
    limits = Limits()
    for i in range(10):
        limits.remember_refusal(request_key(), refusal(403), 1000.0 + i)
    assert not limits.is_blocked(ADDRESS, 1009.0)
    limits.remember_refusal(request_key(), refusal(401), 1030.0)
    assert limits.is_blocked(ADDRESS, 1089.9)
    assert not limits.is_blocked("192.0.2.2", 1089.9)
    assert not limits.is_blocked(ADDRESS, 1090.0)


def test_a_minute_without_refusals_starts_the_count_again():
    limits = Limits()
    for _ in range(10):
        limits.remember_refusal(request_key(), refusal(), 1000.0)
    limits.remember_refusal(request_key(), refusal(), 1060.0)
    assert not limits.is_blocked(ADDRESS, 1060.0)


def test_answers_of_429_do_not_count_as_refusals():
    limits = Limits()
    for _ in range(20):
        limits.remember_refusal(request_key(), refusal(429), 1000.0)
    assert not limits.is_blocked(ADDRESS, 1000.0)


RETRY_AFTER = [
    name
    for name in RECORDINGS_2
    if name.startswith("ratelimit-") and "Retry-After" in read(name, WIRE_2)[1].headers
]


@pytest.mark.parametrize("name", RETRY_AFTER)
def test_the_request_after_120_waits_as_long_as_recorded(name):
    request, answer = read(name, WIRE_2)
    address = request.headers["X-Forwarded-For"]
    now = parsedate_to_datetime(answer.headers["Date"]).timestamp() + 0.9
    limits = Limits()
    assert {limits.count_request(address, now) for _ in range(120)} == {None}
    wait = limits.count_request(address, now)
    assert wait == int(answer.headers["Retry-After"])
    assert limits.count_request(address, now + wait) == 0
    assert limits.count_request(address, now + wait + 1) is None
    assert limits.count_request("192.0.2.2", now) is None


def test_there_are_recordings_with_a_retry_after():
    assert len(RETRY_AFTER) == 6


def test_a_minute_of_an_address_has_60_whole_seconds():
    last = last_second_of_window(ADDRESS, 1000.0)
    lasts = [last_second_of_window(ADDRESS, last + 0.5 + i) for i in range(62)]
    assert lasts == [last, *[last + 60] * 60, last + 120]


@pytest.mark.parametrize("left", [0, 1, 120])
def test_as_many_requests_as_wanted_are_left_in_this_minute_and_in_the_next(left):
    limits = Limits()
    limits.leave_requests(ADDRESS, left, 1000.0)
    for now in (1000.0, 1060.0):
        assert {limits.count_request(ADDRESS, now) for _ in range(left)} <= {None}
        assert limits.count_request(ADDRESS, now) is not None
    assert limits.count_request(ADDRESS, 1120.0) is None


def test_reset_forgets_everything():
    limits = Limits()
    for _ in range(121):
        limits.remember_refusal(request_key(), refusal(), 1000.0)
        limits.count_request(ADDRESS, 1000.0)
    limits.reset()
    assert limits.find_refusal(request_key(), 1000.0) is None
    assert not limits.is_blocked(ADDRESS, 1000.0)
    assert limits.count_request(ADDRESS, 1000.0) is None


def test_a_wrong_secret_blocks_the_token_endpoint_until_a_minute_of_silence(pdb, web, app, address):
    good = {
        "grant_type": "refresh_token",
        "refresh_token": web.tokens(app)["refresh_token"],
    } | web.credentials(app)
    assert web.post("/oauth2/token/", good | {"client_secret": "wrong"}, address).status == 401
    pdb.advance(40)
    again = web.post("/oauth2/token/", good, address)
    assert (
        again.status,
        again.headers["X-Cached-Response"],
        again.headers["WWW-Authenticate"],
    ) == (401, "True", None)
    pdb.advance(40)
    assert web.post("/oauth2/token/", good, address).status == 401
    pdb.advance(60)
    assert web.post("/oauth2/token/", good, address).status == 200


def test_eleven_refusals_block_every_path_and_polling_prolongs_it(pdb, web, app, address):
    token = web.tokens(app)["access_token"]
    for i in range(11):
        assert web.get("/profile/v1", f"bogus{i}", address).status == 403
    assert web.get("/oauth2/.well-known/jwks.json", None, address).status == 429
    assert web.get("/profile/v1", token, address).headers["X-Throttled-Response"] == "True"
    pdb.advance(55)
    assert web.get("/profile/v1", token, address).status == 429
    pdb.advance(9)
    cached = web.get("/profile/v1", token, address)
    assert (cached.status, cached.headers["X-Cached-Response"]) == (429, "True")
    pdb.advance(10)
    assert web.get("/profile/v1", token, address).status == 200


def test_only_the_address_that_was_refused_is_blocked(web, address):
    for i in range(12):
        web.get("/profile/v1", f"bogus{i}", address)
    assert web.get("/profile/v1", "bogus", address).status == 429
    assert web.get("/profile/v1", "bogus").status == 403


def test_without_x_forwarded_for_the_peer_address_counts(pdb, web):
    for i in range(11):
        web.get("/profile/v1", f"bogus{i}", {"X-Forwarded-For": ""})
    assert web.get("/profile/v1", "bogus", {"X-Forwarded-For": "127.0.0.1"}).status == 429
    pdb.reset_limits()


def test_a_browser_with_a_session_has_no_rate_limit(visitor):
    visitor.press(visitor.get("/account/login/"), person="emailunconf")
    assert {visitor.get("/account/login/").status_code for _ in range(125)} == {200}


def test_a_browser_that_has_not_logged_in_yet_is_limited(visitor):
    page = visitor.get("/account/login/")
    visitor.press(page, person="member")
    assert 429 in {visitor.get("/account/login/").status_code for _ in range(250)}


@pytest.mark.parametrize(("one", "other"), [("?a=1&b=+", "?a=1&b=%20"), ("?a=", "?a")])
def test_a_query_that_means_the_same_is_the_same_request(web, address, one, other):
    assert web.get(f"/profile/v1{one}", "bogus", address).headers["X-Cached-Response"] is None
    assert web.get(f"/profile/v1{other}", "bogus", address).headers["X-Cached-Response"] == "True"


def test_unknown_paths_and_missing_slashes_do_not_count(pdb, web, address):
    pdb.use_up_limit(left=1, address=address["X-Forwarded-For"])
    assert {web.get("/nothing-here", None, address).status for _ in range(3)} == {404}
    assert {web.post("/oauth2/token", {}, address).status for _ in range(3)} == {301}
    assert web.get("/oauth2/.well-known/jwks.json", None, address).status == 200
    assert web.get("/oauth2/.well-known/jwks.json", None, address).status == 429


def test_use_up_limit_counts_for_this_machine_by_default(pdb, web):
    pdb.use_up_limit()
    assert web.get("/profile/v1", None, {"X-Forwarded-For": ""}).status == 429
    pdb.reset_limits()


@pytest.mark.parametrize("left", [-1, 121, 1.5, True])
def test_use_up_limit_leaves_a_number_that_is_possible(pdb, left):
    with pytest.raises(SandboxError, match="left must be from 0 to 120"):
        pdb.use_up_limit(left=left)


def test_control_pages_are_never_limited(web, address):
    for i in range(12):
        web.get("/profile/v1", f"bogus{i}", address)
    assert web.get("/sandbox/", None, address).status == 200


def test_resetting_the_limits_ends_a_block(pdb, web, address):
    for i in range(12):
        web.get("/profile/v1", f"bogus{i}", address)
    pdb.reset_limits()
    assert web.get("/oauth2/.well-known/jwks.json", None, address).status == 200


def test_without_limits_nothing_is_remembered(web_for, address):
    with Sandbox(tls=False, limits=False) as pdb:
        web = web_for(pdb)
        token = web.tokens(pdb.register("https://app.example.net/callback"))["access_token"]
        for i in range(130):
            assert web.get("/profile/v1", f"bogus{i % 2}", address).status == 403
        with pytest.raises(SandboxError, match="without limits"):
            pdb.use_up_limit()
        assert web.get("/profile/v1", token, address).status == 200
