"""Connecting PeeringDB to the account that is logged in, and disconnecting it."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

from urllib.parse import urlsplit

import pytest

from peeringdb_oauth import User

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
OURS = "peeringdb_oauth.integrations.django.backends.PeeringDBBackend"


@pytest.fixture
def accounts():
    from django.contrib.auth.models import User

    return User.objects


@pytest.fixture
def identities():
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    return PeeringDBIdentity.objects


@pytest.fixture
def root(accounts):
    """A superuser with a password, as ``createsuperuser`` makes one."""
    return accounts.create_superuser("root", "root@example.net", "password")


@pytest.fixture
def visitor(configure, make_visitor, root):
    """The superuser in a browser, logged in by password."""
    configure()
    visitor = make_visitor()
    visitor.client.force_login(root, backend=MODEL_BACKEND)
    return visitor


def go_through_peeringdb(visitor, person, query="", **choices):
    started = visitor.post(f"/connect/peeringdb{query}")
    assert started.status_code == 303, started.content
    parts = urlsplit(visitor.pdb.log_in(person, started["Location"], **choices))
    return f"{parts.path}?{parts.query}"


def connect(visitor, person, query=""):
    return visitor.get(go_through_peeringdb(visitor, person, query))


def logged_in(visitor):
    """Who is logged in to Django, and with which backend."""
    session = visitor.session
    return session.get("_auth_user_id"), session.get("_auth_user_backend")


def test_a_superuser_connects_their_account_and_keeps_it(
    visitor, root, accounts, identities, watch
):
    assert "root is not connected" in visitor.get("/connect/peeringdb").content.decode()
    answer = connect(visitor, "orgadmin")
    assert answer["Location"] == "/connect/peeringdb"
    identity = identities.get()
    assert identity.account == root
    assert accounts.count() == 1
    assert logged_in(visitor) == (str(root.pk), OURS)
    assert visitor.get("/me").status_code == 200
    assert (
        f"root is connected to {identity.name}" in visitor.get(answer["Location"]).content.decode()
    )
    root.refresh_from_db()
    assert (root.email, root.is_superuser, root.has_usable_password()) == (
        "root@example.net",
        True,
        True,
    )
    assert watch.kinds == ["connected", "logged_in"]


def test_the_next_login_is_in_the_connected_account(visitor, make_visitor, root, accounts):
    connect(visitor, "orgadmin")
    other = make_visitor()
    other.log_in("orgadmin")
    assert logged_in(other) == (str(root.pk), OURS)
    assert accounts.count() == 1


def test_the_browser_comes_back_to_the_page_it_came_from(visitor):
    assert connect(visitor, "orgadmin", "?next=/admin/")["Location"] == "/admin/"


def test_a_person_with_another_account_is_told_so_and_nothing_is_moved(
    visitor, make_visitor, root, identities, watch
):
    make_visitor().log_in("orgadmin")
    before = identities.get()
    answer = connect(visitor, "orgadmin")
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "This PeeringDB account belongs to another account here" in page
    assert f"{before.name} at PeeringDB has another account here" in page
    assert identities.get().account == before.account != root
    assert logged_in(visitor) == (str(root.pk), MODEL_BACKEND)
    assert watch.seen[-1][1]["event"].code == "connected_elsewhere"


def test_a_connected_account_cannot_have_a_second_person(visitor, root, identities):
    callback = go_through_peeringdb(visitor, "orgadmin")
    identities.create(account=root, peeringdb_id=999)  # meanwhile, by an administrator
    answer = visitor.get(callback)
    assert (answer.status_code, identities.get().peeringdb_id) == (409, 999)
    assert "connected to another PeeringDB account" in answer.content.decode()


def test_a_connected_account_gets_the_page_instead_of_another_connection(visitor, root, identities):
    identities.create(account=root, peeringdb_id=1)
    assert visitor.post("/connect/peeringdb").status_code == 200
    assert identities.get().peeringdb_id == 1


@pytest.mark.usefixtures("visitor")
def test_two_connections_at_the_same_moment_are_told_apart(root, accounts):
    """The other one is made between the look and the write."""
    from django.db import IntegrityError

    from peeringdb_oauth.errors import AccessDenied
    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    class Late(PeeringDBBackend):
        def update_account(self, account, user):
            if not PeeringDBIdentity.objects.exists():
                late.append(user)
                raise IntegrityError
            super().update_account(account, user)

        def _connect(self, account, user):
            if late:
                PeeringDBIdentity.objects.create(account=other, peeringdb_id=user.id)
            return super()._connect(account, user)

    late, other = [], accounts.create(username="other")
    with pytest.raises(AccessDenied) as denied:
        Late().connect(root, User(id=7))
    assert denied.value.reasons[0].code == "connected_elsewhere"


@pytest.mark.usefixtures("root")
def test_nobody_who_is_logged_out_connects(configure, make_visitor, identities):
    configure()
    visitor = make_visitor()
    for answer in (visitor.get("/connect/peeringdb"), visitor.post("/connect/peeringdb")):
        assert answer["Location"] == "/login/peeringdb?next=/connect/peeringdb"
    assert visitor.post("/disconnect/peeringdb").status_code == 302
    assert not identities.exists()


@pytest.mark.parametrize("path", ["/connect/peeringdb", "/disconnect/peeringdb"])
def test_a_form_of_another_site_is_refused(visitor, root, identities, path):
    if path.startswith("/dis"):
        identities.create(account=root, peeringdb_id=1)
    before = identities.count()
    assert visitor.post(path, token="forged").status_code == 403
    assert identities.count() == before


def test_another_account_that_logged_in_meanwhile_is_not_connected(visitor, accounts, identities):
    callback = go_through_peeringdb(visitor, "orgadmin")
    visitor.client.force_login(accounts.create(username="other"), backend=MODEL_BACKEND)
    answer = visitor.get(callback)
    assert (answer.status_code, identities.exists()) == (409, False)


def test_the_callback_of_an_attacker_connects_nothing(visitor, make_visitor, accounts, identities):
    attacker = make_visitor()
    attacker.client.force_login(accounts.create(username="eve"), backend=MODEL_BACKEND)
    answer = visitor.get(go_through_peeringdb(attacker, "member"))
    assert (answer.status_code, identities.exists()) == (400, False)


def test_an_account_that_is_disabled_meanwhile_is_not_connected(visitor, root, identities):
    callback = go_through_peeringdb(visitor, "orgadmin")
    type(root).objects.update(is_active=False)
    answer = visitor.get(callback)
    assert (answer.status_code, identities.exists()) == (409, False)  # nobody is logged in


def test_the_rule_counts_for_a_connection(visitor, identities, root):
    answer = connect(visitor, "unverified")
    assert (answer.status_code, identities.exists()) == (403, False)
    assert logged_in(visitor) == (str(root.pk), MODEL_BACKEND)


def test_the_projects_function_is_asked_and_can_refuse(
    configure, visitor, identities, root, accounts
):
    configure(ON_LOGIN="members_area.hooks.refuse")
    answer = connect(visitor, "orgadmin")
    assert (answer.status_code, identities.exists()) == (403, False)
    assert "The area is closed today" in answer.content.decode()
    assert accounts.get() == root


def test_without_our_backend_nobody_connects(configure, make_visitor, root, identities):
    configure(AUTHENTICATION_BACKENDS=[MODEL_BACKEND])
    visitor = make_visitor()
    visitor.client.force_login(root)
    answer = connect(visitor, "orgadmin")
    assert (answer.status_code, identities.exists()) == (403, False)
    identities.create(account=root, peeringdb_id=1)
    assert visitor.post("/disconnect/peeringdb").status_code == 409


def test_an_account_that_is_disabled_during_the_callback_is_not_connected(
    configure, visitor, identities
):
    """It is read once more, just before it is connected."""
    configure(AUTHENTICATION_BACKENDS=["members_area.hooks.Disabled", MODEL_BACKEND])
    answer = connect(visitor, "orgadmin")
    assert "Your account at this site is disabled" in answer.content.decode()
    assert not identities.exists()


@pytest.mark.usefixtures("visitor")
def test_what_is_connected_already_stays_connected(root, identities):
    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    for name in ("Ada", "Ada Admin"):
        PeeringDBBackend().connect(root, User(id=7, name=name))
    assert (identities.get().account, identities.get().name) == (root, "Ada Admin")


# --- disconnect -----------------------------------------------------------------------


@pytest.mark.parametrize("store", [None, "django"])
def test_disconnecting_ends_the_logins_with_peeringdb(
    configure, visitor, make_visitor, watch, store
):
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    if store:
        configure(SESSIONS=store)
    connect(visitor, "orgadmin")
    other = make_visitor()
    other.log_in("orgadmin")
    answer = visitor.post("/disconnect/peeringdb")
    assert (answer.status_code, answer["Location"]) == (303, "/")
    assert not PeeringDBIdentity.objects.exists()
    assert logged_in(visitor) == (None, None)
    assert "disconnected" in watch.kinds
    if store:
        assert other.get("/me").status_code == 302


def test_a_person_who_is_logged_in_by_password_stays(visitor, root, identities):
    identities.create(account=root, peeringdb_id=1)
    assert visitor.post("/disconnect/peeringdb")["Location"] == "/connect/peeringdb"
    assert logged_in(visitor) == (str(root.pk), MODEL_BACKEND)
    answer = visitor.post("/disconnect/peeringdb?next=/form")  # once more
    assert answer["Location"] == "/form"


def test_an_account_without_a_password_cannot_be_disconnected(configure, make_visitor, identities):
    configure()
    visitor = make_visitor()
    visitor.log_in("orgadmin")
    answer = visitor.post("/disconnect/peeringdb")
    assert (answer.status_code, identities.count()) == (409, 1)
    assert "Your account has no password" in answer.content.decode()
    assert logged_in(visitor)[1] == OURS


def test_without_another_backend_a_password_is_of_no_use(configure, accounts):
    from peeringdb_oauth.integrations.django.backends import PeeringDBBackend

    configure(AUTHENTICATION_BACKENDS=[OURS])
    account = accounts.create_user("local", password="password")
    assert not PeeringDBBackend().has_other_login(account)
