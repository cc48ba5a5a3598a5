"""The authorization endpoint: login, second factor, consent, approval and errors."""

import base64
import hashlib
import json
import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from peeringdb_oauth.sandbox import Sandbox, SandboxError


def query(url: str) -> dict[str, str]:
    return {
        key: values[0]
        for key, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()
    }


def amr(id_token: str) -> list[str]:
    payload = id_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["amr"]


def logged_in(visitor, web, app, person="orgadmin", factor="otp", **parameters):
    """The answer to an authorization request, after a login if it needs one."""
    answer = visitor.get(web.authorization_url(app, **parameters))
    return (
        visitor.log_in(person, answer, factor)
        if answer.headers.get("Location", "").startswith("/account/login/")
        else answer
    )


def approved(visitor, web, app, **parameters):
    """Approve the application and exchange the code, so that the person has a token."""
    code = query(
        visitor.press(logged_in(visitor, web, app, **parameters), allow="Authorize").headers[
            "Location"
        ]
    )["code"]
    assert web.exchange(app, code).status == 200


def test_leads_back_with_a_code_and_the_state_and_nothing_else(pdb, web, app):
    callback = pdb.log_in("member", web.authorization_url(app, state="a b/ü&"))
    assert callback.startswith("https://app.example.net/callback?")
    assert set(query(callback)) == {"code", "state"}
    assert query(callback)["state"] == "a b/ü&"
    assert len(query(callback)["code"]) == 30


@pytest.mark.parametrize("state", [None, ""])
def test_leaves_out_a_state_that_was_not_sent(pdb, web, app, state):
    assert set(query(pdb.log_in("member", web.authorization_url(app, state=state)))) == {"code"}


def test_a_long_state_comes_back_whole(visitor, web, app):
    logged_in(visitor, web, app)
    page = visitor.get(web.authorization_url(app, state="x" * 20_000))
    assert (
        query(visitor.press(page, allow="Authorize").headers["Location"])["state"] == "x" * 20_000
    )


def test_denied_consent_leads_back_with_access_denied(pdb, web, app):
    assert query(pdb.log_in("member", web.authorization_url(app), consent=False)) == {
        "error": "access_denied",
        "state": "s",
    }


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"scope": "openid bogus"}, ("invalid_scope", None)),
        ({"scope": ""}, ("invalid_scope", None)),
        ({"response_type": None}, ("invalid_request", "Missing response_type parameter.")),
        ({"response_type": "token"}, ("unauthorized_client", None)),
        (
            {"code_challenge": "x" * 43, "code_challenge_method": "S512"},
            ("invalid_request", "Transform algorithm not supported."),
        ),
        (
            {"scope": "openid", "prompt": "none login"},
            ("invalid_request", "Prompt none is mutually exclusive with other values."),
        ),
    ],
)
def test_some_errors_redirect_to_the_application(pdb, web, app, parameters, expected):
    answer = query(pdb.log_in("member", web.authorization_url(app, **parameters)))
    assert (answer["error"], answer.get("error_description")) == expected
    assert answer["state"] == "s"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"client_id": "nobody"}, "Invalid client_id parameter value."),
        ({"redirect_uri": "https://app.example.net/callback/"}, "Mismatching redirect URI."),
        ({"redirect_uri": "https://app.example.net:443/callback"}, "Mismatching redirect URI."),
        ({"redirect_uri": "https://app.example.net/callback#x"}, "Invalid redirect URI."),
    ],
)
def test_some_errors_are_pages(visitor, web, app, parameters, words):
    page = logged_in(visitor, web, app, **parameters)
    assert page.status_code == 400
    assert words in page.text


def test_log_in_raises_the_words_of_an_error_page(pdb, web, app):
    with pytest.raises(
        SandboxError, match=r"did not lead back.*Invalid client_id parameter value\."
    ):
        pdb.log_in("member", web.authorization_url(app, client_id="nobody"))


def test_a_redirect_uri_may_have_more_query_parameters(pdb, web, app):
    callback = pdb.log_in(
        "member", web.authorization_url(app, redirect_uri="https://APP.example.net/callback?next=1")
    )
    assert query(callback)["next"] == "1"


