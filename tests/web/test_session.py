import json

import pytest

from peeringdb_oauth.errors import InvalidResponse, TokenRejected
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.tokens import TokenResponse
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions import SESSION_KEY, Sessions
from peeringdb_oauth.web.stores import MemoryStore, ended_logins

from .conftest import SECRET

ACCESS_TOKEN, REFRESH_TOKEN = "access-token-012345", "refresh-token-012345"


def person(count=2, **changes):
    networks = tuple(
        Network(
            id=n,
            asn=4_200_000_000 + n,
            name=f"Net {n}",
            perms=Permission.READ,
            manage_peering_sessions=Permission(15),
        )
        for n in range(1, count + 1)
    )
    fields = {
        "id": 7,
        "name": "Ada Admin",
        "given_name": "Ada",
        "family_name": "Admin",
        "email": "ada@example.net",
        "verified_email": True,
        "verified_user": True,
        "networks": networks,
        "amr": ("pwd", "otp", "mfa"),
    }
    return User(**fields | changes)


class Application:
    """The sessions of one application, and one of them."""

    def __init__(self, client, store, asns):
        self.client = client
        self.store = store
        self.sessions = Sessions(client.provider, Sealer(SECRET), store, ended_logins(), asns=asns)
        self.session = {"own": "of the application"}

    def begin(self, user, *, refresh_token=REFRESH_TOKEN, prompted=False):
        token = TokenResponse(
            access_token=ACCESS_TOKEN,
            token_type="Bearer",
            expires_at=int(self.client.provider.clock()) + 36000,
            refresh_token=refresh_token,
            scope=("profile",),
            id_token=None,
        )
        self.client.run(
            self.sessions.begin(
                self.session, Login(user=user, token=token, claims=None), prompted=prompted
            )
        )
        self.session = json.loads(json.dumps(self.session))  # as a framework stores it
        return self.stored_login

    @property
    def stored_login(self):
        return self.sessions.read(self.session)

    @property
    def size(self):
        return len(json.dumps(self.session[SESSION_KEY]["user"]))

    def remembered_user(self):
        return self.client.run(self.sessions.remembered_user(self.stored_login))


@pytest.fixture
def make_application(server, make_client, clock):
    def make(*, asns=(), store=None):
        client = make_client(server, arguments={"clock": clock, "monotonic": clock})
        return Application(client, store or MemoryStore(monotonic=clock), asns)

    return make


@pytest.fixture
def application(make_application):
    return make_application()


def test_a_login_is_stored(application, clock):
    stored_login = application.begin(person(), prompted=True)
    assert stored_login.user == person()
    assert (
        stored_login.store_key,
        stored_login.checked_at,
        stored_login.expires_at,
        stored_login.prompted,
    ) == (None, clock.now, int(clock.now) + 36000, True)
    assert len(stored_login.csrf_token) == 43
    assert application.session["own"] == "of the application"
    assert application.remembered_user() == person()


def test_two_logins_have_different_csrf_tokens(application):
    assert application.begin(person()).csrf_token != application.begin(person()).csrf_token


def test_no_token_can_be_read_in_the_session(application):
    stored_login = application.begin(person())
    assert ACCESS_TOKEN not in json.dumps(application.session)
    assert REFRESH_TOKEN not in json.dumps(application.session)
    assert stored_login.tokens not in repr(stored_login)
    assert stored_login.csrf_token not in repr(stored_login)


@pytest.mark.parametrize(
    "stored", [{}, {"user": []}, {"user": None}, {"user": [7], "more": 1}, "text", 7, [1]]
)
def test_a_session_that_cannot_be_read_has_no_login(application, stored):
    application.session[SESSION_KEY] = stored
    assert application.stored_login is None


@pytest.mark.parametrize(
    "change", [{"unknown": 1}, {"user": [0, "", "", "", None, False, False, None, []]}]
)
def test_a_session_of_another_version_has_no_login(application, change):
    application.begin(person())
    application.session[SESSION_KEY] |= change
    assert application.stored_login is None


def test_an_empty_session_has_no_login(application):
    assert application.stored_login is None


def test_forty_networks_fit_into_the_session(application):
    stored_login = application.begin(person(40))
    assert (stored_login.user, stored_login.store_key) == (person(40), None)
    assert application.size <= 2000


def test_a_long_list_of_networks_goes_into_the_store(application):
    stored_login = application.begin(person(300))
    assert application.size <= 2000
    assert stored_login.user.networks == ()
    assert stored_login.user == person(0)
    assert application.remembered_user() == person(300)


def test_the_networks_that_the_rule_names_stay_in_the_session(make_application):
    application = make_application(asns=(4_200_000_002, 4_200_000_300, 64500))
    assert application.begin(person(300)).user.asns == (4_200_000_002, 4_200_000_300)
    assert application.remembered_user() == person(300)


def test_a_short_list_of_networks_is_stored_whole_whatever_the_rule_names(make_application):
    assert make_application(asns=(4_200_000_002,)).begin(person(3)).user == person(3)


