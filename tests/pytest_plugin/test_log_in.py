"""``peeringdb.log_in``: a whole login with the test client of an application."""

import asyncio
from dataclasses import replace

import httpx
import pytest
import requests
from flask import Flask, Response

from peeringdb_oauth.integrations.flask import PeeringDB, current_user
from peeringdb_oauth.sandbox import SandboxError

LOOPBACK = "http://127.0.0.1:5000/login/peeringdb/callback"
PORTAL = "https://portal.example.net"


@pytest.mark.parametrize(
    "redirect_uri",
    [
        [],
        [LOOPBACK],
        ["http://localhost/login/peeringdb/callback"],
        [f"{PORTAL}/login/peeringdb/callback"],
    ],
)
def test_logs_in_with_any_redirect_uri(peeringdb, make_portal, in_framework, redirect_uri):
    client = in_framework(make_portal(*redirect_uri))
    response = peeringdb.log_in(client, peeringdb.person("Ada Admin"))
    assert (response.status_code, response.text) == (200, "Hello Ada Admin")


def test_the_client_stays_logged_in(peeringdb, make_portal, in_framework):
    client = in_framework(make_portal())
    assert client.get("/").status_code == 401
    peeringdb.log_in(client, "member")
    assert client.get("/").text == "Hello Mel Member"


def test_another_client_is_not_logged_in(peeringdb, make_portal, in_framework):
    portal = make_portal()
    peeringdb.log_in(in_framework(portal), "member")
    assert in_framework(portal).get("/").status_code == 401


@pytest.mark.parametrize(("redirect_uri", "scheme"), [([], "https"), ([LOOPBACK], "http")])
def test_the_callback_has_the_clients_host_and_the_redirect_uris_scheme(
    peeringdb, make_portal, in_framework, redirect_uri, scheme
):
    portal = make_portal(*redirect_uri)
    peeringdb.log_in(in_framework(portal), "member")
    start, callback, home = portal.asked_for
    host = "localhost" if "localhost" in start else "testserver"
    assert start == f"GET http://{host}/login/peeringdb"
    assert (callback, home) == (
        f"GET {scheme}://{host}/login/peeringdb/callback",
        f"GET {scheme}://{host}/",
    )


def test_a_client_with_https_keeps_host_and_port(peeringdb, make_portal, in_fastapi):
    portal = make_portal()
    client = in_fastapi(portal)
    client.base_url = "https://portal.example.net:8443/"
    peeringdb.log_in(client, "member")
    assert {request.rpartition(":8443")[0] for request in portal.asked_for} == {
        "GET https://portal.example.net"
    }


def test_an_application_may_insist_on_https(peeringdb, make_portal, in_framework):
    portal = make_portal(https_only=True)
    assert peeringdb.log_in(in_framework(portal), "member").text == "Hello Mel Member"
    assert [request.partition("//")[0] for request in portal.asked_for] == [
        "GET http:",
        "GET https:",
        "GET https:",
        "GET https:",
    ]


def test_a_redirect_to_the_applications_public_address_is_followed(
    peeringdb, make_portal, in_framework
):
    portal = make_portal(
        f"{PORTAL}/login/peeringdb/callback", after_login=f"{PORTAL}?welcome=1#top"
    )
    assert peeringdb.log_in(in_framework(portal), "member").text == "Hello Mel Member"


def test_an_application_that_first_goes_to_its_redirect_uris_host_is_followed(peeringdb):
    app = Flask("portal")
    app.secret_key = "not-a-secret-but-long-enough"
    pdb = PeeringDB(app, config=peeringdb.client_config(f"{PORTAL}/login/peeringdb/callback"))

    @app.get("/me")
    @pdb.require()
    def me():
        return current_user.name

    client = app.test_client()
    assert peeringdb.log_in(client, "member", "/me").text == "Mel Member"
    assert client.get("/me").text == "Mel Member", "the client has its own host, as before"


def test_an_application_that_goes_to_another_host_again_and_again_is_an_error(peeringdb):
    location = {"Location": f"{PORTAL}/login/peeringdb?x"}
    with pytest.raises(
        SandboxError, match=f"does not lead to the sandbox .* redirects to {PORTAL}/login/peeringdb"
    ):
        peeringdb.log_in(one_page(status=302, headers=location), "member")


@pytest.mark.parametrize(
    "elsewhere", ["https://elsewhere.example.net/", "//elsewhere.example.net/"]
)
def test_a_redirect_to_another_site_is_the_last_response(
    peeringdb, make_portal, in_framework, elsewhere
):
    response = peeringdb.log_in(in_framework(make_portal(after_login=elsewhere)), "member")
    assert (response.status_code, response.headers["Location"]) == (302, elsewhere)


def test_a_person_who_denies_consent_is_not_logged_in(peeringdb, make_portal, in_framework):
    client = in_framework(make_portal())
    response = peeringdb.log_in(client, "member", consent=False)
    assert (response.status_code, response.text) == (403, "you said no")
    assert client.get("/").status_code == 401


