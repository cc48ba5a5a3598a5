"""Bearer tokens and the permission of Django REST framework (DRF)."""
# ruff: noqa: PLC0415 - models can be imported when Django is set up

from types import SimpleNamespace

import pytest

from peeringdb_oauth import AccessDenied, AccessRule, Client, ClientConfig, ConfigurationError

NO_UPDATE = {
    "code": "needs_update",
    "asn": 64500,
    "text": "AS64500: you may read this network but not update it",
}


@pytest.fixture
def api(configure):
    """``api(token).get(path)``: send a request with a bearer token."""
    from rest_framework.test import APIClient

    configure()

    def api(token=None, scheme="Bearer"):
        client = APIClient(SERVER_NAME="localhost")
        client.credentials(
            **({"HTTP_AUTHORIZATION": f"{scheme} {token}"} if token is not None else {})
        )
        return client

    return api


@pytest.fixture
def login(configured, pdb):
    """``login("member", scope=...)``: log in with another program of its operator."""

    def login(person, **changes):
        settings = {name.lower(): value for name, value in configured().items()}
        with Client(ClientConfig(**settings)) as client:
            request = client.authorization_request(**changes)
            return client.log_in(request, pdb.log_in(person, request.url))

    return login


@pytest.fixture
def access_token(login):
    return lambda person, **changes: login(person, **changes).token.access_token


def test_a_token_authenticates_its_user(api, access_token):
    answer = api(access_token("member")).get("/api/me")
    assert answer.json() == {"account": "", "asns": [64500, 64501, 65550]}


def test_the_account_of_the_user_is_found(api, access_token, visitor):
    visitor.log_in("member")
    assert api(access_token("member")).get("/api/me").json()["account"] == "peeringdb-2"


def test_an_id_token_authenticates_its_user(api, login):
    login = login("member", scope=("openid", "profile", "email", "networks", "amr"))
    assert api(login.token.id_token).get("/api/me").json()["asns"] == [64500, 64501, 65550]


def test_shared_caches_may_not_keep_the_answer_of_a_guarded_api(api, access_token):
    browser = api(access_token("orgadmin"))
    assert browser.get("/api/networks/64500")["Cache-Control"] == "private"
    assert not browser.get("/api/me").has_header("Cache-Control")
    assert not api().get("/api/networks/64500").has_header("Cache-Control")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_can_be_written_in_any_case(api, access_token, scheme):
    assert api(access_token("member"), scheme).get("/api/me").json()["asns"]


@pytest.mark.parametrize("scheme", ["Basic", "Token"])
def test_other_schemes_are_ignored(api, scheme):
    assert api("abc", scheme).get("/api/me").json() == {"account": "", "asns": None}


@pytest.mark.parametrize("path", ["/api/networks/64500", "/api/constant"])
def test_a_missing_token_is_a_401_that_says_how_to_authenticate(api, path):
    answer = api().get(path)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="PeeringDB"')
    assert answer.json() == {"detail": "Authentication credentials were not provided."}


@pytest.mark.parametrize("token", ["", "made-up", "made up", "ey.made.up", "\xe4"])
def test_a_bad_token_is_a_401_with_the_reason(api, caplog, token):
    answer = api(token).get("/api/me")
    assert ("refused, nobody known, path /api/me: " in caplog.text) is bool(token)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith('Bearer realm="PeeringDB"')
    assert ('error="invalid_token"' in answer["WWW-Authenticate"]) is bool(token)
    assert answer.json()["detail"]
    if len(token) > 1:
        assert token not in answer.content.decode() + str(answer.headers)


def test_a_token_of_an_unverified_user_is_a_403_with_the_reason(api, access_token):
    answer = api(access_token("unverified")).get("/api/me")
    assert answer.status_code == 403
    assert len(answer.json()["reasons"]) == 2
    assert answer.json()["reasons"][0]["code"] == "unverified_user"
    assert "WWW-Authenticate" not in answer


def test_a_token_without_the_scope_is_a_403_that_names_the_scope(api, access_token):
    answer = api(access_token("member", scope=("profile",))).get("/api/me")
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]
    assert 'scope="email"' in answer["WWW-Authenticate"]


def test_a_disabled_account_is_a_403(api, access_token, visitor):
    from django.contrib.auth.models import User

    visitor.log_in("member")
    User.objects.update(is_active=False)
    answer = api(access_token("member")).get("/api/me")
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "Your account at this site is disabled: ask the people who run it",
    )
    assert answer.json()["reasons"][0]["code"] == "account_disabled"


