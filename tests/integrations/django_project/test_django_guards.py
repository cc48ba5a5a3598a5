"""Guarded views, and the two parts of a login, which end together."""
# ruff: noqa: PLC0415 - models can be imported when Django is set up

import asyncio

import pytest

from peeringdb_oauth import AccessRule, ConfigurationError, Permission


@pytest.fixture
def person(pdb):
    """A person whose rights the test can change."""
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
def test_a_user_with_the_rights_sees_the_view(visitor, person, path):
    assert visitor.get(path)["Location"] == f"/login/peeringdb?next={path}"
    visitor.log_in(person.login)
    assert visitor.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/named/64511", "/async/64511", "/class-async/64511", "/text/64511", "/class/64511"]
)
def test_a_network_of_other_people_is_refused(visitor, person, path):
    visitor.log_in(person.login)
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert b"You are not affiliated with AS64511 at PeeringDB" in answer.content
    assert visitor.get("/me").status_code == 200, "which is no reason to end the login"


@pytest.mark.parametrize("path", ["/constant", "/class-constant", "/found/1", "/class-found/1"])
def test_a_user_of_other_networks_than_the_view_names_is_refused(visitor, path):
    visitor.log_in("nonets")
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert b"ou are not affiliated with" in answer.content


@pytest.mark.parametrize(
    "path", ["/found/9", "/class-found/9", "/text/AS64500", "/text/064500", "/text/-1"]
)
def test_anything_but_an_as_number_is_refused(visitor, person, path):
    visitor.log_in(person.login)
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert b"not an AS number" in answer.content


@pytest.mark.parametrize("path", ["/text/64501", "/class/64501"])
def test_permission_to_read_is_not_permission_to_update(visitor, person, path):
    visitor.log_in(person.login)
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert b"AS64501: you may read this network but not update it" in answer.content


def test_permission_to_manage_sessions(visitor, pdb):
    person = pdb.add_person("No Sessions", networks={64500: 15}, manage_peering_sessions=1)
    visitor.log_in(person.login)
    assert b"you may not manage its peering sessions" in visitor.get("/edit/64500").content
    pdb.change(person.login, networks={64500: 15}, manage_peering_sessions=15)
    visitor.log_in(person.login)
    assert visitor.get("/edit/64500").content == b"changed AS64500"


@pytest.mark.parametrize("path", ["/mfa", "/class-mfa/64500"])
def test_a_second_factor_is_asked_for(visitor, path):
    visitor.log_in("orgadmin", second_factor="backup")
    assert visitor.get(path)["Location"] == f"/login/peeringdb?next={path}&prompt=login"
    visitor.log_in("orgadmin", "?prompt=login")
    assert visitor.get(path).status_code == 200


def test_max_age_of_zero_asks_for_the_rights_of_now(visitor, person, pdb, watch):
    visitor.log_in(person.login)
    pdb.change(person.login, networks={64500: 1})
    assert visitor.get("/named/64501").status_code == 200, "the last answer counts for the login"
    assert visitor.get("/text/64500").status_code == 403
    assert visitor.get("/named/64501").status_code == 403, "and a newer answer counts everywhere"
    assert watch.kinds[:2] == ["logged_in", "rights_changed"]


def test_changed_rights_are_saved(visitor, person, pdb):
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    visitor.log_in(person.login)
    pdb.change(person.login, networks={64510: 3})
    assert visitor.get("/fresh").json() == {"asns": [64510]}
    identity = PeeringDBIdentity.objects.get(peeringdb_id=person.id)
    assert [(network.asn, int(network.perms)) for network in identity.to_user().networks] == [
        (64510, 3)
    ]


def test_changed_rights_of_an_account_without_identity_are_not_saved(visitor, person, pdb):
    from peeringdb_oauth.integrations.django.models import PeeringDBIdentity

    visitor.log_in(person.login)
    PeeringDBIdentity.objects.all().delete()
    pdb.change(person.login, networks={})
    assert visitor.get("/fresh").json() == {"asns": []}
    assert not PeeringDBIdentity.objects.exists()


