"""Which account of the project's is whose."""
# ruff: noqa: PLC0415 - models can be imported when Django is set up

import threading
from dataclasses import replace

import pytest

from peeringdb_oauth import AccessDenied, Network, Permission, User

pytestmark = pytest.mark.server

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


@pytest.fixture
def accounts():
    from django.contrib.auth.models import User

    return User.objects


@pytest.fixture
def authenticate(configure):
    """``authenticate(user)``: as a login does, without PeeringDB."""
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


def test_the_identity_has_the_person_and_their_networks(authenticate):
    account = authenticate(ADA)
    account.refresh_from_db()
    assert account.peeringdb_identity.to_user() == replace(ADA, given_name="", family_name="")
    assert [str(row) for row in account.peeringdb_identity.networks.all()] == [
        "AS64500 One",
        "AS64501 Two",
    ]


def test_what_peeringdb_does_not_say_is_no_permission(authenticate):
    bare = User(id=7)
    assert authenticate(bare).peeringdb_identity.to_user() == bare


def test_the_next_login_finds_the_account_by_its_number(authenticate, accounts):
    account = authenticate(ADA)
    assert authenticate(replace(ADA, name="Ada Other", email="other@example.net")) == account
    assert accounts.count() == 1


def test_name_and_address_are_those_of_the_last_login(authenticate, accounts):
    authenticate(ADA)
    authenticate(
        replace(
            ADA,
            name="A. B",
            given_name="A.",
            family_name="B",
            email="a@example.net",
            verified_user=False,
        ),
    )
    account = accounts.get()
    assert (account.first_name, account.last_name, account.email) == ("A.", "B", "a@example.net")
    identity = account.peeringdb_identity
    assert (identity.name, identity.email, identity.verified_user) == (
        "A. B",
        "a@example.net",
        False,
    )


def test_what_peeringdb_does_not_say_stays_as_it_was(authenticate, accounts):
    authenticate(ADA)
    authenticate(User(id=7))
    account = accounts.get()
    assert (account.first_name, account.last_name, account.email) == (
        "Ada",
        "Admin",
        "ada@example.net",
    )


def test_an_address_that_is_not_confirmed_is_not_taken_over(authenticate, accounts):
    authenticate(ADA)
    authenticate(replace(ADA, email="ceo@example.net", verified_email=False))
    assert accounts.get().email == "ada@example.net"


def test_what_has_no_room_is_not_taken_over(authenticate):
    account = authenticate(
        replace(ADA, given_name="A" * 151, email="a" * 250 + "@example.net", name="A" * 1000),
    )
    account.refresh_from_db()
    assert (account.first_name, account.last_name, account.email) == ("", "Admin", "")
    assert account.peeringdb_identity.name == "A" * 1000


@pytest.mark.usefixtures("authenticate")
def test_accounts_without_such_a_field_are_left_alone(accounts):
    from members_area.accounts import WithoutEmail

    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    account = WithoutEmail.objects.create(username="ada")
    PeeringDBBackend().update_account(account, ADA)
    assert (accounts.get().first_name, accounts.get().email) == ("Ada", "")


@pytest.mark.usefixtures("authenticate")
@pytest.mark.parametrize(
    ("taken", "name"),
    [("somebody@example.net", "ada@example.net"), ("ADA@example.net", "ada")],
)
def test_what_only_one_account_may_have_stays_with_the_one_that_has_it(accounts, taken, name):
    """As for projects whose accounts log in by address."""
    from members_area.accounts import ByAddress

    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    accounts.create(username=taken)
    account = ByAddress.objects.create(username="ada")
    PeeringDBBackend().update_account(account, ADA)
    assert accounts.get(pk=account.pk).username == name


def test_nothing_is_written_where_nothing_changed(authenticate):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    authenticate(ADA)
    with CaptureQueriesContext(connection) as queries:
        authenticate(ADA)
    written = [
        query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "INSERT", "DELETE"))
    ]
    assert [sql.split('"')[1] for sql in written] == ["peeringdb_oauth_peeringdbidentity"], (
        "when, and no more"
    )


def test_a_taken_name_stays_with_its_owner(authenticate, accounts):
    local = accounts.create(username="PeeringDB-7")
    account = authenticate(ADA)
    assert account != local
    assert account.username.startswith("peeringdb-7-")
    assert len(account.username) == len("peeringdb-7-") + 8