def test_an_outage_is_a_503_with_retry_after(api, access_token, pdb):
    token = access_token("member")
    pdb.fault("error_500", times=1)
    answer = api(token).get("/api/me")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer.json() == {
        "detail": "PeeringDB is not available",
        "code": "peeringdb_unavailable",
        "title": "PeeringDB is not available",
        "reasons": [],
        "advice": "The fault is not yours. Try again in a few minutes.",
        "login_url": None,
    }


def test_too_many_made_up_tokens_get_a_503_with_retry_after(api, configure):
    configure(REQUESTS_PER_MINUTE=100)
    answers = [api(f"made-up-{number}").get("/api/me") for number in range(30)]
    assert [answer.status_code for answer in answers] == [401] * 29 + [503]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60


def test_a_token_opens_the_view_if_its_user_has_the_rights(api, access_token):
    assert api(access_token("orgadmin")).get("/api/networks/64500").json() == {"asn": 64500}
    assert api(access_token("orgadmin")).post("/api/networks/64500").json() == {"asn": 64500}, (
        "a token needs no other protection"
    )
    answer = api(access_token("member")).get("/api/networks/64500")
    assert answer.status_code == 403
    assert answer.json()["reasons"] == [NO_UPDATE]


def test_the_permission_can_name_networks(api, access_token):
    assert api(access_token("member")).get("/api/constant").json() == "ours"
    answer = api(access_token("nonets")).get("/api/constant")
    assert answer.status_code == 403
    assert "not affiliated with AS64500 or AS64499" in answer.json()["detail"]


def test_the_rule_of_the_login_says_what_a_view_asks_of_accounts(api, access_token, configure):
    configure(RULE=AccessRule(verified_user=False, verified_email=False))
    assert api(access_token("emailunconf")).get("/api/networks/64500").status_code == 200


def test_a_session_opens_the_view_if_its_user_has_the_rights(visitor):
    visitor.log_in("orgadmin")
    assert visitor.get("/api/networks/64500", accept="application/json").json() == {"asn": 64500}
    assert visitor.get("/api/networks/64511", accept="application/json").status_code == 403
    assert visitor.get("/api/constant", accept="application/json").status_code == 401, (
        "which has no such way to authenticate"
    )
    assert visitor.get("/me").status_code == 200, "and ends no login"


def test_a_session_without_a_login_at_peeringdb_is_a_401(visitor):
    from django.contrib.auth.models import User

    visitor.client.force_login(
        User.objects.create(username="local"), backend="django.contrib.auth.backends.ModelBackend"
    )
    answer = visitor.get("/api/networks/64500", accept="application/json")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="PeeringDB"')
    assert answer.json()["detail"] == answer.json()["title"] == "You are not logged in"
    assert answer.json()["login_url"] == "/login/peeringdb?next=/api/networks/64500"


def test_a_refusal_of_a_session_is_always_json(visitor):
    visitor.log_in("member")
    answer = visitor.get("/api/networks/64500", accept="application/json;q=0.1, text/html")
    assert answer.status_code == 403
    answer = visitor.get("/api/networks/64500", accept="application/json")
    assert answer.json()["title"] == "You may read AS64500, not change it"
    assert answer.json()["detail"] == NO_UPDATE["text"]
    assert answer.json()["reasons"] == [NO_UPDATE]


def test_a_form_needs_djangos_token(visitor):
    visitor.log_in("orgadmin")
    assert visitor.post("/api/networks/64500", token="wrong" * 8).status_code == 403
    answer = visitor.post("/api/networks/64500")
    assert answer.status_code == 200, answer.content


def test_a_form_that_drf_does_not_check_needs_fetch_metadata(visitor):
    """Some projects switch off the check of DRF."""
    visitor.log_in("member")
    refused = visitor.post("/api/exempt", accept="application/json")
    assert (refused.status_code, refused.json()["title"]) == (403, "This form cannot be accepted")
    assert (
        visitor.post(
            "/api/exempt", accept="application/json", **{"sec-fetch-site": "same-origin"}
        ).status_code
        == 200
    )


def test_an_outage_is_a_503_for_a_session(visitor, pdb):
    """The permission has ``max_age``, so PeeringDB is asked."""
    visitor.log_in("member")
    pdb.fault("error_500", path="/profile/v1", times=1)
    answer = visitor.get("/api/fresh", accept="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert visitor.get("/api/fresh", accept="application/json").json() == "ours"


def test_a_cookie_beside_another_authentication_does_not_count(visitor):
    visitor.log_in("member")
    answer = visitor.get("/api/foreign", accept="application/json")
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "this request is not authenticated by PeeringDB",
    )


def test_get_asn_can_find_the_network(visitor):
    visitor.log_in("orgadmin")
    assert visitor.get("/api/found/1", accept="application/json").json() == "found"
    assert visitor.get("/api/found/2", accept="application/json").status_code == 403
    answer = visitor.get("/api/found/9", accept="application/json")
    assert (answer.status_code, "not an AS number" in answer.content.decode()) == (403, True)