def test_redirect_uri_may_be_missing_if_only_one_is_registered(pdb, web, app, visitor):
    assert pdb.log_in("member", web.authorization_url(app, redirect_uri=None)).startswith(
        "https://app.example.net/callback?code="
    )
    two = pdb.register("https://app.example.net/a", "https://app.example.net/b")
    page = logged_in(visitor, web, two, redirect_uri=None)
    assert (page.status_code, "Missing redirect URI." in page.text) == (400, True)


def test_malformed_claims_are_a_bare_400(visitor, web, app):
    page = logged_in(visitor, web, app, scope="openid", claims="{")
    assert (page.status_code, "Bad Request (400)" in page.text) == (400, True)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000/callback",
        "http://localhost:5000/callback",
        "http://[::1]:5000/callback",
    ],
)
def test_loopback_http_is_a_redirect_uri_here(pdb, web, uri):
    assert pdb.log_in("member", web.authorization_url(pdb.register(uri))).startswith(uri + "?code=")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("port", ["", ":6000"])
def test_the_port_of_a_loopback_redirect_uri_is_compared(pdb, web, host, port):
    app = pdb.register(f"http://{host}:5000/callback", f"http://{host}:7000/callback")
    url = web.authorization_url(app, redirect_uri=f"http://{host}{port}/callback")
    with pytest.raises(SandboxError, match=r"Mismatching redirect URI\."):
        pdb.log_in("member", url)
    url = web.authorization_url(app, redirect_uri=f"http://{host}:7000/callback")
    assert pdb.log_in("member", url).startswith(f"http://{host}:7000/callback?code=")


def test_http_to_another_host_is_a_bare_400_after_consent(pdb, web, visitor):
    answer = visitor.press(
        logged_in(visitor, web, pdb.register("http://app.example.net/callback")), allow="Authorize"
    )
    assert (answer.status_code, "Bad Request (400)" in answer.text) == (400, True)


def test_a_strict_sandbox_refuses_loopback_http_too(web_for, visitor_for):
    with Sandbox(tls=False, strict=True) as pdb:
        web, visitor = web_for(pdb), visitor_for(pdb)
        answer = visitor.press(
            logged_in(visitor, web, pdb.register("http://127.0.0.1:5000/callback")),
            allow="Authorize",
        )
        assert (answer.status_code, "Bad Request (400)" in answer.text) == (400, True)
        assert pdb.log_in(
            "member", web.authorization_url(pdb.register("https://localhost:5000/callback"))
        )


def test_consent_is_asked_for_until_a_token_exists_that_covers_the_scopes(visitor, web, app):
    first = logged_in(visitor, web, app, scope="profile email")
    assert "Authorize" in first.text
    assert "code=" in visitor.press(first, allow="Authorize").headers["Location"]
    assert visitor.get(web.authorization_url(app, scope="profile email")).status_code == 200
    approved(visitor, web, app, scope="profile email")
    assert "code=" in visitor.get(web.authorization_url(app, scope="email")).headers["Location"]
    assert visitor.get(web.authorization_url(app, scope="profile networks")).status_code == 200


def test_automatic_approval_ends_with_the_access_token(pdb, visitor, web, app):
    approved(visitor, web, app)
    assert visitor.get(web.authorization_url(app)).status_code == 302
    pdb.advance(36001)
    assert visitor.get(web.authorization_url(app)).status_code == 200


def test_approval_prompt_force_asks_again(visitor, web, app):
    approved(visitor, web, app)
    assert visitor.get(web.authorization_url(app, approval_prompt="force")).status_code == 200


@pytest.mark.parametrize("prompt", ["consent", "select_account", "login consent"])
def test_other_prompts_are_ignored(visitor, web, app, prompt):
    approved(visitor, web, app)
    assert "code=" in visitor.get(web.authorization_url(app, prompt=prompt)).headers["Location"]


