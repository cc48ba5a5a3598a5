"""Tokens: how long they live, what ends them, who may use them, and who signs them."""

import base64
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from peeringdb_oauth.sandbox import SandboxError


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(id_token: str) -> dict[str, object]:
    return json.loads(decoded(id_token.split(".")[1]))


def verify(id_token: str, jwks: dict[str, list[dict[str, str]]]) -> bool:
    """Whether the key set has the key. A wrong signature of RS256 is an error."""
    head, payload, signature = id_token.split(".")
    kid = json.loads(decoded(head))["kid"]
    keys = [key for key in jwks["keys"] if key["kid"] == kid]
    for key in keys:
        numbers = rsa.RSAPublicNumbers(
            int.from_bytes(decoded(key["e"])), int.from_bytes(decoded(key["n"]))
        )
        numbers.public_key().verify(
            decoded(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), SHA256()
        )
    return bool(keys)


def test_an_id_token_verifies_until_the_key_is_rotated(pdb, web, app):
    before = web.tokens(app)["id_token"]
    assert verify(before, web.get("/oauth2/.well-known/jwks.json").json())
    pdb.rotate_key()
    jwks = web.get("/oauth2/.well-known/jwks.json").json()
    assert len(jwks["keys"]) == 1
    assert not verify(before, jwks)
    assert verify(web.tokens(app)["id_token"], jwks)


def test_the_key_id_is_the_thumbprint_of_rfc_7638(web):
    key = web.get("/oauth2/.well-known/jwks.json").json()["keys"][0]
    canonical = json.dumps(
        {name: key[name] for name in ("e", "kty", "n")}, separators=(",", ":")
    ).encode()
    assert decoded(key["kid"]) == hashlib.sha256(canonical).digest()


def test_hs256_tokens_are_signed_with_the_stored_hash_and_not_with_the_secret(pdb, web):
    app = pdb.register("https://app.example.net/callback", algorithm="HS256")
    head, payload, signature = web.tokens(app)["id_token"].split(".")
    with_secret = hmac.digest(app.client_secret.encode(), f"{head}.{payload}".encode(), "sha256")
    assert decoded(signature) != with_secret


def test_an_unhashed_hs256_secret_verifies(pdb, web):
    app = pdb.register(
        "https://app.example.net/callback", algorithm="HS256", hash_client_secret=False
    )
    head, payload, signature = web.tokens(app)["id_token"].split(".")
    assert decoded(signature) == hmac.digest(
        app.client_secret.encode(), f"{head}.{payload}".encode(), "sha256"
    )


def test_a_code_lives_for_a_minute(pdb, web, app):
    code = web.code(app)
    pdb.advance(61)
    assert web.exchange(app, code).json() == {"error": "invalid_grant"}
    code = web.code(app)
    pdb.advance(50)
    assert web.exchange(app, code).status == 200


def test_an_access_token_lives_for_ten_hours_and_a_refresh_token_for_ever(pdb, web, app):
    token = web.tokens(app)
    pdb.advance(35_900)
    assert web.get("/profile/v1", token["access_token"]).status == 200
    pdb.advance(101)
    assert web.get("/profile/v1", token["access_token"]).status == 403
    pdb.advance(400 * 86_400)
    assert web.refresh(app, token["refresh_token"]).status == 200


def test_added_time_shows_in_id_tokens(pdb, web, app):
    before = claims(web.tokens(app)["id_token"])
    pdb.advance(1000)
    after = claims(web.tokens(app)["id_token"])
    assert 1000 <= after["iat"] - before["iat"] < 1030
    assert 1000 <= after["auth_time"] - before["auth_time"] < 1030
    assert after["exp"] - after["iat"] in {36_000, 36_001}


def test_time_only_goes_forward(pdb):
    with pytest.raises(SandboxError, match="forward"):
        pdb.advance(-1)


def test_a_refresh_has_no_amr_even_with_the_code(web, app):
    code = web.code(app)
    token = web.exchange(app, code).json()
    assert claims(token["id_token"])["amr"] == ["pwd", "otp", "mfa"]
    assert (
        claims(web.refresh(app, token["refresh_token"], code=code).json()["id_token"])["amr"] == []
    )


