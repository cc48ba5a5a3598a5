"""The tables, their migrations, where templates are found, and the admin."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

import io
from pathlib import Path

import pytest

from peeringdb_oauth.web import STYLE_SHEET, TEMPLATES


@pytest.fixture
def admin(configure):
    """A browser that is logged in to the admin as a superuser."""
    from django.contrib.auth.models import User
    from django.test import Client

    configure()
    client = Client(SERVER_NAME="localhost")
    root = User.objects.create(username="root", is_staff=True, is_superuser=True)
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def models():
    from peeringdb_oauth.integrations.django import models

    return models


@pytest.fixture
def identity(models):
    from django.contrib.auth.models import User

    account = User.objects.create(username="ada")
    identity = models.PeeringDBIdentity.objects.create(
        account=account, peeringdb_id=7, name="Ada Admin", email="ada@example.net"
    )
    identity.networks.create(
        network_id=1, asn=64500, name="Example Net One", perms=3, manage_peering_sessions=None
    )
    return identity


def test_no_migration_is_missing(configure):
    from django.core.management import call_command

    configure()
    call_command(
        "makemigrations", "peeringdb_oauth", check=True, dry_run=True, stdout=io.StringIO()
    )


def test_new_migrations_are_written_beside_the_models():
    """The path of the application is elsewhere: it leads to the templates."""
    from django.db.migrations import Migration
    from django.db.migrations.writer import MigrationWriter

    import peeringdb_oauth.integrations.django as package

    path = MigrationWriter(Migration("0002_next", "peeringdb_oauth")).path
    assert Path(path) == Path(package.__file__).parent / "migrations" / "0002_next.py"


def test_primary_keys_do_not_depend_on_the_settings_of_the_project(models):
    assert [
        type(model._meta.pk).__name__
        for model in (models.PeeringDBIdentity, models.PeeringDBNetwork)
    ] == ["BigAutoField"] * 2


def test_the_templates_are_those_of_the_web_package():
    from django.template.loader import get_template

    for name in (
        "page.html",
        "failure.html",
        "other_account.html",
        "login_button.html",
        "logout_button.html",
        "style.html",
    ):
        assert (
            Path(get_template(f"peeringdb_oauth/{name}").origin.name)
            == TEMPLATES / "peeringdb_oauth" / name
        )


def test_the_style_sheet_is_a_file_of_the_site():
    from django.test import Client

    answer = Client().get("/login/peeringdb/style.css")
    assert (answer.status_code, answer.content.decode()) == (200, STYLE_SHEET)
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"


def test_django_finds_templates_and_a_command_in_the_path_of_the_application():
    from django.apps import apps
    from django.core.management import get_commands, load_command_class

    path = Path(apps.get_app_config("peeringdb_oauth").path)
    looked_for = {"fixtures", "locale", "management", "static", "templates"}
    assert {item.name for item in path.iterdir()} & looked_for == {"management", "templates"}
    [name] = [name for name, app in get_commands().items() if "peeringdb" in app]
    assert "end the sessions" in load_command_class(get_commands()[name], name).help


def test_a_person_has_each_network_once(identity):
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError), transaction.atomic():
        identity.networks.create(network_id=1, asn=64500, perms=1)


def test_an_account_belongs_to_one_person_and_a_person_to_one_account(identity, models):
    from django.contrib.auth.models import User
    from django.db import IntegrityError, transaction

    other = User.objects.create(username="other")
    for account, number in ((identity.account, 8), (other, 7)):
        with pytest.raises(IntegrityError), transaction.atomic():
            models.PeeringDBIdentity.objects.create(account=account, peeringdb_id=number)


def test_deleting_an_account_deletes_its_identity_and_networks(identity, models):
    identity.account.delete()
    assert not models.PeeringDBIdentity.objects.exists()
    assert not models.PeeringDBNetwork.objects.exists()


def test_identities_and_networks_have_readable_names(identity, models):
    assert [
        str(identity),
        str(models.PeeringDBIdentity(peeringdb_id=8)),
        str(identity.networks.get()),
    ] == ["Ada Admin (7)", "PeeringDB user (8)", "AS64500 Example Net One"]


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize("query", ["ada", "7", "64500"])
def test_the_admin_finds_people_by_name_number_and_network(admin, query):
    page = admin.get("/admin/peeringdb_oauth/peeringdbidentity/", {"q": query}).content.decode()
    assert "1 PeeringDB identity" in page
    assert "Ada Admin" in page


def test_the_admin_cannot_change_what_peeringdb_says(admin, identity):
    url = f"/admin/peeringdb_oauth/peeringdbidentity/{identity.pk}/change/"
    page = admin.get(url).content.decode()
    assert "Example Net One" in page
    assert [
        name
        for name in (
            "peeringdb_id",
            "email",
            "verified_user",
            "networks-0-perms",
            "networks-0-DELETE",
        )
        if f'name="{name}"' in page
    ] == []
    form = {"account": identity.account.pk, "name": "Eve", "peeringdb_id": 9} | _inline(networks=0)
    assert admin.post(url, form).status_code == 302
    identity.refresh_from_db()
    assert (identity.name, identity.peeringdb_id) == ("Ada Admin", 7)


def test_the_admin_links_and_unlinks_an_account(admin, identity, models):
    from django.contrib.auth.models import User

    account = User.objects.create(username="bob")
    url = "/admin/peeringdb_oauth/peeringdbidentity/"
    assert b'name="peeringdb_id"' in admin.get(f"{url}add/").content
    assert (
        admin.post(
            f"{url}add/", {"account": account.pk, "peeringdb_id": 8} | _inline(networks=0)
        ).status_code
        == 302
    )
    assert account.peeringdb_identity.peeringdb_id == 8
    assert (
        admin.post(f"{url}{account.peeringdb_identity.pk}/delete/", {"post": "yes"}).status_code
        == 302
    )
    assert models.PeeringDBIdentity.objects.get() == identity


def _inline(*, networks):
    return {"networks-TOTAL_FORMS": networks, "networks-INITIAL_FORMS": networks}