def test_a_url_without_the_argument_is_an_error_at_the_first_request(visitor):
    visitor.log_in("orgadmin")
    with pytest.raises(
        ConfigurationError, match="no 'asn' among the URL arguments of /api/missing"
    ):
        visitor.get("/api/missing")


def test_max_age_of_zero_asks_for_the_rights_of_now(api, access_token, pdb):
    person = pdb.add_person("Api User", networks={64500: 15})
    client = api(access_token(person.login))
    assert client.get("/api/now").json() == [64500]
    pdb.change(person.login, networks={64500: 15, 64501: 1})
    assert client.get("/api/constant").status_code == 200, "where an older answer counts"
    assert client.get("/api/now").json() == [64500, 64501], (
        "and the view has the user of the permission"
    )
    pdb.change(person.login, networks={})
    assert client.get("/api/now").status_code == 403


def test_max_age_of_zero_refuses_an_id_token(api, login):
    token = login("member", scope=("openid", "profile", "email", "networks", "amr")).token.id_token
    assert api(token).get("/api/constant").status_code == 200
    answer = api(token).get("/api/now")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]
    assert "send an access token" in answer.json()["detail"]
    assert (answer.json()["code"], answer.json()["error"]) == ("invalid_token", "invalid_token")


@pytest.mark.parametrize("path", ["/api/networks/64500", "/api/constant"])
def test_a_token_without_the_scope_networks_is_a_403_that_names_the_scope(api, access_token, path):
    answer = api(access_token("orgadmin", scope=("profile", "email"))).get(path)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]
    assert 'scope="networks"' in answer["WWW-Authenticate"]


def test_a_user_of_another_authentication_does_not_count(api, access_token):
    """Even if it is a `User`. PeeringDB does not get what such a caller sent."""
    for scheme in ("Bearer", "Api-Key"):
        answer = api(access_token("member"), scheme).get("/api/look-alike")
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "this request is not authenticated by PeeringDB",
        )


def test_get_asn_is_called_only_for_known_people(api, visitor):
    from django.contrib.auth.models import User
    from members_area.api import looked_for

    looked_for.clear()
    visitor.client.force_login(
        User.objects.create(username="local"), backend="django.contrib.auth.backends.ModelBackend"
    )
    for path in ("/api/found/1", "/api/found-ours/1"):
        assert visitor.get(path, accept="application/json").status_code == 403
        assert api().get(path).status_code == 403
    assert looked_for == []


def test_a_function_that_finds_no_network_refuses_the_token(api, access_token):
    from django.test import RequestFactory
    from rest_framework.exceptions import PermissionDenied
    from rest_framework.request import Request

    from peeringdb_oauth.integrations.django.rest_framework import (
        PeeringDBAuthentication,
        RequireASN,
    )

    api()
    found = []

    class Found(RequireASN):
        asn = staticmethod(lambda _: found.pop() if found else None)

    class Same(Found):
        def get_asn(self, request, view):
            return super().get_asn(request, view)

    headers = {"Authorization": f"Bearer {access_token('member')}"}
    request = Request(
        RequestFactory().get("/x", headers=headers), authenticators=[PeeringDBAuthentication()]
    )
    for permission in (Found(), Same()):
        with pytest.raises(PermissionDenied, match="not an AS number"):
            permission.has_permission(request, SimpleNamespace(kwargs={}))
        found.append(64500)
        assert permission.has_permission(request, SimpleNamespace(kwargs={}))


def test_a_wrong_attribute_is_an_error_at_once():
    from peeringdb_oauth.integrations.django.rest_framework import RequireASN

    with pytest.raises(ConfigurationError, match="perms"):
        type("Wrong", (RequireASN,), {"perms": 2})


def test_a_refusal_tells_its_code_in_the_ways_of_drf():
    """Packages for the errors of DRF ask for these."""
    from django.test import RequestFactory
    from rest_framework.exceptions import PermissionDenied

    from peeringdb_oauth.integrations.django.rest_framework import _token_refusals

    request = RequestFactory().get("/api/me")
    with pytest.raises(PermissionDenied) as caught, _token_refusals(request):
        raise AccessDenied("closed today")
    assert caught.value.get_codes() == "forbidden"
    assert caught.value.get_full_details() == {"message": "Closed today", "code": "forbidden"}


def test_a_mistake_in_the_settings_goes_on_to_the_project():
    from peeringdb_oauth.integrations.django.rest_framework import _token_refusals

    with pytest.raises(ConfigurationError), _token_refusals(None):
        raise ConfigurationError("a setting is missing")
