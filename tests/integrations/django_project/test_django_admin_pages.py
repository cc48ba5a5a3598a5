"""The login page of Django's admin, and what its pages show of an identity."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

import os
import re
import subprocess
import sys

import pytest

from peeringdb_oauth import Network, Permission, User

BUTTON = 'href="/login/peeringdb?next=/admin/"'
ADMIN = "/admin/peeringdb_oauth/peeringdbidentity/"


def text_of(answer):
    return answer.content.decode()


@pytest.fixture
def root(configure):
    from django.contrib.auth.models import User
    from django.test import Client

    configure()
    root = User.objects.create_superuser("root")
    client = Client(SERVER_NAME="localhost")
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return root, client


# --- the login page -------------------------------------------------------------------


def test_staff_log_in_to_the_admin_with_peeringdb(visitor):
    from django.contrib.auth.models import User

    page = text_of(visitor.get("/admin/login/?next=/admin/"))
    assert BUTTON in page
    assert "Log in with PeeringDB" in page
    visitor.log_in("orgadmin")
    User.objects.update(is_staff=True)
    assert visitor.log_in("orgadmin", "?next=/admin/")["Location"] == "/admin/"
    assert visitor.get("/admin/").status_code == 200


def test_the_button_leads_to_the_page_that_was_asked_for(visitor):
    asked = visitor.get("/admin/auth/user/?q=a&p=2")
    page = text_of(visitor.get(asked["Location"]))
    assert 'href="/login/peeringdb?next=/admin/auth/user/%3Fq%3Da%26p%3D2"' in page


def test_a_person_without_staff_rights_reads_so_and_does_not_go_round(visitor):
    assert visitor.log_in("orgadmin", "?next=/admin/")["Location"] == "/admin/"
    denied = visitor.get("/admin/")
    assert denied["Location"] == "/admin/login/?next=/admin/"
    answer = visitor.get(denied["Location"])
    page = text_of(answer)
    assert answer.status_code == 200
    assert "This account has no staff rights here." in page
    assert BUTTON not in page
    assert 'href="/login/peeringdb?prompt=select_account&amp;next=/admin/"' in page


def test_an_admin_that_sends_people_to_our_login_does_not_go_round(visitor):
    """As with ``path("admin/login/", RedirectView(...))``, which projects write."""
    visitor.log_in("orgadmin", "?next=/admin/")
    answer = visitor.get("/login/peeringdb?next=/admin/")
    assert (answer.status_code, "You are logged in as" in text_of(answer)) == (403, True)


def test_without_a_configured_login_the_page_has_no_button(visitor, configure):
    configure(ROOT_URLCONF="members_area.urls_admin_only")
    page = text_of(visitor.get("/admin/login/"))
    assert 'name="password"' in page
    assert "PeeringDB" not in page


def test_a_template_without_a_request_gets_no_context():
    from django.template import engines

    template = "{% load peeringdb_oauth %}{% peeringdb_page as page %}{{ page }}"
    assert engines["django"].from_string(template).render() == "None"


@pytest.mark.parametrize(
    ("admin", "templates"),
    [
        ("django.contrib.admin", "peeringdb_oauth/admin_login.html own.html"),
        (None, "None own.html"),
    ],
)
def test_a_site_with_a_login_template_of_its_own_keeps_it(measured, admin, templates):
    script = f"""
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
    *filter(None, [{admin!r}]), "peeringdb_oauth.integrations.django"])
django.setup()
from django.contrib.admin import AdminSite
class Own(AdminSite):
    login_template = "own.html"
print(AdminSite("one").login_template, Own("two").login_template)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | measured,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == templates


# --- what is shown of an identity -----------------------------------------------------


def identity_with(account, **bits):
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    identity = PeeringDBIdentity(account=account, peeringdb_id=7)
    networks = tuple(
        Network(id=asn, asn=asn, name=f"Net {asn}", perms=Permission(1), **bits)
        for asn in range(64496, 64503)
    )
    identity.refresh(User(id=7, name="Ada Admin", networks=networks))
    return identity


def test_the_list_shows_the_first_networks_of_a_person(root):
    account, client = root
    identity_with(account)
    page = text_of(client.get(ADMIN))
    assert "AS64496, AS64497, AS64498, AS64499, AS64500 and 2 more" in page
    assert 'href="/connect/peeringdb?next=/admin/peeringdb_oauth/peeringdbidentity/"' in page


def test_the_list_shows_a_few_networks_and_none(root):
    account, client = root
    identity = identity_with(account)
    identity.networks.filter(asn__gt=64497).delete()
    assert re.search(r">AS64496, AS64497<", text_of(client.get(ADMIN)))
    identity.networks.all().delete()
    assert "AS64" not in text_of(client.get(ADMIN))


def test_the_list_asks_for_all_networks_at_once(root, django_queries):
    from django.contrib.auth.models import User as Account

    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    account, client = root
    identity_with(account)
    one = django_queries(lambda: client.get(ADMIN))
    for number in range(5):
        other = Account.objects.create(username=f"other-{number}")
        PeeringDBIdentity.objects.create(account=other, peeringdb_id=100 + number)
    assert django_queries(lambda: client.get(ADMIN)) == one


@pytest.fixture
def django_queries():
    """``django_queries(function)``: how many queries a function makes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count(function):
        with CaptureQueriesContext(connection) as queries:
            assert function().status_code == 200
        return len(queries)

    return count


@pytest.mark.parametrize(
    ("sessions", "shown"),
    [
        ({"manage_peering_sessions": Permission(15)}, "read, update, create, delete"),
        ({"manage_peering_sessions": Permission(0)}, "nothing"),
        ({}, "unknown"),
    ],
)
def test_the_page_says_rights_in_words(root, sessions, shown):
    account, client = root
    identity = identity_with(account, **sessions)
    page = text_of(client.get(f"{ADMIN}{identity.pk}/change/"))
    assert re.search(r'field-rights">\s*<p>read</p>', page)
    assert re.search(rf'field-session_rights">\s*<p>{shown}</p>', page)
    assert "As of the last login, or of the last time that PeeringDB was asked." in page


def test_the_form_for_a_new_identity_says_what_the_number_is(root):
    _, client = root
    page = text_of(client.get(f"{ADMIN}add/"))
    assert "number for the person. The audit log names it at each login" in page
    assert "What PeeringDB says" not in page