def test_a_login_that_was_approved_before_has_nothing_to_deny(pdb, web, app):
    web.tokens(app, "member")
    with pytest.raises(SandboxError, match="approval_prompt=force"):
        pdb.log_in("member", web.authorization_url(app), consent=False)


def test_prompt_login_asks_for_a_login_in_a_live_session(visitor, web, app):
    approved(visitor, web, app)
    again = visitor.get(web.authorization_url(app, prompt="login"))
    assert again.headers["Location"].startswith("/account/login/?next=/oauth2/authorize/")
    assert "prompt" not in query(query(again.headers["Location"])["next"])
    assert "code=" in visitor.log_in("orgadmin", again).headers["Location"]


def test_log_in_logs_in_twice_if_the_prompt_asks_for_it(pdb, web, app):
    """The first login is for the missing session, the second one for the prompt."""
    assert query(pdb.log_in("member", web.authorization_url(app, prompt="login")))["code"]


def test_prompt_none_is_the_error_page_after_the_login(visitor, web, app):
    page = logged_in(visitor, web, app, scope="openid", prompt="none")
    assert (page.status_code, "Server Error (500)" in page.text) == (500, True)
    visitor.session.headers["Accept"] = "text/html"
    assert "PeeringDB does not support prompt=none." in visitor.get(page.url).text


def test_other_errors_tell_a_browser_their_type(visitor, web, app, pdb):
    visitor.session.headers["Accept"] = "text/html"
    answer = visitor.session.post(
        f"{pdb.url}/oauth2/token/",
        {"grant_type": "password", "username": "member", "password": "x"} | web.credentials(app),
        timeout=20,
    )
    assert (answer.status_code, "NotImplementedError" in answer.text) == (500, True)


def test_whatever_follows_the_path_is_the_authorization_endpoint(web):
    answer = web.get("/oauth2/authorize/more?a=b")
    assert (answer.status, answer.headers["Location"]) == (
        302,
        "/account/login/?next=/oauth2/authorize/more%3Fa%3Db",
    )


def test_without_session_a_form_is_told_of_the_session_and_not_of_a_cookie(visitor, pdb):
    url = f"{pdb.url}/oauth2/logout/"
    answer = visitor.session.post(url, headers={"Referer": url}, timeout=20)
    assert answer.json() == {
        "non_field_errors": ["Your session expired or cookies are blocked; reload and retry."]
    }


@pytest.mark.parametrize(("name", "most"), [("nonce", 255), ("code_challenge", 128)])
def test_values_too_long_for_the_database_are_the_error_page_at_consent(
    visitor, web, app, name, most
):
    assert (
        visitor.press(
            logged_in(visitor, web, app, **{name: "x" * most}), allow="Authorize"
        ).status_code
        == 302
    )
    page = visitor.get(web.authorization_url(app, **{name: "x" * (most + 1)}))
    assert visitor.press(page, allow="Authorize").status_code == 500


def test_the_login_sets_the_cookie_that_authorization_needs(visitor, web, app):
    answer = visitor.press(
        visitor.get(visitor.get(web.authorization_url(app)).headers["Location"]),
        person="emailunconf",
    )
    cookies = {cookie.split("=")[0]: cookie for cookie in answer.raw.headers.getlist("Set-Cookie")}
    assert cookies["oauth_session"].startswith("oauth_session=emailunconf:")
    assert "Max-Age=1800" in cookies["oauth_session"]
    assert not {"Secure", "HttpOnly", "SameSite"} & {
        part.split("=")[0].strip() for part in cookies["oauth_session"].split(";")
    }
    assert all(
        words in cookies["sandbox_session"]
        for words in ("Max-Age=1209600", "Secure", "HttpOnly", "SameSite=Lax")
    )


def test_a_session_without_the_cookie_must_log_in_again(visitor, web, app):
    visitor.press(visitor.get("/account/login/"), person="emailunconf")
    assert "Em Unconf" in visitor.get("/").text
    assert (
        visitor.get(web.authorization_url(app))
        .headers["Location"]
        .startswith("/account/login/?next=")
    )


