"""Who may see a view: decorators, the mixin, the middleware, and that the two halves of
a login end together.
"""
# ruff: noqa: PLC0415 - models can be imported when Django is set up

import asyncio

import pytest

from peeringdb_oauth import AccessRule, ConfigurationError, Permission

pytestmark = pytest.mark.server


@pytest.fixture
def person(pdb):
    """Somebody of the test's own, whose rights it changes."""
    return pdb.add_person("Net Admin", networks={64500: 15, 64501: 1})


@pytest.fixture
def guard():
    from peeringdb_oauth.integrations.django import guard

    return guard


KINDS = [
    "/named/64500",
    "/async/64500",
    "/class-async/64500",
    "/constant",
    "/class-constant",
    "/found/1",
    "/class-found/1",
]


@pytest.mark.parametrize("path", [*KINDS, "/text/64500", "/class/64500"])
def test_a_network_of_ones_own(visitor, person, path):
    assert visitor.get(path)["Location"] == f"/login/peeringdb?next={path}"
    visitor.log_in(person.login)
    assert visitor.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/named/64511", "/async/64511", "/class-async/64511", "/text/64511", "/class/64511"],
)
def test_a_network_of_somebody_elses(visitor, person, path):
    visitor.log_in(person.login)
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert b"You are not affiliated with AS64511 at PeeringDB" in answer.content
    assert visitor.get("/me").status_code == 200, "which is no reason to end the login"


@pytest.mark.parametrize("path", ["/constant", "/class-constant", "/found/1", "/class-found/1"])
def test_none_of_the_networks_that_a_view_names(visitor, path):
    visitor.log_in("nonets")
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert b"ou are not affiliated with" in answer.content


@pytest.mark.parametrize(
    "path",
    ["/found/9", "/class-found/9", "/text/AS64500", "/text/064500", "/text/-1"],
)
def test_what_is_no_number_is_nobodys(visitor, person, path):
    visitor.log_in(person.login)
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert b"not an AS number" in answer.content


@pytest.mark.parametrize("path", ["/text/64501", "/class/64501"])
def test_reading_is_not_changing(visitor, person, path):
    visitor.log_in(person.login)
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert b"AS64501: you may read this network but not update it" in answer.content


def test_the_right_to_manage_sessions(visitor, pdb):
    person = pdb.add_person("No Sessions", networks={64500: 15}, manage_peering_sessions=1)
    visitor.log_in(person.login)
    assert b"you may not manage its peering sessions" in visitor.get("/edit/64500").content
    pdb.change(person.login, networks={64500: 15}, manage_peering_sessions=15)
    visitor.log_in(person.login)
    assert visitor.get("/edit/64500").content == b"changed AS64500"


@pytest.mark.parametrize("path", ["/mfa", "/class-mfa/64500"])
def test_a_second_factor(visitor, path):
    visitor.log_in("orgadmin", second_factor="backup")
    assert visitor.get(path)["Location"] == f"/login/peeringdb?next={path}&prompt=login"
    visitor.log_in("orgadmin", "?prompt=login")
    assert visitor.get(path).status_code == 200


def test_a_view_may_ask_peeringdb_again(visitor, person, pdb, watch):
    visitor.log_in(person.login)
    pdb.change(person.login, networks={64500: 1})
    assert visitor.get("/named/64501").status_code == 200, "PeeringDB's word counts for the login"
    assert visitor.get("/text/64500").status_code == 403
    assert visitor.get("/named/64501").status_code == 403, "and its newer word for everybody"
    assert watch.kinds[:2] == ["logged_in", "rights_changed"]


def test_changed_rights_are_remembered(visitor, person, pdb):
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    visitor.log_in(person.login)
    pdb.change(person.login, networks={64510: 3})
    assert visitor.get("/fresh").json() == {"asns": [64510]}
    identity = PeeringDBIdentity.objects.get(peeringdb_id=person.id)
    assert [(network.asn, int(network.perms)) for network in identity.to_user().networks] == [
        (64510, 3),
    ]


def test_an_unlinked_account_has_nothing_to_remember(visitor, person, pdb):
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    visitor.log_in(person.login)
    PeeringDBIdentity.objects.all().delete()
    pdb.change(person.login, networks={})
    assert visitor.get("/fresh").json() == {"asns": []}
    assert not PeeringDBIdentity.objects.exists()