def test_networks_are_those_of_the_last_login(authenticate):
    account = authenticate(ADA)
    before = networks_of(account)
    changed = replace(
        ADA.networks[0],
        perms=Permission(15),
        manage_peering_sessions=None,
        name="Uno",
    )
    authenticate(
        replace(
            ADA,
            networks=(changed, Network(id=3, asn=65550, name="Three", perms=Permission.READ)),
        ),
    )
    after = networks_of(account)
    assert list(after) == [64500, 65550]
    assert after[64500].pk == before[64500].pk, "tables of the project's own may point to it"
    assert after[64500].to_network() == changed


def test_a_disabled_account_is_refused_and_not_touched(authenticate, accounts):
    authenticate(ADA)
    accounts.update(is_active=False)
    with pytest.raises(AccessDenied, match="your account at this site is disabled"):
        authenticate(replace(ADA, given_name="Other"))
    assert accounts.get().first_name == "Ada"


@pytest.mark.usefixtures("authenticate")
def test_passwords_are_no_business_of_ours(accounts):
    from django.contrib import auth

    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    accounts.create_user("local", password="password")
    assert (
        auth.authenticate(None, username="local", password="password").backend
        == "django.contrib.auth.backends.ModelBackend"
    )
    with pytest.raises(TypeError):
        PeeringDBBackend().authenticate(None, username="local", password="password")


def test_permissions_are_djangos(authenticate, accounts):
    from django.contrib.auth.models import Group, Permission

    account = authenticate(ADA)
    group = Group.objects.create(name="admins")
    group.permissions.add(Permission.objects.get(codename="view_group"))
    account.groups.add(group)
    assert accounts.get().has_perm("auth.view_group")


def test_without_new_accounts_a_stranger_is_refused(configure, authenticate, accounts):
    account = authenticate(ADA)
    configure(CREATE_USERS=False)
    assert authenticate(ADA) == account
    with pytest.raises(AccessDenied, match="you have no account at this site"):
        authenticate(replace(ADA, id=8))
    assert accounts.count() == 1


def test_an_address_alone_links_nobody(authenticate, accounts):
    local = accounts.create(username="ada", email="ada@example.net")
    assert authenticate(ADA) != local