def test_the_login_of_django_ends_when_peeringdb_has_ended_its_token(visitor, person, pdb):
    visitor.log_in(person.login)
    pdb.revoke_tokens(person.login)
    assert visitor.get("/account").status_code == 200, "nobody has told us yet"
    answer = visitor.get("/fresh")
    assert answer.status_code == 401
    assert b"Your login has ended" in answer.content
    assert visitor.session == {}
    assert visitor.get("/account").status_code == 302


def test_the_login_of_django_ends_when_the_rule_no_longer_lets_the_user_in(visitor, person, pdb):
    visitor.log_in(person.login)
    pdb.change(person.login, verified_user=False)
    answer = visitor.get("/fresh")
    assert b"PeeringDB has not verified your account" in answer.content
    assert visitor.get("/account").status_code == 302


def test_the_failure_page_already_shows_nobody_as_logged_in(
    configure, make_visitor, person, pdb, tmp_path
):
    (tmp_path / "peeringdb_oauth").mkdir()
    (tmp_path / "peeringdb_oauth" / "failure.html").write_text(
        "{{ user.username|default:'nobody' }}: {{ page.title }}"
    )
    settings = configure()
    configure(
        TEMPLATES=[settings.TEMPLATES[0] | {"DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
    )
    for path in ("/checks-itself/64500", "/fresh"):
        visitor = make_visitor()
        visitor.log_in(person.login)
        pdb.revoke_tokens(person.login)
        assert visitor.get(path).content == b"nobody: Your login has ended"


def test_a_stricter_rule_ends_the_login(configure, visitor):
    visitor.log_in("member")
    configure(RULE=AccessRule(asn=64510))
    assert visitor.get("/me").status_code == 403
    assert visitor.get("/account").status_code == 302


def test_an_outage_ends_no_login(visitor, pdb):
    visitor.log_in("member")
    pdb.fault("error_500", path="/profile/v1", times=1)
    answer = visitor.get("/fresh")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert b"PeeringDB is not available" in answer.content
    assert visitor.get("/fresh").status_code == 200


def test_the_login_of_django_ends_with_the_token(clocked, make_visitor, watch):
    """Nothing refreshes a token that lies in Django's session."""
    clocked.use(SESSION_POLICY={"idle_timeout": None})
    visitor = make_visitor()
    visitor.log_in("member")
    clocked.ahead = 35_900
    assert visitor.get("/account").status_code == 200
    clocked.ahead = 36_010
    assert visitor.get("/account").status_code == 302
    assert visitor.session == {}
    assert watch.kinds == ["logged_in", "session_ended"]
    assert watch.seen[1][1]["event"].reason == "max_age"


def test_without_the_middleware_the_login_of_django_ends_at_the_first_check(clocked, make_visitor):
    from django.conf import settings
    from django.test import override_settings

    with override_settings(
        MIDDLEWARE=[one for one in settings.MIDDLEWARE if "PeeringDB" not in one]
    ):
        visitor = make_visitor()
        visitor.log_in("member")
        clocked.ahead = 36_010
        assert visitor.get("/account").status_code == 200
        assert visitor.get("/checks-itself/64500").content == b"nobody"
        assert visitor.get("/account").status_code == 302


@pytest.mark.parametrize(
    "path", ["/me", "/named/64500", "/async/64500", "/class/64500", "/account"]
)
def test_a_disabled_account_is_logged_out_at_once(visitor, path):
    from django.contrib.auth.models import User

    visitor.log_in("orgadmin")
    assert visitor.get(path).status_code == 200
    User.objects.update(is_active=False)
    assert visitor.get(path).status_code == 302
    assert visitor.session == {}


def test_a_disabled_account_is_logged_out_without_the_middleware_too(configure, make_visitor):
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


def test_a_login_by_another_backend_is_left_as_it_is(visitor):
    from django.contrib.auth.models import User

    visitor.client.force_login(
        User.objects.create(username="local"), backend="django.contrib.auth.backends.ModelBackend"
    )
    assert visitor.get("/account").json() == {"username": "local"}
    assert visitor.get("/me").status_code == 302, "and none of PeeringDB's"
    assert visitor.get("/account").status_code == 200


def test_a_login_by_our_backend_ends_without_a_login_at_peeringdb(visitor):
    from django.contrib.auth.models import User

    backend = "peeringdb_oauth.integrations.django.backends.PeeringDBBackend"
    visitor.client.force_login(User.objects.create(username="made-up"), backend=backend)
    assert visitor.get("/account").status_code == 302


def test_a_login_by_a_removed_backend_ends(configure, visitor):
    visitor.log_in("member")
    configure(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"])
    assert visitor.get("/account").status_code == 302
    assert visitor.session == {}


def test_another_account_in_the_same_session_is_not_logged_in_with_peeringdb(visitor):
    from django.contrib.auth.models import User

    User.objects.create(username="other")
    visitor.log_in("member")
    assert visitor.get("/become/other").content == b"other"
    assert visitor.get("/account").json() == {"username": "other"}
    assert visitor.get("/me").status_code == 302


def test_a_request_without_a_session_does_not_read_one(visitor):
    """So the response can be cached for everybody."""
    assert "Vary" not in visitor.get("/plain")


def test_a_view_can_check_a_rule_itself(visitor, person, watch):
    assert visitor.get("/checks-itself/64500").content == b"nobody"
    visitor.log_in(person.login)
    assert visitor.get("/checks-itself/64500").content == b"yes"
    watch.seen.clear()
    answer = visitor.get("/checks-itself/64501")
    assert answer.status_code == 403
    assert b"AS64501: you may read this network but not update it" in answer.content
    assert [(kind, sent["user"].id) for kind, sent in watch.seen] == [("login_refused", person.id)]


def test_other_errors_are_not_handled(visitor):
    with pytest.raises(LookupError):
        visitor.get("/crash")


def test_a_wrong_setting_is_not_handled(configure, make_visitor):
    configure(REDIRECT_URI="http://localhost/elsewhere")
    with pytest.raises(ConfigurationError, match="must end in /login/peeringdb/callback"):
        make_visitor().get("/login/peeringdb")


def test_a_form_needs_djangos_token(visitor, person):
    visitor.log_in(person.login)
    assert visitor.post("/edit/64500", token="wrong" * 8).status_code == 403
    assert visitor.post("/edit/64500").content == b"changed AS64500"


def test_a_form_that_django_accepts_is_accepted(visitor, person):
    visitor.log_in(person.login)
    assert (
        visitor.post("/edit/64500", **{"sec-fetch-site": "same-site"}).content == b"changed AS64500"
    ), "a trusted origin, say"


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("cross-site", 403), ("same-site", 403), ("none", 403)],
)
def test_a_form_that_django_does_not_check_needs_fetch_metadata(visitor, person, site, status):
    visitor.log_in(person.login)
    answer = visitor.post("/exempt/64500", token="wrong" * 8, **{"sec-fetch-site": site})
    assert answer.status_code == status
    if status == 403:
        assert b"This form cannot be accepted" in answer.content


def test_a_form_that_django_does_not_check_is_refused_without_fetch_metadata(visitor, person):
    visitor.log_in(person.login)
    assert visitor.post("/exempt/64500").status_code == 403


def test_djangos_test_client_needs_no_token(configure, pdb):
    """Django's client checks tokens only if it is told to. So do we."""
    from django.test import Client

    configure()
    client = Client(SERVER_NAME="localhost")
    url = client.get("/login/peeringdb")["Location"]
    client.get(pdb.log_in("orgadmin", url))
    assert client.post("/edit/64500").content == b"changed AS64500"


@pytest.mark.usefixtures("visitor")
def test_djangos_async_client_works(person, pdb):
    from django.test import AsyncClient

    client = AsyncClient()

    async def log_in_and_look():
        # This client cannot leave "testserver", and the redirect URI has "localhost".
        answer = await client.get("/login/peeringdb?moved=1")
        parts = pdb.log_in(person.login, answer["Location"]).removeprefix("http://localhost")
        assert (await client.get(parts)).status_code == 302
        return [
            (await client.get(path)).status_code for path in ("/async/64500", "/async/64511", "/me")
        ]

    assert asyncio.run(log_in_and_look()) == [200, 403, 200]


def test_a_view_without_the_argument_is_an_error_at_once(guard):
    def view(request, network):
        """Not reached."""

    with pytest.raises(ConfigurationError, match=r"view has no argument 'asn' for the AS number"):
        guard.require_asn("asn")(view)


def test_a_url_without_the_argument_is_an_error_at_the_first_request(visitor):
    visitor.log_in("member")
    with pytest.raises(
        ConfigurationError, match="there is no 'asn' among the URL arguments of /missing"
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
def test_a_wrong_argument_is_an_error_at_once(guard, arguments):
    with pytest.raises(ConfigurationError):
        guard.require_asn(**arguments)


def test_a_wrong_attribute_is_an_error_at_once():
    from peeringdb_oauth.integrations.django import RequireASNMixin

    with pytest.raises(ConfigurationError, match="perms"):
        type("Wrong", (RequireASNMixin,), {"perms": 2})


def test_a_mixin_after_the_view_class_is_an_error_at_once():
    from django.views import View

    from peeringdb_oauth.integrations.django import RequireASNMixin

    with pytest.raises(ConfigurationError, match="must come before"):
        type("Wrong", (View, RequireASNMixin), {})
    assert type("Right", (RequireASNMixin, View), {})


def test_the_function_is_called_only_for_known_people(configure, guard):
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


def test_get_asn_can_call_the_method_that_it_overrides(visitor, person):
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


def test_the_rule_of_the_login_says_what_a_view_asks_of_accounts(configure, make_visitor):
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


def test_the_public_names_can_be_imported():
    from peeringdb_oauth.integrations import django

    assert [getattr(django, name).__name__ for name in django.__all__] == django.__all__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        django.nothing  # noqa: B018


def test_a_decorator_without_its_argument_is_an_error_at_once():
    from peeringdb_oauth.integrations.django import require_asn

    with pytest.raises(ConfigurationError, match=r'write @require_asn\("asn"\)'):

        @require_asn
        def view(request, asn):
            """Not reached."""


@pytest.mark.parametrize("path", ["/forgotten", "/forgotten-async"])
def test_a_decorator_without_its_argument_is_an_error_at_the_first_request(visitor, path):
    """A view without arguments may as well be a function that finds the AS number."""
    with pytest.raises(ConfigurationError, match=r'write @require_asn\("asn"\)'):
        visitor.get(path)


def test_an_as_number_for_require_peeringdb_is_an_error_at_once():
    from peeringdb_oauth.integrations.django import require_peeringdb

    with pytest.raises(ConfigurationError, match=r'write @require_asn\("asn"\)'):
        require_peeringdb("asn")


@pytest.mark.parametrize(
    "conditions", [{"asn": "64500"}, {"asn": "asn", "max_age": "60"}, {"asn": "asn", "max_age": -1}]
)
def test_a_condition_of_another_type_is_an_error_at_once(conditions):
    from peeringdb_oauth.integrations.django import RequireASNMixin, require_asn

    with pytest.raises(ConfigurationError, match=r"write an AS number|a number of seconds"):
        require_asn(**conditions)
    with pytest.raises(ConfigurationError, match=r"write an AS number|a number of seconds"):
        type("Wrong", (RequireASNMixin,), conditions)


@pytest.mark.parametrize(
    ("path", "missing", "name"),
    [
        ("/named/64500", "networks", "members_area.views.named"),
        ("/mfa", "amr", "members_area.views.mfa"),
    ],
)
def test_a_scope_that_lacks_what_a_view_reads_is_an_error(configure, visitor, path, missing, name):
    scope = {"profile", "email", "networks", "amr"} - {missing}
    configure(SCOPE=sorted(scope))
    with pytest.raises(ConfigurationError, match=f"'{missing}' is missing, and the view {name}"):
        visitor.get(path)


def test_a_result_that_another_decorator_makes_a_response_of_passes_as_it_is():
    from peeringdb_oauth.integrations.django.visits import keep_private

    assert keep_private({"asn": 64500}) == {"asn": 64500}