def test_a_login_that_peeringdb_ended_ends_in_djangos_eyes_too(visitor, person, pdb):
    visitor.log_in(person.login)
    pdb.revoke_tokens(person.login)
    assert visitor.get("/account").status_code == 200, "nobody has told us yet"
    answer = visitor.get("/fresh")
    assert answer.status_code == 403
    assert b"Your login has ended" in answer.content
    assert visitor.session == {}
    assert visitor.get("/account").status_code == 302


def test_who_is_not_let_in_any_more_is_out_everywhere(visitor, person, pdb):
    visitor.log_in(person.login)
    pdb.change(person.login, verified_user=False)
    answer = visitor.get("/fresh")
    assert b"PeeringDB has not verified your account" in answer.content
    assert visitor.get("/account").status_code == 302


def test_who_is_out_is_out_on_the_page_that_says_so(configure, make_visitor, person, pdb, tmp_path):
    (tmp_path / "peeringdb_oauth").mkdir()
    (tmp_path / "peeringdb_oauth" / "failure.html").write_text(
        "{{ user.username|default:'nobody' }}: {{ page.title }}",
    )
    settings = configure()
    configure(
        TEMPLATES=[settings.TEMPLATES[0] | {"DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}],
    )
    for path in ("/checks-itself/64500", "/fresh"):
        visitor = make_visitor()
        visitor.log_in(person.login)
        pdb.revoke_tokens(person.login)
        assert visitor.get(path).content == b"nobody: Your login has ended"


def test_a_stricter_rule_counts_for_who_is_there(configure, visitor):
    visitor.log_in("member")
    configure(RULE=AccessRule(asn=64510))
    assert visitor.get("/me").status_code == 403
    assert visitor.get("/account").status_code == 302


def test_an_outage_ends_nothing(visitor, pdb):
    visitor.log_in("member")
    pdb.fault("error_500", path="/profile/v1", times=1)
    answer = visitor.get("/fresh")
    assert answer.status_code == 502
    assert b"PeeringDB is not available" in answer.content
    assert visitor.get("/fresh").status_code == 200


def test_a_login_ends_with_its_token_also_where_only_django_is_asked(clocked, make_visitor, watch):
    visitor = make_visitor()
    visitor.log_in("member")
    clocked.ahead = 35_900
    assert visitor.get("/account").status_code == 200
    clocked.ahead = 36_010
    assert visitor.get("/account").status_code == 302
    assert visitor.session == {}
    assert watch.kinds == ["logged_in", "logged_out"]


def test_without_the_middleware_it_ends_where_it_is_asked_for(clocked, make_visitor):
    from django.conf import settings
    from django.test import override_settings

    with override_settings(
        MIDDLEWARE=[one for one in settings.MIDDLEWARE if "PeeringDB" not in one],
    ):
        visitor = make_visitor()
        visitor.log_in("member")
        clocked.ahead = 36_010
        assert visitor.get("/account").status_code == 200
        assert visitor.get("/checks-itself/64500").content == b"nobody"
        assert visitor.get("/account").status_code == 302


@pytest.mark.parametrize(
    "path",
    ["/me", "/named/64500", "/async/64500", "/class/64500", "/account"],
)
def test_a_disabled_account_is_out_at_once(visitor, path):
    from django.contrib.auth.models import User

    visitor.log_in("orgadmin")
    assert visitor.get(path).status_code == 200
    User.objects.update(is_active=False)
    assert visitor.get(path).status_code == 302
    assert visitor.session == {}


def test_a_disabled_account_is_out_without_the_middleware_too(configure, make_visitor):
    from django.contrib.auth.models import User

    settings = configure()
    configure(MIDDLEWARE=[one for one in settings.MIDDLEWARE if "PeeringDB" not in one])
    visitor = make_visitor()
    visitor.log_in("member")
    User.objects.update(is_active=False)
    assert visitor.get("/checks-itself/64500").content == b"nobody"
    visitor.log_in("orgadmin")
    User.objects.update(is_active=False)
    assert visitor.get("/named/64500").status_code == 302


def test_django_logins_of_other_backends_are_none_of_our_business(visitor):
    from django.contrib.auth.models import User

    visitor.client.force_login(
        User.objects.create(username="local"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    assert visitor.get("/account").json() == {"username": "local"}
    assert visitor.get("/me").status_code == 302, "and none of PeeringDB's"
    assert visitor.get("/account").status_code == 200


def test_a_django_login_by_our_backend_is_none_without_peeringdb(visitor):
    from django.contrib.auth.models import User

    backend = "peeringdb_oauth.integrations.django.backends.PeeringDBBackend"
    visitor.client.force_login(User.objects.create(username="made-up"), backend=backend)
    assert visitor.get("/account").status_code == 302


def test_a_backend_that_is_gone_is_none(configure, visitor):
    visitor.log_in("member")
    configure(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"])
    assert visitor.get("/account").status_code == 302
    assert visitor.session == {}


def test_another_account_in_the_same_session_has_nothing_of_the_first(visitor):
    from django.contrib.auth.models import User

    User.objects.create(username="other")
    visitor.log_in("member")
    assert visitor.get("/become/other").content == b"other"
    assert visitor.get("/account").json() == {"username": "other"}
    assert visitor.get("/me").status_code == 302


def test_who_has_no_session_costs_none(visitor):
    """Pages for everybody can be cached for everybody."""
    assert "Vary" not in visitor.get("/plain")


def test_a_view_may_check_by_itself(visitor, person, watch):
    assert visitor.get("/checks-itself/64500").content == b"nobody"
    visitor.log_in(person.login)
    assert visitor.get("/checks-itself/64500").content == b"yes"
    watch.seen.clear()
    answer = visitor.get("/checks-itself/64501")
    assert answer.status_code == 403
    assert b"AS64501: you may read this network but not update it" in answer.content
    assert [(kind, sent["user"].id) for kind, sent in watch.seen] == [("login_refused", person.id)]


def test_other_errors_are_the_projects_own(visitor):
    with pytest.raises(LookupError):
        visitor.get("/crash")


def test_a_wrong_setting_is_for_djangos_error_report(configure, make_visitor):
    configure(REDIRECT_URI="http://localhost/elsewhere")
    with pytest.raises(ConfigurationError, match="must end in /login/peeringdb/callback"):
        make_visitor().get("/login/peeringdb")


def test_a_form_needs_djangos_token(visitor, person):
    visitor.log_in(person.login)
    assert visitor.post("/edit/64500", token="wrong" * 8).status_code == 403
    assert visitor.post("/edit/64500").content == b"changed AS64500"


def test_a_form_that_django_lets_pass_is_not_refused_by_us(visitor, person):
    visitor.log_in(person.login)
    assert (
        visitor.post("/edit/64500", **{"sec-fetch-site": "same-site"}).content == b"changed AS64500"
    ), "a trusted origin, say"


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("cross-site", 403), ("same-site", 403), ("none", 403)],
)
def test_what_django_does_not_check_we_do(visitor, person, site, status):
    visitor.log_in(person.login)
    answer = visitor.post("/exempt/64500", token="wrong" * 8, **{"sec-fetch-site": site})
    assert answer.status_code == status
    if status == 403:
        assert b"This form cannot be accepted" in answer.content


def test_a_form_of_an_old_browser_where_django_does_not_check(visitor, person):
    visitor.log_in(person.login)
    assert visitor.post("/exempt/64500").status_code == 403


def test_djangos_test_client_needs_no_token(configure, pdb):
    """Unless it is told so: a project's tests post without one."""
    from django.test import Client

    configure()
    client = Client(SERVER_NAME="localhost")
    url = client.get("/login/peeringdb")["Location"]
    client.get(pdb.log_in("orgadmin", url))
    assert client.post("/edit/64500").content == b"changed AS64500"


@pytest.mark.usefixtures("visitor")
def test_djangos_async_client(person, pdb):
    from django.test import AsyncClient

    client = AsyncClient()

    async def log_in_and_look():
        answer = await client.get("/login/peeringdb")
        parts = pdb.log_in(person.login, answer["Location"]).removeprefix("http://localhost")
        assert (await client.get(parts)).status_code == 302
        return [
            (await client.get(path)).status_code for path in ("/async/64500", "/async/64511", "/me")
        ]

    assert asyncio.run(log_in_and_look()) == [200, 403, 200]


def test_a_view_without_the_argument_is_found_out_at_once(guard):
    def view(request, network):
        """Never seen."""

    with pytest.raises(
        ConfigurationError,
        match=r"view has no argument 'asn' for the AS number",
    ):
        guard.require_asn("asn")(view)


def test_an_url_without_the_argument_is_found_out_by_the_first_visitor(visitor):
    visitor.log_in("member")
    with pytest.raises(
        ConfigurationError,
        match="there is no 'asn' among the URL arguments of /missing",
    ):
        visitor.get("/missing")


@pytest.mark.parametrize(
    "arguments",
    [
        {"asn": "asn", "perms": 2},
        {"asn": 0},
        {"asn": []},
        {"asn": None},
        {"asn": "asn", "mfa": "yes"},
    ],
)
def test_a_wrong_argument_is_found_out_at_once(guard, arguments):
    with pytest.raises(ConfigurationError):
        guard.require_asn(**arguments)


def test_a_wrong_attribute_is_found_out_at_once():
    from peeringdb_oauth.integrations.django import RequireASNMixin

    with pytest.raises(ConfigurationError, match="perms"):
        type("Wrong", (RequireASNMixin,), {"perms": 2})


def test_a_mixin_that_protects_nothing_is_found_out_at_once():
    from django.views import View

    from peeringdb_oauth.integrations.django import RequireASNMixin

    with pytest.raises(ConfigurationError, match="must come before"):
        type("Wrong", (View, RequireASNMixin), {})
    assert type("Right", (RequireASNMixin, View), {})


def test_nothing_is_looked_for_on_behalf_of_strangers(configure, guard):
    from django.contrib.auth.models import AnonymousUser
    from django.contrib.sessions.backends.db import SessionStore
    from django.http import HttpResponse
    from django.test import RequestFactory
    from django.views import View

    from peeringdb_oauth.integrations.django import RequireASNMixin

    configure()
    looked = []

    class Named(RequireASNMixin, View):
        def get(self, _):
            return HttpResponse("open")

    class Found(Named):
        def get_asn(self):
            looked.append("mixin")

    class OneOfOurs(Found):
        asn = (64500,)

    views = [
        Found.as_view(),
        OneOfOurs.as_view(),
        Named.as_view(get_asn=lambda: looked.append("argument")),
    ]
    for view in (*views, guard.require_asn(looked.append)(lambda _: HttpResponse("open"))):
        request = RequestFactory().get("/x", headers={"Accept": "text/html"})
        request.session, request.user = SessionStore(), AnonymousUser()
        assert view(request).status_code == 302
    assert looked == []


def test_get_asn_may_ask_the_function_that_it_replaces(visitor, person):
    from django.http import HttpResponse
    from django.test import RequestFactory
    from django.views import View

    from peeringdb_oauth.integrations.django import RequireASNMixin

    class Found(RequireASNMixin, View):
        asn = staticmethod(lambda request: {"/mine": 64500, "/theirs": 64511}.get(request.path))

        def get(self, _):
            return HttpResponse("open")

    class Same(Found):
        def get_asn(self):
            return super().get_asn()

    visitor.log_in(person.login)
    for view in (Found.as_view(), Same.as_view()):
        for path, status in [("/mine", 200), ("/theirs", 403), ("/nothing", 403)]:
            request = RequestFactory().get(path)
            request.session, request.user = visitor.client.session, _account(person)
            assert view(request).status_code == status


def test_what_accounts_must_have_the_logins_rule_says(configure, make_visitor):
    configure(RULE=AccessRule(verified_user=False, verified_email=False))
    visitor = make_visitor()
    visitor.log_in("emailunconf", second_factor="")
    assert visitor.get("/named/64500").status_code == 200


def test_methods_can_be_decorated(visitor, person, guard):
    from django.http import HttpResponse
    from django.test import RequestFactory
    from django.utils.decorators import method_decorator
    from django.views.generic import View

    class Some(View):
        @method_decorator(guard.require_asn("asn", perms=Permission.UPDATE))
        def get(self, _request, asn):
            return HttpResponse(f"AS{asn}")

    visitor.log_in(person.login)
    request = RequestFactory().get("/")
    request.session, request.user = visitor.client.session, _account(person)
    assert Some.as_view()(request, asn=64500).content == b"AS64500"
    assert Some.as_view()(request, asn=64501).status_code == 403


def _account(person):
    from django.contrib.auth.models import User

    return User.objects.get(peeringdb_identity__peeringdb_id=person.id)


def test_the_public_names_are_there():
    from peeringdb_oauth.integrations import django

    assert [getattr(django, name).__name__ for name in django.__all__] == django.__all__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        django.nothing  # noqa: B018