@pytest.mark.parametrize(
    "long",
    [
        {"name": "n" * 1000, "given_name": "é" * 1000},
        {"email": "e" * 1000, "family_name": "f" * 1000},
        {"amr": ("x" * 1000, "y" * 1000, "mfa")},
    ],
)
def test_a_user_with_long_fields_takes_less_than_two_kilobytes(make_application, long):
    application = make_application(asns=(4_200_000_001,))
    stored_login = application.begin(person(300, **long))
    assert application.size <= 2000
    assert (
        stored_login.user.id,
        stored_login.user.verified_user,
        stored_login.user.verified_email,
        stored_login.user.asns,
    ) == (7, True, True, (4_200_000_001,))
    assert ("mfa" in (stored_login.user.amr or ())) == ("mfa" in (person(**long).amr or ()))
    assert application.remembered_user() == person(300, **long)


def test_too_many_networks_of_the_rule_go_into_the_store(make_application):
    asns = tuple(4_200_000_000 + n for n in range(1, 301))
    application = make_application(asns=asns)
    stored_login = application.begin(person(300, amr=("pwd",)))
    assert application.size <= 2000
    assert (stored_login.user.networks, stored_login.user.amr, stored_login.user.verified_user) == (
        (),
        None,
        True,
    )
    assert application.remembered_user() == person(300, amr=("pwd",))


def test_a_user_that_the_store_has_lost_is_none(application):
    stored_login = application.begin(person(300))
    application.store.delete(stored_login.store_key)
    assert application.remembered_user() is None


@pytest.mark.parametrize(
    "stored",
    ["", "{}", "no json", '{"id": 7}', b"\xff", 7, json.dumps(person(300, id=8).to_dict())],
)
def test_a_user_that_cannot_be_read_from_the_store_is_none(application, stored):
    stored_login = application.begin(person(300))
    application.store.set(stored_login.store_key, stored, timeout=60)
    assert application.remembered_user() is None


def test_the_store_has_the_user_as_long_as_the_login(application, clock):
    stored_login = application.begin(person(300))
    clock.now += 35999
    assert application.store.get(stored_login.store_key) is not None
    clock.now += 1
    assert application.store.get(stored_login.store_key) is None


def test_a_user_stored_after_the_end_of_the_login_is_deleted_at_once(application, clock):
    stored_login = application.begin(person(300))
    clock.now += 40000
    application.client.run(
        application.sessions.update(application.session, stored_login, person(300))
    )
    clock.now += 1
    assert application.store.get(stored_login.store_key) is None


def test_the_profile_of_another_user_is_refused(application):
    application.begin(person(1, id=999))
    with pytest.raises(InvalidResponse) as caught:
        application.client.run(application.sessions.fetch_user(application.stored_login))
    assert caught.value.check == "id"


def test_tokens_that_cannot_be_opened_end_the_login(application, server):
    application.begin(person())
    application.session[SESSION_KEY] |= {"tokens": "garbage"}
    with pytest.raises(TokenRejected):
        application.client.run(application.sessions.fetch_user(application.stored_login))
    application.client.run(application.sessions.end(application.session, application.stored_login))
    assert server.received == []
    assert application.stored_login is None


def test_an_update_changes_only_the_user_and_the_time(application, clock):
    before = application.begin(person(), prompted=True)
    clock.now += 100
    application.client.run(application.sessions.update(application.session, before, person(3)))
    after = application.stored_login
    assert (after.user, after.checked_at) == (person(3), clock.now)
    assert (after.expires_at, after.prompted, after.csrf_token, after.tokens) == (
        before.expires_at,
        before.prompted,
        before.csrf_token,
        before.tokens,
    )


def test_an_update_deletes_the_old_user_from_the_store(application):
    before = application.begin(person(300))
    application.client.run(application.sessions.update(application.session, before, person(301)))
    assert application.store.get(before.store_key) is None
    assert application.remembered_user() == person(301)
    application.client.run(
        application.sessions.update(application.session, application.stored_login, person(2))
    )
    assert (application.stored_login.store_key, application.remembered_user()) == (None, person(2))


def test_an_update_makes_other_processes_forget_the_old_user(make_application):
    here, there = make_application(), make_application()
    here.begin(person(300))
    there.session = here.session
    there.client.run(there.sessions.update(there.session, there.stored_login, person(200)))
    here.session = there.session
    assert here.remembered_user() is None


@pytest.mark.parametrize(
    "other", [{"client_id": "another"}, {"base_url": "https://auth.example.net"}]
)
def test_a_login_counts_for_one_application_at_one_peeringdb(
    application, make_client, server, other
):
    application.begin(person())
    provider = make_client(server, **other).provider
    elsewhere = Sessions(provider, Sealer(SECRET), application.store, ended_logins())
    assert elsewhere.read(application.session) is None
    assert application.stored_login is not None


def test_the_end_revokes_the_refresh_token_and_deletes_everything(application, server):
    stored_login = application.begin(person(300))
    application.client.run(application.sessions.end(application.session, stored_login))
    assert application.session == {"own": "of the application"}
    assert application.store.get(stored_login.store_key) is None
    [request] = server.received
    assert (request.path, request.form["token"]) == ("/oauth2/revoke_token/", REFRESH_TOKEN)


def test_without_a_refresh_token_the_access_token_is_revoked(application, server):
    application.client.run(
        application.sessions.end(
            application.session, application.begin(person(), refresh_token=None)
        )
    )
    [request] = server.received
    assert request.form["token"] == ACCESS_TOKEN


def test_a_second_end_does_no_harm(application):
    stored_login = application.begin(person())
    application.session.clear()
    application.client.run(application.sessions.end(application.session, stored_login))
    assert application.session == {}
