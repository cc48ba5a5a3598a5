"""The accounts: how the backend finds, creates and updates them, and ``ON_LOGIN``."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

import threading
from dataclasses import replace

import pytest

from peeringdb_oauth import AccessDenied, Network, Permission, User

ADA = User(
    id=7,
    name="Ada Admin",
    given_name="Ada",
    family_name="Admin",
    email="ada@example.net",
    verified_email=True,
    verified_user=True,
    networks=(
        Network(
            id=1,
            asn=64500,
            name="One",
            perms=Permission.READ,
            manage_peering_sessions=Permission(15),
        ),
        Network(id=2, asn=64501, name="Two", perms=Permission(15)),
    ),
)
NO_PASSWORD = "!"  # as Django stores one that cannot be used


@pytest.fixture
def accounts():
    from django.contrib.auth.models import User

    return User.objects


@pytest.fixture
def authenticate(configure):
    """``authenticate(user)``: do what a login does, without PeeringDB."""
    from django.contrib import auth

    configure()
    return lambda user: auth.authenticate(None, peeringdb_user=user)


def networks_of(account):
    return {row.asn: row for row in account.peeringdb_identity.networks.all()}


def test_a_new_account_has_what_peeringdb_says_and_no_rights(authenticate):
    account = authenticate(ADA)
    account.refresh_from_db()
    assert (account.username, account.first_name, account.last_name, account.email) == (
        "peeringdb-7",
        "Ada",
        "Admin",
        "ada@example.net",
    )
    assert (account.is_active, account.is_staff, account.is_superuser) == (True, False, False)
    assert not account.has_usable_password()
    assert str(account.peeringdb_identity) == "Ada Admin (7)"


def test_the_identity_stores_the_person_and_their_networks(authenticate):
    account = authenticate(ADA)
    account.refresh_from_db()
    assert account.peeringdb_identity.to_user() == replace(ADA, given_name="", family_name="")
    assert [str(row) for row in account.peeringdb_identity.networks.all()] == [
        "AS64500 One",
        "AS64501 Two",
    ]


def test_a_person_without_claims_gets_no_rights(authenticate):
    bare = User(id=7)
    assert authenticate(bare).peeringdb_identity.to_user() == bare


def test_the_next_login_finds_the_account_by_the_peeringdb_id(authenticate, accounts):
    account = authenticate(ADA)
    assert authenticate(replace(ADA, name="Ada Other", email="other@example.net")) == account
    assert accounts.count() == 1


def test_each_login_updates_name_and_address(authenticate, accounts):
    authenticate(ADA)
    authenticate(
        replace(
            ADA,
            name="A. B",
            given_name="A.",
            family_name="B",
            email="a@example.net",
            verified_user=False,
        )
    )
    account = accounts.get()
    assert (account.first_name, account.last_name, account.email) == ("A.", "B", "a@example.net")
    identity = account.peeringdb_identity
    assert (identity.name, identity.email, identity.verified_user) == (
        "A. B",
        "a@example.net",
        False,
    )


def test_values_that_peeringdb_does_not_send_stay(authenticate, accounts):
    authenticate(ADA)
    authenticate(User(id=7))
    account = accounts.get()
    assert (account.first_name, account.last_name, account.email) == (
        "Ada",
        "Admin",
        "ada@example.net",
    )


def test_an_unconfirmed_address_is_not_stored_in_the_account(authenticate, accounts):
    authenticate(ADA)
    authenticate(replace(ADA, email="ceo@example.net", verified_email=False))
    assert accounts.get().email == "ada@example.net"


def test_values_too_long_for_the_account_are_not_stored_in_it(authenticate):
    account = authenticate(
        replace(ADA, given_name="A" * 151, email="a" * 250 + "@example.net", name="A" * 1000)
    )
    account.refresh_from_db()
    assert (account.first_name, account.last_name, account.email) == ("", "Admin", "")
    assert account.peeringdb_identity.name == "A" * 1000


@pytest.mark.usefixtures("authenticate")
def test_an_account_without_an_email_field_is_updated_otherwise(accounts):
    from members_area.accounts import WithoutEmail

    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    account = WithoutEmail.objects.create(username="ada", password=NO_PASSWORD)
    PeeringDBBackend().update_account(account, ADA)
    assert (accounts.get().first_name, accounts.get().email) == ("Ada", "")


@pytest.mark.usefixtures("authenticate")
@pytest.mark.parametrize(
    ("taken", "name"), [("somebody@example.net", "ada@example.net"), ("ADA@example.net", "ada")]
)
def test_a_unique_value_of_another_account_is_not_stored(accounts, taken, name):
    """Such as the user name in a project whose accounts log in by address."""
    from members_area.accounts import ByAddress

    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    accounts.create(username=taken)
    account = ByAddress.objects.create(username="ada", password=NO_PASSWORD)
    PeeringDBBackend().update_account(account, ADA)
    assert accounts.get(pk=account.pk).username == name


@pytest.mark.usefixtures("authenticate")
def test_an_account_needs_an_address_only_if_its_model_demands_one():
    from members_area.accounts import ByAddress, WithoutEmail

    from peeringdb_oauth.integrations.django.account_columns import address_for

    assert address_for(WithoutEmail, ADA) is None
    assert address_for(ByAddress, ADA) == "ada@example.net"
    for user in (replace(ADA, verified_email=False), User(id=7)):
        with pytest.raises(AccessDenied) as denied:
            address_for(ByAddress, user)
        assert denied.value.reasons[0].code == "no_email"


@pytest.mark.usefixtures("authenticate")
def test_an_account_without_a_name_keeps_its_address(accounts):
    """Nothing is written where nothing has changed."""
    account = accounts.create(username="ada", password=NO_PASSWORD, email="old@example.net")
    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    PeeringDBBackend().update_account(account, User(id=7))
    assert accounts.get().email == "old@example.net"


def test_a_login_without_changes_writes_the_time_only(authenticate):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    authenticate(ADA)
    with CaptureQueriesContext(connection) as queries:
        authenticate(ADA)
    written = [
        query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "INSERT", "DELETE"))
    ]
    assert [sql.split('"')[1] for sql in written] == ["peeringdb_oauth_peeringdbidentity"], (
        "only the time of the login is saved"
    )


def test_a_user_name_that_is_taken_gets_a_random_suffix(authenticate, accounts):
    local = accounts.create(username="PeeringDB-7")
    account = authenticate(ADA)
    assert account != local
    assert account.username.startswith("peeringdb-7-")
    assert len(account.username) == len("peeringdb-7-") + 8


def test_each_login_updates_the_networks(authenticate):
    account = authenticate(ADA)
    before = networks_of(account)
    changed = replace(
        ADA.networks[0], perms=Permission(15), manage_peering_sessions=None, name="Uno"
    )
    authenticate(
        replace(
            ADA, networks=(changed, Network(id=3, asn=65550, name="Three", perms=Permission.READ))
        )
    )
    after = networks_of(account)
    assert list(after) == [64500, 65550]
    assert after[64500].pk == before[64500].pk, "tables of the project may refer to the row"
    assert after[64500].to_network() == changed


def test_a_disabled_account_is_refused_and_not_updated(authenticate, accounts):
    authenticate(ADA)
    accounts.update(is_active=False)
    with pytest.raises(AccessDenied, match="your account at this site is disabled"):
        authenticate(replace(ADA, given_name="Other"))
    assert accounts.get().first_name == "Ada"


@pytest.mark.usefixtures("authenticate")
def test_the_backend_checks_no_passwords(accounts):
    from django.contrib import auth

    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    accounts.create_user("local", password="password")
    assert (
        auth.authenticate(None, username="local", password="password").backend
        == "django.contrib.auth.backends.ModelBackend"
    )
    with pytest.raises(TypeError):
        PeeringDBBackend().authenticate(None, username="local", password="password")


def test_permissions_are_those_of_django(authenticate, accounts):
    from django.contrib.auth.models import Group, Permission

    account = authenticate(ADA)
    group = Group.objects.create(name="admins")
    group.permissions.add(Permission.objects.get(codename="view_group"))
    account.groups.add(group)
    assert accounts.get().has_perm("auth.view_group")


def test_with_create_users_off_a_new_person_is_refused(configure, authenticate, accounts):
    account = authenticate(ADA)
    configure(CREATE_USERS=False)
    assert authenticate(ADA) == account
    with pytest.raises(AccessDenied, match="you have no account at this site"):
        authenticate(replace(ADA, id=8))
    assert accounts.count() == 1


def test_by_default_an_equal_address_links_no_account(authenticate, accounts):
    local = accounts.create(username="ada", email="ada@example.net")
    assert authenticate(ADA) != local


@pytest.mark.parametrize("address", ["ada@example.net", "Ada@Example.NET"])
def test_link_by_email_finds_the_account_with_the_address(
    configure, authenticate, accounts, address
):
    local = accounts.create_user("ada", address, "password")
    configure(LINK_BY_EMAIL=True)
    assert authenticate(ADA) == local
    local.refresh_from_db()
    assert (local.username, local.peeringdb_identity.peeringdb_id) == ("ada", 7)
    assert local.check_password("password"), "the password still works"


@pytest.mark.parametrize(
    ("local", "user"),
    [
        ({}, {"verified_email": False}),
        ({}, {"email": None}),
        ({"is_active": False}, {}),
        ({"is_staff": True}, {}),
        ({"is_superuser": True}, {}),
        ({"email": "other@example.net"}, {}),
        ({"email": ""}, {"email": None}),
        # A Kelvin sign, which some databases take for a small k.
        ({"email": "\u212aate@example.net"}, {"email": "kate@example.net"}),
        ({"email": "kate@example.net"}, {"email": "\u212aate@example.net"}),
    ],
)
def test_link_by_email_ignores_accounts_that_may_belong_to_others(
    configure, authenticate, accounts, local, user
):
    other = accounts.create(**{"username": "ada", "email": "ada@example.net"} | local)
    configure(LINK_BY_EMAIL=True)
    assert authenticate(replace(ADA, **user)) != other
    assert accounts.count() == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("kate@example.net", "KATE@example.net", True),
        ("kate@example.net", "\u212aate@example.net", False),
        ("\u212aate@example.net", "kate@example.net", False),
        ("ädä@example.net", "ädä@example.net", True),
        ("ädä@example.net", "ÄDÄ@example.net", False),
    ],
)
def test_addresses_may_differ_in_the_case_of_ascii_letters_only(one, other, same):
    from peeringdb_oauth.integrations.django.backends import _is_same_address

    assert _is_same_address(one, other) is same


def test_link_by_email_finds_an_address_with_other_letters_than_ascii(
    configure, authenticate, accounts
):
    local = accounts.create(username="ada", email="ädä@example.net")
    configure(LINK_BY_EMAIL=True)
    assert authenticate(replace(ADA, email="ädä@example.net")) == local


def test_link_by_email_ignores_an_account_with_permissions(configure, authenticate, accounts):
    from django.contrib.auth.models import Group, Permission

    group = Group.objects.create(name="staff in all but name")
    group.permissions.add(Permission.objects.get(codename="delete_group"))
    local = accounts.create(username="ada", email="ada@example.net")
    local.groups.add(group)
    configure(LINK_BY_EMAIL=True)
    assert authenticate(ADA) != local


def test_link_by_email_ignores_an_address_of_two_accounts(configure, authenticate, accounts):
    for name in ("ada", "adas-colleague"):
        accounts.create(username=name, email="ada@example.net")
    configure(LINK_BY_EMAIL=True)
    assert authenticate(ADA).username == "peeringdb-7"


def test_link_by_email_ignores_an_account_that_is_linked_already(configure, authenticate):
    configure(LINK_BY_EMAIL=True)
    first = authenticate(ADA)
    assert authenticate(replace(ADA, id=8)) != first
    assert first.peeringdb_identity.peeringdb_id == 7


def test_link_by_email_works_with_create_users_off(configure, authenticate, accounts):
    local = accounts.create(username="ada", email="ada@example.net")
    configure(LINK_BY_EMAIL=True, CREATE_USERS=False)
    assert authenticate(ADA) == local


def test_first_logins_at_the_same_time_create_one_account(authenticate, accounts):
    """Each login runs in a thread with a database connection of its own."""
    from django.db import connection

    both, found = threading.Barrier(4), []

    def log_in():
        both.wait()
        found.append(authenticate(ADA).pk)
        connection.close()

    threads = [threading.Thread(target=log_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [accounts.get().pk] * 4


@pytest.mark.usefixtures("authenticate")
def test_a_login_overtaken_by_another_uses_the_account_of_that_one(accounts):
    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    class Overtaken(PeeringDBBackend):
        calls = 0

        def create_account(self, user):
            self.calls += 1
            if self.calls == 1:  # as a login in another window would do now
                other = accounts.create(username="other window")
                PeeringDBIdentity.objects.create(account=other, peeringdb_id=user.id)
            return super().create_account(user)

    backend = Overtaken()
    account = backend.authenticate(None, ADA)
    assert (backend.calls, account.username, accounts.count()) == (2, "peeringdb-7", 1)


def test_a_subclass_may_choose_the_user_names(configure, authenticate):
    configure(AUTHENTICATION_BACKENDS=["members_area.hooks.ByName"])
    account = authenticate(ADA)
    assert (account.username, account.backend) == ("ada.admin", "members_area.hooks.ByName")


@pytest.mark.parametrize(
    "backend", ["members_area.hooks.Nobody", "django.contrib.auth.backends.ModelBackend"]
)
def test_without_an_account_from_a_backend_the_login_is_refused(
    configure, make_visitor, accounts, backend
):
    configure(AUTHENTICATION_BACKENDS=[backend])
    visitor = make_visitor()
    answer = visitor.log_in("member")
    assert answer.status_code == 403
    assert b"This site lets nobody in with PeeringDB" in answer.content
    assert visitor.get("/me").status_code == 302
    assert not accounts.exists()


def test_on_login_is_called_before_every_login(configure, make_visitor, accounts):
    from members_area import hooks

    hooks.calls.clear()
    configure(ON_LOGIN="members_area.hooks.note")
    visitor = make_visitor()
    visitor.log_in("member")
    [(path, user, account, number)] = hooks.calls
    assert (path, user.asns, account, number) == (
        "/login/peeringdb/callback",
        (64500, 64501, 65550),
        accounts.get(),
        2,
    )
    visitor.log_in("member")
    assert len(hooks.calls) == 2


@pytest.mark.parametrize("hook", ["in_disguise", "promise"])
def test_an_on_login_that_returns_an_awaitable_lets_nobody_in(
    configure, make_visitor, accounts, hook
):
    configure(ON_LOGIN=f"members_area.hooks.{hook}")
    visitor = make_visitor()
    assert visitor.log_in("member").status_code == 500
    assert visitor.get("/me").status_code == 302
    assert not accounts.exists()


def test_of_a_new_person_that_on_login_refuses_only_its_own_writes_stay(
    configure, make_visitor, accounts, watch
):
    from django.contrib.auth.models import Group

    configure(ON_LOGIN="members_area.hooks.refuse")
    visitor = make_visitor()
    answer = visitor.log_in("member")
    assert answer.status_code == 403
    assert b"The area is closed today" in answer.content
    assert visitor.get("/me").status_code == 302
    assert not accounts.exists()
    assert [group.name for group in Group.objects.all()] == ["seen"]
    assert [sent["event"].reasons for _, sent in watch.seen] == [("The area is closed today",)]


def test_an_account_that_was_there_stays_without_the_link_if_on_login_refuses(
    configure, make_visitor, accounts
):
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    configure(ON_LOGIN="members_area.hooks.refuse", LINK_BY_EMAIL=True)
    account = accounts.create_user("local", "member@example.net")
    assert make_visitor().log_in("member").status_code == 403
    assert accounts.get() == account
    assert not PeeringDBIdentity.objects.exists()


def test_nothing_at_all_stays_if_on_login_fails(configure, make_visitor, accounts):
    from django.contrib.auth.models import Group

    configure(ON_LOGIN="members_area.hooks.fail")
    with pytest.raises(LookupError):
        make_visitor().log_in("member")
    assert not accounts.exists()
    assert not Group.objects.exists()


def test_changes_of_on_login_stay_when_it_refuses_a_known_person(
    configure, make_visitor, accounts, pdb
):
    """A membership that has ended is removed, also if the login is then refused."""
    configure(ON_LOGIN="members_area.hooks.members_only")
    person = pdb.add_person("Mo Member", networks={64500: 1})
    visitor = make_visitor()
    assert visitor.log_in(person.login).status_code == 302
    assert [group.name for group in accounts.get().groups.all()] == ["64500"]
    pdb.change(person.login, networks={64501: 1})
    answer = visitor.log_in(person.login)
    assert b"None of your networks is a member here" in answer.content
    assert not accounts.get().groups.exists()
    assert visitor.get("/account").status_code == 302, "the earlier login has ended too"


def test_on_login_can_refuse_a_new_person_without_a_membership(configure, make_visitor, accounts):
    configure(ON_LOGIN="members_area.hooks.members_only")
    assert make_visitor().log_in("nonets").status_code == 403
    assert not accounts.exists()


def test_the_owner_of_a_disabled_account_reads_why(visitor, accounts):
    visitor.log_in("member")
    accounts.update(is_active=False)
    answer = visitor.log_in("member")
    assert answer.status_code == 403
    assert b"Your account at this site is disabled" in answer.content
