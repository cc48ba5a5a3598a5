"""Who may link accounts with rights in Django's admin, and what a login then changes.

Staff who may add identities could otherwise link the account of a superuser to
themselves.
"""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

from dataclasses import dataclass

import pytest

from peeringdb_oauth import User

URL = "/admin/peeringdb_oauth/peeringdbidentity/"
REFUSED = b"Only a superuser may link it."
NO_NETWORKS = {"networks-TOTAL_FORMS": 0, "networks-INITIAL_FORMS": 0}


@dataclass
class Admin:
    """The admin as one user sees it. Each method returns the answer."""

    client: object

    def add(self, account, peeringdb_id):
        form = {"account": account.pk, "peeringdb_id": peeringdb_id} | NO_NETWORKS
        return self.client.post(f"{URL}add/", form)

    def change(self, identity, account):
        form = {"account": account.pk} | NO_NETWORKS
        return self.client.post(f"{URL}{identity.pk}/change/", form)

    def delete(self, identity):
        return self.client.post(f"{URL}{identity.pk}/delete/", {"post": "yes"})

    def delete_selected(self, identity):
        form = {"action": "delete_selected", "_selected_action": identity.pk, "post": "yes"}
        return self.client.post(URL, form)


@pytest.fixture
def accounts(configure):
    from django.contrib.auth.models import User

    configure()
    return User.objects


@pytest.fixture
def identities():
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    return PeeringDBIdentity.objects


def admin_of(account):
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
    return Admin(client)


@pytest.fixture
def staff(accounts):
    """Staff with all permissions for identities, and no other rights."""
    from django.contrib.auth.models import Permission

    account = accounts.create(username="staff", is_staff=True)
    account.user_permissions.set(
        Permission.objects.filter(content_type__app_label="peeringdb_oauth")
    )
    return admin_of(account)


@pytest.fixture
def superuser(accounts):
    return admin_of(accounts.create(username="super", is_staff=True, is_superuser=True))


def make_staff(account):
    account.is_staff = True


def make_superuser(account):
    account.is_superuser = True


def give_permission(account):
    from django.contrib.auth.models import Permission

    account.user_permissions.add(Permission.objects.get(codename="view_group"))


def give_group(account):
    from django.contrib.auth.models import Group, Permission

    group = Group.objects.create(name="helpers")
    group.permissions.add(Permission.objects.get(codename="view_group"))
    account.groups.add(group)


def give_permission_and_disable(account):
    give_permission(account)
    account.is_active = False


@pytest.fixture(
    params=[make_staff, make_superuser, give_permission, give_group, give_permission_and_disable],
    ids=lambda make: make.__name__,
)
def root(request, accounts):
    """An account with rights of one kind."""
    account = accounts.create(username="root", email="root@example.net")
    request.param(account)
    account.save()
    return account


@pytest.fixture
def ada(accounts):
    """An account without rights."""
    return accounts.create(username="ada")


def test_staff_cannot_link_an_account_with_rights(staff, root, identities):
    assert REFUSED in staff.add(root, 7).content
    assert not identities.exists()


def test_staff_can_link_and_unlink_an_account_without_rights(staff, ada, identities):
    assert staff.add(ada, 7).status_code == 302
    assert staff.delete(identities.get(account=ada, peeringdb_id=7)).status_code == 302
    assert not identities.exists()


def test_staff_cannot_give_an_identity_to_an_account_with_rights(staff, root, ada, identities):
    identity = identities.create(account=ada, peeringdb_id=7)
    assert REFUSED in staff.change(identity, root).content
    assert identities.get().account == ada


def test_staff_cannot_change_or_unlink_an_account_with_rights(staff, root, ada, identities):
    identity = identities.create(account=root, peeringdb_id=1)
    assert staff.change(identity, ada).status_code == 403
    assert staff.delete(identity).status_code == 403
    staff.delete_selected(identity)
    assert identities.get().account == root


def test_staff_can_look_at_the_identity_of_an_account_with_rights(staff, root, identities):
    identity = identities.create(account=root, peeringdb_id=1)
    page = staff.client.get(f"{URL}{identity.pk}/change/").content
    assert b"root" in page
    assert b'name="account"' not in page


def test_a_superuser_links_changes_and_unlinks_an_account_with_rights(
    superuser, root, ada, identities
):
    assert superuser.add(root, 1).status_code == 302
    assert superuser.change(identities.get(), ada).status_code == 302
    assert superuser.change(identities.get(), root).status_code == 302
    assert identities.get().account == root
    superuser.delete_selected(identities.get())
    assert not identities.exists()


def test_staff_without_permissions_for_identities_get_none(staff, ada, accounts, identities):
    identity = identities.create(account=ada, peeringdb_id=7)
    accounts.get(username="staff").user_permissions.clear()
    assert staff.change(identity, ada).status_code == 403
    assert staff.delete(identity).status_code == 403


def log_in(account, identities, user):
    """Log in as the person that an account is linked to; returns the account."""
    from django.contrib import auth

    identities.create(account=account, peeringdb_id=user.id)
    auth.authenticate(None, peeringdb_user=user)
    account.refresh_from_db()
    return account


EVE = User(
    id=7,
    name="Eve Other",
    given_name="Eve",
    family_name="Other",
    email="eve@example.net",
    verified_email=True,
)


def test_a_login_does_not_write_into_an_account_with_rights(root, identities):
    root.is_active = True
    root.set_unusable_password()
    root.save()
    account = log_in(root, identities, EVE)
    assert (account.email, account.first_name, account.last_name) == ("root@example.net", "", "")


def test_a_login_does_not_write_into_an_account_with_a_password(accounts, identities):
    """With its own address there, a person could ask for a new password."""
    local = accounts.create_user("local", "local@example.net", "password")
    account = log_in(local, identities, EVE)
    assert (account.email, account.first_name, account.last_name) == ("local@example.net", "", "")


def test_a_login_does_not_fill_the_empty_address_of_an_account_with_a_password(
    accounts, identities
):
    assert log_in(accounts.create_user("local", "", "password"), identities, EVE).email == ""