def test_an_expired_cookie_restarts_the_flow_from_the_consent_form(visitor, web, app):
    page = logged_in(visitor, web, app, state="kept")
    visitor.session.cookies.set("oauth_session", None)
    again = visitor.press(page, allow="Authorize")
    callback = visitor.press(visitor.log_in("orgadmin", again), allow="Authorize").headers[
        "Location"
    ]
    assert query(callback)["state"] == "kept"


def test_a_cookie_without_a_session_is_told_about_a_wrong_scope_first(visitor, web, app):
    logged_in(visitor, web, app)
    visitor.session.cookies.set("sandbox_session", None)
    assert (
        query(visitor.get(web.authorization_url(app, scope="bogus")).headers["Location"])["error"]
        == "invalid_scope"
    )
    assert visitor.get(web.authorization_url(app)).headers["Location"].startswith("/account/login/")


@pytest.mark.parametrize(
    ("factor", "expected"),
    [("otp", ["pwd", "otp", "mfa"]), ("backup", ["pwd"]), ("security-key", ["pwd", "swk", "mfa"])],
)
def test_amr_says_how_the_login_was_made(pdb, web, app, factor, expected):
    code = query(pdb.log_in("member", web.authorization_url(app), second_factor=factor))["code"]
    token = web.exchange(app, code).json()
    assert amr(token["id_token"]) == expected
    assert web.get("/profile/v1", token["access_token"]).json()["amr"] == expected


def test_a_person_without_second_factor_never_comes_back_until_it_is_switched_on(
    pdb, visitor, web, app
):
    start = logged_in(visitor, web, app, "nomfa", factor=None)
    assert start.headers["Location"] == "/account/two_factor/"
    page = visitor.get(start.headers["Location"])
    assert "does not lead back to the application" in page.text
    assert "Go back to the application" in visitor.press(page).text
    assert visitor.get(web.authorization_url(app)).headers["Location"].startswith("/account/login/")
    assert "Authorize" in logged_in(visitor, web, app, "nomfa").text
    pdb.change("nomfa", mfa=False)


def test_log_in_raises_that_a_second_factor_is_missing(pdb, web, app):
    with pytest.raises(SandboxError, match="requires a second factor"):
        pdb.log_in("nomfa", web.authorization_url(app))


def test_a_disabled_account_cannot_log_in(pdb, web, app):
    pdb.change("tobedisabled", active=False)
    with pytest.raises(SandboxError, match="disabled"):
        pdb.log_in("tobedisabled", web.authorization_url(app))
    pdb.change("tobedisabled", active=True)


def test_an_unknown_person_is_answered_with_those_that_exist(pdb, web, app):
    with pytest.raises(
        SandboxError, match=r"^nobody here is called 'nobody'; there are: orgadmin, member, "
    ):
        pdb.log_in("nobody", web.authorization_url(app))


def test_an_unknown_second_factor_is_answered_with_those_that_exist(pdb, web, app):
    with pytest.raises(
        SandboxError,
        match=r"^no second factor here is called 'sms'; there are: otp, backup, security-key$",
    ):
        pdb.log_in("member", web.authorization_url(app), second_factor="sms")


def test_the_authorization_url_must_be_of_this_sandbox(pdb):
    with pytest.raises(SandboxError, match="must start with"):
        pdb.log_in("member", "https://auth.peeringdb.com/oauth2/authorize/")


def edit_address(visitor, page, *words, **fields):
    """Send the second form of the consent page; return the page that it leads to."""
    query = unescape(re.search('name="query" value="([^"]*)"', page.text)[1])
    token = re.search('name="csrfmiddlewaretoken" value="([^"]*)"', page.text)[1]
    form = [("word", word) for word in words] + list(fields.items())
    answer = visitor.session.post(
        urljoin(visitor.pdb.url, "/sandbox/edited-address/"),
        [("csrfmiddlewaretoken", token), ("query", query), *form],
        headers={"Referer": page.url},
        allow_redirects=False,
        timeout=20,
    )
    return visitor.get(answer.headers["Location"])