def test_a_refresh_has_the_amr_of_an_unused_code_of_the_application(pdb, web, app):
    other = pdb.register("https://app.example.net/callback")
    refresh = web.tokens(app)["refresh_token"]
    token = web.refresh(app, refresh, code=web.code(other)).json()
    assert claims(token["id_token"])["amr"] == []
    token = web.refresh(app, token["refresh_token"], code=web.code(app)).json()
    assert claims(token["id_token"])["amr"] == ["pwd", "otp", "mfa"]
    assert web.get("/profile/v1", token["access_token"]).json()["amr"] == ["pwd", "otp", "mfa"]


def test_a_device_code_is_given_to_an_application_with_the_right_secret(web, app):
    answer = web.post("/oauth2/device-authorization/", web.credentials(app))
    assert (answer.status, list(answer.json())) == (
        200,
        ["verification_uri", "expires_in", "user_code", "device_code", "interval"],
    )
    assert answer.json()["verification_uri"] is None


def test_x_auth_id_has_at_most_16_characters_of_the_user_name(web):
    basic = base64.b64encode(b"a-client-id-of-24-letters:secret").decode()
    answer = web.send("POST", "/oauth2/token/", {"Authorization": f"Basic {basic}"})
    assert (answer.status, answer.headers["X-Auth-ID"]) == (401, "a-client-id-of-2")


def test_a_refresh_ends_both_old_tokens_and_reuse_revokes_nothing(web, app):
    old = web.tokens(app)
    new = web.refresh(app, old["refresh_token"]).json()
    assert web.get("/profile/v1", old["access_token"]).status == 403
    assert web.refresh(app, old["refresh_token"]).json() == {"error": "invalid_grant"}
    assert web.get("/profile/v1", new["access_token"]).status == 200
    assert web.refresh(app, new["refresh_token"]).status == 200


def test_a_narrowed_scope_stays_narrow(web, app):
    narrow = web.refresh(app, web.tokens(app)["refresh_token"], scope="profile").json()
    again = web.refresh(app, narrow["refresh_token"]).json()
    assert again["scope"] == "profile"
    assert web.refresh(app, again["refresh_token"], scope="profile email").json() == {
        "error": "invalid_scope"
    }
    assert web.refresh(app, again["refresh_token"]).status == 200


def test_reusing_a_code_revokes_nothing(web, app):
    code = web.code(app)
    token = web.exchange(app, code).json()
    assert web.exchange(app, code).status == 400
    assert web.get("/profile/v1", token["access_token"]).status == 200


def test_a_code_works_after_refused_exchanges(web, app):
    code = web.code(app)
    assert web.exchange(app, code, client_secret="wrong").status == 401
    assert web.exchange(app, code, redirect_uri="https://app.example.net/other").status == 400
    assert web.exchange(app, code).status == 200


@pytest.mark.parametrize("_", range(3))
def test_of_several_exchanges_at_once_one_succeeds(pdb, web_for, web, app, _):
    code = web.code(app)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda w: w.exchange(app, code), [web_for(pdb) for _ in range(4)]))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]


def test_refreshes_at_once_get_the_same_tokens_or_come_too_late(pdb, web_for, web, app):
    token = web.tokens(app)
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(
                lambda w: w.refresh(app, token["refresh_token"]), [web_for(pdb) for _ in range(6)]
            )
        )
    good = [answer.json() for answer in answers if answer.status == 200]
    assert good
    assert len({(answer["access_token"], answer["refresh_token"]) for answer in good}) == 1
    digest = hashlib.sha256(good[0]["access_token"].encode()).digest()
    fitting = [claims(a["id_token"])["at_hash"] for a in good].count(
        base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
    )
    assert fitting == 1
    assert all(
        answer.json() == {"error": "invalid_grant"} for answer in answers if answer.status != 200
    )


def test_revoking_a_refresh_token_ends_its_access_token_but_not_vice_versa(web, app):
    one, two = web.tokens(app), web.tokens(app)
    for token in (one["refresh_token"], two["access_token"]):
        assert (
            web.post("/oauth2/revoke_token/", {"token": token} | web.credentials(app)).status == 200
        )
    assert web.get("/profile/v1", one["access_token"]).status == 403
    assert web.refresh(app, one["refresh_token"]).status == 400
    assert web.get("/profile/v1", two["access_token"]).status == 403
    assert web.refresh(app, two["refresh_token"]).status == 200


def test_any_client_can_revoke_any_token(pdb, web, app):
    token = web.tokens(app)
    other = pdb.register("https://other.example.net/callback")
    assert (
        web.post(
            "/oauth2/revoke_token/", {"token": token["refresh_token"]} | web.credentials(other)
        ).status
        == 200
    )
    assert web.get("/profile/v1", token["access_token"]).status == 403