def test_an_application_may_send_a_person_to_peeringdb_twice(peeringdb, make_portal, in_framework):
    portal = make_portal(mfa=True)
    person = peeringdb.person("Bob Backup", amr=("pwd",))
    response = peeringdb.log_in(in_framework(portal), person)
    assert (response.status_code, response.text) == (403, "no second factor")
    assert [request.rpartition("/")[2] for request in portal.asked_for] == [
        "peeringdb",
        "callback",
        "peeringdb?again",
        "callback",
    ]
    assert (
        peeringdb.log_in(in_framework(portal), replace(person, amr=("pwd", "swk", "mfa"))).text
        == "Hello Bob Backup"
    )


def test_the_start_may_be_another_path_with_a_query(peeringdb, make_portal, in_framework):
    portal = make_portal(login="/account/enter")
    assert (
        peeringdb.log_in(in_framework(portal), "member", "/account/enter?again").text
        == "Hello Mel Member"
    )
    assert portal.asked_for[0].endswith("/account/enter?again")


def test_the_start_may_be_a_form(peeringdb, make_portal, in_framework):
    portal = make_portal(start_method="POST")
    with pytest.raises(SandboxError, match="GET /login/peeringdb does not lead to the sandbox"):
        peeringdb.log_in(in_framework(portal), "member")
    assert (
        peeringdb.log_in(in_framework(portal), "member", method="POST").text == "Hello Mel Member"
    )


def test_a_path_that_starts_no_login_is_an_error(peeringdb, make_portal, in_framework):
    with pytest.raises(SandboxError) as caught:
        peeringdb.log_in(in_framework(make_portal()), "member", "/enter?secret=1")
    assert (
        str(caught.value)
        == f"GET /enter does not lead to the sandbox at {peeringdb.url}, but answers 404: Not"
        " found\nConfigure the application with peeringdb.client_config(), and pass log_in() the"
        " path where its login starts."
    )


def one_page(*arguments, **keywords):
    app = Flask("one page")
    app.add_url_rule("/login/peeringdb", view_func=lambda: Response(*arguments, **keywords))
    return app.test_client()


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("", "answers 200\n"),
        (
            "<style>a {}</style><script>b()</script><p class=x>one &lt; two",
            "answers 200: one < two\n",
        ),
        (
            f"token {'a1' * 15} {{&quot;code&quot;:&quot;{'b2' * 15}&quot;}}",
            "answers 200: token ... ...\n",
        ),
        (" ".join("abcdefghijklmnop"), "answers 200: a b c d e f g h i j k l\n"),
    ],
)
def test_the_error_shows_the_first_words_without_markup_and_secrets(peeringdb, body, shown):
    with pytest.raises(SandboxError) as caught:
        peeringdb.log_in(one_page(body), "member")
    assert shown in str(caught.value)


@pytest.mark.parametrize(
    "location",
    ["https://auth.peeringdb.com/oauth2/authorize/?state=secret", "https://127.0.0.1/#secret"],
)
def test_a_redirect_to_another_provider_is_an_error_without_secrets(peeringdb, location):
    with pytest.raises(
        SandboxError,
        match=r"redirects to https://(auth\.peeringdb\.com/oauth2/authorize|127\.0\.0\.1)/\n",
    ) as caught:
        peeringdb.log_in(one_page(status=302, headers={"Location": location}), "member")
    assert "secret" not in str(caught.value)


def test_a_redirect_without_location_is_an_answer(peeringdb):
    with pytest.raises(SandboxError, match="answers 302"):
        peeringdb.log_in(one_page(status=302), "member")


def test_a_location_that_is_no_redirect_is_an_answer(peeringdb):
    with pytest.raises(SandboxError, match="answers 201"):
        peeringdb.log_in(one_page(status=201, headers={"Location": peeringdb.url + "/"}), "member")


def test_an_application_that_redirects_in_circles_is_an_error(peeringdb):
    with pytest.raises(
        SandboxError,
        match=r"still redirects after 20 requests, now to http://localhost/login/peeringdb$",
    ):
        peeringdb.log_in(one_page(status=302, headers={"Location": "?again"}), "member")


def test_a_person_whom_peeringdb_keeps_is_an_error(peeringdb, make_portal, in_framework):
    with pytest.raises(SandboxError, match="did not lead back to the application, but showed: "):
        peeringdb.log_in(in_framework(make_portal()), "nomfa")


def test_an_unknown_kind_of_client_is_refused(peeringdb):
    with (
        requests.Session() as session,
        pytest.raises(
            TypeError, match="test client of Flask, Starlette, FastAPI or Django, not 'Session'"
        ),
    ):
        peeringdb.log_in(session, "member")


def test_logs_in_with_an_asynchronous_httpx_client(peeringdb, make_portal, in_fastapi):
    app = in_fastapi(make_portal()).app

    async def visit():
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://testserver"
        ) as client:
            with pytest.raises(
                TypeError, match=r"for 'AsyncClient' write: await peeringdb\.alog_in\(\.\.\.\)"
            ):
                peeringdb.log_in(client, "member")
            return (
                await peeringdb.alog_in(client, "member", consent=False),
                await peeringdb.alog_in(client, "member"),
                await client.get("/"),
            )

    assert [response.text for response in asyncio.run(visit())] == [
        "you said no",
        "Hello Mel Member",
        "Hello Mel Member",
    ]


def test_alog_in_refuses_a_synchronous_client(peeringdb, make_portal, in_framework):
    with pytest.raises(TypeError, match=r"write: peeringdb\.log_in\(\.\.\.\)"):
        asyncio.run(peeringdb.alog_in(in_framework(make_portal()), "member"))
