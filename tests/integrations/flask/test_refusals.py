"""Refusals: the way on, the line in the audit log, and the cause in debug mode."""

import logging

import pytest

from peeringdb_oauth import Permission, TransportError

RIGHTS = "verified_user verified_email asn=AS64499 or AS64500 perms=UPDATE"


@pytest.fixture
def danger(portal):
    @portal.app.post("/danger")
    @portal.pdb.require(mfa=True)
    def danger():
        return "boom"


@pytest.mark.usefixtures("danger")
def test_a_form_that_needs_a_second_factor_leads_to_a_login_that_asks_for_one(portal, browser):
    browser.log_in("member", second_factor="backup")
    headers = {"Sec-Fetch-Site": "same-origin", "Referer": f"{portal.base_url}/form?tab=2"}
    answer = browser.post("/danger", headers=headers)
    assert browser.failure(answer)[:2] == (403, "A second factor is needed here")
    login = "/login/peeringdb?next=/form%3Ftab%3D2&prompt=login"
    assert f'href="{login.replace("&", "&amp;")}"' in answer.text
    answer = browser.post("/danger", headers=headers, accept="application/json")
    assert (answer.json["reasons"][0]["code"], answer.json["login_url"]) == (
        "needs_second_factor",
        login,
    )
    browser.log_in("member", login)
    assert browser.post("/danger", headers=headers).text == "boom"


def test_the_audit_names_view_path_and_rule_but_not_the_query(portal, browser, caplog):
    @portal.app.get("/ports/<port>", endpoint="port")
    @portal.pdb.require(asn=(64499, 64500), perms=Permission.UPDATE)
    def port(port):
        return port

    browser.log_in("member")
    with caplog.at_level(logging.INFO, "peeringdb_oauth.audit"):
        browser.get("/ports/a%0Ab?token=secret")
    [record] = [record for record in caplog.records if record.name == "peeringdb_oauth.audit"]
    assert record.getMessage().startswith(
        f"login with PeeringDB: refused, user 2, view port, path /ports/a%0Ab, rule {RIGHTS}: "
    )
    assert "secret" not in str(vars(record))


@pytest.mark.parametrize("debug", [True, False])
def test_only_debug_mode_shows_the_cause(portal, browser, caplog, debug):
    portal.app.debug = debug

    @portal.app.get("/api")
    @portal.pdb.bearer()
    def api():
        return "ok"

    @portal.app.get("/broken")
    def broken():
        raise TransportError("choose the algorithm RS256")

    assert ("choose the algorithm RS256" in browser.get("/broken").text) is debug
    answer = browser.get("/broken", accept="application/json")
    assert ("choose the algorithm RS256" in answer.text) is debug
    assert ("cause" in browser.get("/api").json) is debug
    assert caplog.text.count("TransportError: choose the algorithm RS256") == 2