def test_the_tokens_of_one_person_can_be_revoked(pdb, web, app):
    mel, ada = web.tokens(app, "member"), web.tokens(app, "orgadmin")
    assert pdb.revoke_tokens("member") >= 2
    assert web.get("/profile/v1", mel["access_token"]).status == 403
    assert web.refresh(app, mel["refresh_token"]).json() == {"error": "invalid_grant"}
    assert web.get("/profile/v1", ada["access_token"]).status == 200
    pdb.revoke_tokens()
    assert web.get("/profile/v1", ada["access_token"]).status == 403


def test_a_change_shows_in_the_next_answer(pdb, web, app):
    token = web.tokens(app, "member")
    pdb.change(
        "member",
        networks={64500: 15, 64502: 3},
        manage_peering_sessions={64502: 1},
        verified_email=False,
    )
    body = web.get("/profile/v1", token["access_token"]).json()
    assert [(n["asn"], n["perms"], n["manage_peering_sessions"]) for n in body["networks"]] == [
        (64500, 15, 15),
        (64502, 3, 1),
    ]
    assert (body["verified_user"], body["verified_email"]) == (True, False)
    pdb.change("member", networks={64500: 1, 64501: 1, 65550: 1}, verified_email=True)
    assert (
        claims(web.refresh(app, token["refresh_token"]).json()["id_token"])["networks"][0]["perms"]
        == 1
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"networks": {64500: 16}}, "0 to 15, not 16"),
        ({"networks": {0: 1}}, "an ASN must be between 1"),
        ({"manage_peering_sessions": -1}, "0 to 15, not -1"),
        ({"mfa": "yes"}, "true or false"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(pdb, web, app, arguments, words):
    with pytest.raises(SandboxError, match=words):
        pdb.change("member", **arguments)
    networks = web.get("/profile/v1", web.tokens(app, "member")["access_token"]).json()["networks"]
    assert [network["perms"] for network in networks] == [1, 1, 1]


def test_a_change_of_an_unknown_person_names_those_that_exist(pdb):
    with pytest.raises(SandboxError, match=r"nobody here is called 'nobody'.*orgadmin"):
        pdb.change("nobody", mfa=True)


def test_a_bearer_token_beside_a_login_session_is_refused(visitor, web, app):
    token = web.tokens(app)["access_token"]
    visitor.press(visitor.get("/account/login/"), person="emailunconf")
    visitor.session.headers["Authorization"] = f"Bearer {token}"
    answer = visitor.get("/profile/v1")
    assert answer.status_code == 400
    assert answer.json()["meta"]["error"].startswith(
        "Cannot authenticate through Authorization header while logged in."
    )


def test_three_hundred_networks_are_listed_in_one_answer(web, app):
    token = web.tokens(app, "manynets")
    assert len(web.get("/profile/v1", token["access_token"]).json()["networks"]) == 300
    assert len(claims(token["id_token"])["networks"]) == 300


@pytest.mark.parametrize(
    "path", ["/oauth2/authorize", "/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke_token"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_missing_slash_is_a_redirect_for_every_method(web, path, method):
    answer = web.send(method, f"{path}?a=b")
    assert (answer.status, answer.headers["Location"]) == (301, f"{path}/?a=b")


@pytest.mark.parametrize(
    "path",
    [
        "/profile/v1/",
        "/.well-known/jwks.json",
        "/oauth2/.well-known/jwks.json/",
        "/.well-known/openid-configuration/oauth2",
        "/.well-known/oauth-authorization-server/oauth2",
    ],
)
def test_these_paths_do_not_exist(web, path):
    assert web.get(path).status == 404


@pytest.mark.parametrize("document", ["openid-configuration", "oauth-authorization-server"])
@pytest.mark.parametrize("place", ["/.well-known/", "/oauth2/.well-known/"])
@pytest.mark.parametrize("end", ["", "/"])
def test_each_document_is_found_in_two_places_with_and_without_slash(
    pdb, web, document, place, end
):
    answer = web.get(place + document + end)
    assert (answer.status, answer.json()["issuer"]) == (200, f"{pdb.url}/oauth2")


def test_the_issuer_follows_the_host_of_the_token_request(web, app):
    code = web.code(app)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uris[0],
    } | web.credentials(app)
    token = web.post("/oauth2/token/", fields, {"Host": "www.peeringdb.com"}).json()["id_token"]
    assert claims(token)["iss"] == "https://www.peeringdb.com/oauth2"