@pytest.mark.parametrize("address", ["ada@example.net", "Ada@Example.NET"])
def test_with_link_by_email_somebody_new_gets_the_account_with_their_address(
    configure,
    authenticate,
    accounts,
    address,
):
    local = accounts.create_user("ada", address, "password")
    configure(LINK_BY_EMAIL=True)
    assert authenticate(ADA) == local
    local.refresh_from_db()
    assert (local.username, local.peeringdb_identity.peeringdb_id) == ("ada", 7)
    assert local.check_password("password"), "their other way to log in stays"


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
        (
            {"email": "\u212aate@example.net"},
            {"email": "kate@example.net"},
        ),  # a Kelvin sign, which is a small k for databases
        ({"email": "kate@example.net"}, {"email": "\u212aate@example.net"}),
    ],
)
def test_with_link_by_email_nobody_gets_an_account_that_may_not_be_theirs(
    configure,
    authenticate,
    accounts,
    local,
    user,
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
def test_letters_that_look_alike_to_some_databases_are_others(one, other, same):
    from peeringdb_oauth.integrations.django.backends import _is_same_address

    assert _is_same_address(one, other) is same


def test_letters_outside_of_ascii_count_as_they_are(configure, authenticate, accounts):
    local = accounts.create(username="ada", email="ädä@example.net")
    configure(LINK_BY_EMAIL=True)
    assert authenticate(replace(ADA, email="ädä@example.net")) == local


def test_with_link_by_email_an_account_with_permissions_is_nobodys(
    configure,
    authenticate,
    accounts,
):
    from django.contrib.auth.models import Group, Permission

    group = Group.objects.create(name="staff in all but name")
    group.permissions.add(Permission.objects.get(codename="delete_group"))
    local = accounts.create(username="ada", email="ada@example.net")
    local.groups.add(group)
    configure(LINK_BY_EMAIL=True)
    assert authenticate(ADA) != local


def test_with_link_by_email_an_address_that_two_have_is_nobodys(configure, authenticate, accounts):
    for name in ("ada", "adas-colleague"):
        accounts.create(username=name, email="ada@example.net")
    configure(LINK_BY_EMAIL=True)
    assert authenticate(ADA).username == "peeringdb-7"


def test_with_link_by_email_an_account_belongs_to_one_person_at_peeringdb(configure, authenticate):
    configure(LINK_BY_EMAIL=True)
    first = authenticate(ADA)
    assert authenticate(replace(ADA, id=8)) != first
    assert first.peeringdb_identity.peeringdb_id == 7


def test_without_new_accounts_one_with_the_address_will_do(configure, authenticate, accounts):
    local = accounts.create(username="ada", email="ada@example.net")
    configure(LINK_BY_EMAIL=True, CREATE_USERS=False)
    assert authenticate(ADA) == local


def test_two_first_logins_at_a_time_make_one_account(authenticate, accounts):
    """Each in a thread with a connection of its own."""
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
def test_who_was_slower_looks_again(accounts):
    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    class Overtaken(PeeringDBBackend):
        calls = 0

        def create_account(self, user):
            self.calls += 1
            if self.calls == 1:  # the other window, between our look and our writing
                other = accounts.create(username="other window")
                PeeringDBIdentity.objects.create(account=other, peeringdb_id=user.id)
            return super().create_account(user)

    backend = Overtaken()
    account = backend.authenticate(None, ADA)
    assert (backend.calls, account.username, accounts.count()) == (2, "peeringdb-7", 1)


def test_a_project_may_name_its_accounts(configure, authenticate):
    configure(AUTHENTICATION_BACKENDS=["members_area.hooks.ByName"])
    account = authenticate(ADA)
    assert (account.username, account.backend) == ("ada.admin", "members_area.hooks.ByName")


@pytest.mark.parametrize(
    "backend",
    ["members_area.hooks.Nobody", "django.contrib.auth.backends.ModelBackend"],
)
def test_where_no_backend_has_an_account_nobody_gets_in(configure, make_visitor, accounts, backend):
    configure(AUTHENTICATION_BACKENDS=[backend])
    visitor = make_visitor()
    answer = visitor.log_in("member")
    assert answer.status_code == 403
    assert b"This site lets nobody in with PeeringDB" in answer.content
    assert visitor.get("/me").status_code == 302
    assert not accounts.exists()


def test_the_project_hears_of_a_login_before_it_is_one(configure, make_visitor, accounts):
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
def test_a_hook_that_nobody_would_await_lets_nobody_in(configure, make_visitor, accounts, hook):
    configure(ON_LOGIN=f"members_area.hooks.{hook}")
    visitor = make_visitor()
    assert visitor.log_in("member").status_code == 500
    assert visitor.get("/me").status_code == 302
    assert not accounts.exists()


def test_of_somebody_new_whom_the_project_refuses_nothing_stays(
    configure,
    make_visitor,
    accounts,
    watch,
):
    from django.contrib.auth.models import Group

    configure(ON_LOGIN="members_area.hooks.refuse")
    visitor = make_visitor()
    answer = visitor.log_in("member")
    assert answer.status_code == 403
    assert b"The area is closed today" in answer.content
    assert visitor.get("/me").status_code == 302
    assert not accounts.exists()
    assert not Group.objects.exists()
    assert [sent["event"].reasons for _, sent in watch.seen] == [("The area is closed today",)]


def test_what_the_project_did_before_it_refused_stays_for_who_was_here_before(
    configure,
    make_visitor,
    accounts,
    pdb,
):
    """A membership that is gone must be gone, also when none is left and the login is
    refused.
    """
    configure(ON_LOGIN="members_area.hooks.members_only")
    person = pdb.add_person("Mo Member", networks={64500: 1})
    visitor = make_visitor()
    assert visitor.log_in(person.login).status_code == 302
    assert [group.name for group in accounts.get().groups.all()] == ["64500"]
    pdb.change(person.login, networks={64501: 1})
    answer = visitor.log_in(person.login)
    assert b"None of your networks is a member here" in answer.content
    assert not accounts.get().groups.exists()
    assert visitor.get("/account").status_code == 302, "and the login that there was has ended, too"


def test_somebody_new_without_a_membership_is_refused(configure, make_visitor, accounts):
    configure(ON_LOGIN="members_area.hooks.members_only")
    assert make_visitor().log_in("nonets").status_code == 403
    assert not accounts.exists()


def test_a_disabled_account_reads_why(visitor, accounts):
    visitor.log_in("member")
    accounts.update(is_active=False)
    answer = visitor.log_in("member")
    assert answer.status_code == 403
    assert b"Your account at this site is disabled" in answer.content