def test_words_of_the_scope_can_be_taken_off_as_in_an_edited_address(visitor, web, app):
    page = logged_in(visitor, web, app, scope="openid profile email", state="a b")
    page = edit_address(visitor, page, "openid", "email")
    callback = query(visitor.press(page, allow="Authorize").headers["Location"])
    assert callback["state"] == "a b"
    token = web.exchange(app, callback["code"]).json()
    assert token["scope"] == "openid email"
    assert web.get("/profile/v1", token["access_token"]).status == 403


def test_without_a_word_the_edited_scope_is_empty_and_refused(visitor, web, app):
    answer = edit_address(visitor, logged_in(visitor, web, app))
    assert query(answer.headers["Location"]) == {"error": "invalid_scope", "state": "s"}


@pytest.mark.parametrize(("kept", "status"), [({"challenge": "on"}, 400), ({}, 200)])
def test_the_challenge_can_be_taken_off_as_in_an_edited_address(visitor, web, app, kept, status):
    challenge = {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
    page = logged_in(visitor, web, app, **challenge)
    page = edit_address(visitor, page, "profile", **kept)
    code = query(visitor.press(page, allow="Authorize").headers["Location"])["code"]
    assert web.exchange(app, code, code_verifier="v" * 50).status == status


def test_the_consent_page_says_if_there_is_no_challenge(visitor, web, app):
    text = logged_in(visitor, web, app).text
    assert "There is no PKCE challenge in this request." in text
    assert 'name="challenge"' not in text
    assert re.findall('name="word" value="(.+?)"', text) == [
        "openid",
        "profile",
        "email",
        "networks",
        "amr",
    ]


def test_an_error_page_says_which_redirect_uris_are_registered(visitor, web, app):
    text = logged_in(visitor, web, app, redirect_uri="https://app.example.net/other").text
    assert "Sandbox says" in text
    assert "<code>https://app.example.net/other</code>" in text
    assert "<code>https://app.example.net/callback</code>" in text
    assert "<code>--redirect-uri</code>" in text


def test_a_missing_application_can_be_registered_from_the_error_page(visitor, web, app):
    page = logged_in(visitor, web, app, client_id="missing-one")
    assert "<code>missing-one</code>" in page.text
    assert "<code>sandbox-client</code>" in page.text
    values = dict(re.findall('type="hidden" name="(.+?)" value="(.*?)"', page.text))
    form = visitor.get(f"/sandbox/applications/?{urlencode(values)}")
    visitor.press(form, redirect_uris=values["redirect_uris"], client_id=values["client_id"])
    assert "Unnamed application asks for" in " ".join(
        re.sub("<.*?>", "", visitor.get(page.url).text).split()
    )


def test_a_forged_consent_form_is_refused_in_json(visitor, web, app):
    page = logged_in(visitor, web, app)
    forged = visitor.session.post(
        page.url, {"allow": "Authorize"}, allow_redirects=False, headers={"Referer": page.url}
    )
    assert (forged.status_code, list(forged.json())) == (403, ["non_field_errors"])


def test_a_login_does_not_redirect_to_other_sites(visitor):
    page = visitor.get("/account/login/?next=https://evil.example.net/")
    assert visitor.press(page, person="emailunconf").headers["Location"] == "/"


@pytest.mark.parametrize(
    ("method", "challenge"), [("S256", None), ("plain", "v" * 50), (None, "v" * 50)]
)
def test_the_code_verifier_is_checked_if_there_was_a_challenge(pdb, web, app, method, challenge):
    s256 = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 50).digest()).decode().rstrip("=")
    url = web.authorization_url(app, code_challenge=challenge or s256, code_challenge_method=method)
    code = query(pdb.log_in("member", url))["code"]
    assert web.exchange(app, code, code_verifier="w" * 50).json() == {"error": "invalid_grant"}
    assert web.exchange(app, code, code_verifier="v" * 50).status == 200


def test_logging_out_ends_the_session(visitor, web, app):
    approved(visitor, web, app)
    assert visitor.get("/logout").headers["Location"] == "/"
    assert visitor.get(web.authorization_url(app)).headers["Location"].startswith("/account/login/")
