"""Refusals: the way on, the line in the audit log, and the cause in debug mode."""

import logging

import pytest

OWN = {"sec-fetch-site": "same-origin", "referer": "http://localhost/form?tab=2"}


def test_a_form_that_needs_a_second_factor_leads_to_a_login_that_asks_for_one(visitor):
    visitor.log_in("member", second_factor="backup")
    answer = visitor.post("/mfa", **OWN)
    assert answer.status_code == 403
    assert "A second factor is needed here" in answer.content.decode()
    login = "/login/peeringdb?next=/form%3Ftab%3D2&prompt=login"
    assert f'href="{login.replace("&", "&amp;")}"' in answer.content.decode()
    answer = visitor.post("/mfa", accept="application/json", **OWN).json()
    assert (answer["reasons"][0]["code"], answer["login_url"]) == ("needs_second_factor", login)
    visitor.log_in("member", "?prompt=login")
    assert visitor.post("/mfa", **OWN).content == b"with a second factor"


def test_the_audit_names_view_path_and_rule_but_not_the_query(visitor, caplog):
    visitor.log_in("member")
    with caplog.at_level(logging.INFO, "peeringdb_oauth.audit"):
        visitor.get("/text/64500%0A?token=secret")
    [record] = [record for record in caplog.records if record.name == "peeringdb_oauth.audit"]
    assert record.getMessage().startswith(
        "login with PeeringDB: refused, user 2, view members_area.views.text,"
        " path /text/64500%0A, rule verified_user verified_email perms=UPDATE: "
    )
    assert "secret" not in str(vars(record))


@pytest.mark.parametrize("debug", [True, False])
def test_only_debug_mode_shows_the_cause(configure, make_visitor, pdb, caplog, debug):
    configure(DEBUG=debug)
    visitor = make_visitor()
    pdb.fault("error_500", path="/oauth2/token/", times=1)
    hint = "choose the algorithm RS256"
    page = visitor.log_in("member")
    assert (page.status_code, hint in page.content.decode()) == (502, debug)
    assert hint in caplog.text
    api = visitor.get("/api/me", authorization="Bearer made-up", accept="application/json")
    assert ("cause" in api.json()) is debug
