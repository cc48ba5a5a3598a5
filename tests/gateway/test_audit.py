"""The audit log: who, what, which rule and why, in JSON, and never a token."""

import json
import logging
import re

import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.audit import close_audit_log, open_audit_log

from .conftest import LG, RULES, SCRIPT

pytestmark = pytest.mark.server


@pytest.fixture
def audit(make_site, tmp_path):
    """A browser, and a function that reads the audit log."""
    path = tmp_path / "audit.jsonl"
    site = make_site(RULES, f'audit_log = "{path}"')
    return site.browser(), lambda: [json.loads(line) for line in path.read_text().splitlines()]


def test_each_event_is_a_line_with_the_rule_and_the_reasons(audit):
    browser, read = audit
    browser.log_in("member")
    browser.get("/members/64501/?secret=1", headers=SCRIPT)
    browser.post("/_peeringdb/logout")
    login, refused, _, logout = read()
    assert login.pop("time").endswith("+00:00")
    assert login == {
        "event": "login",
        "user_id": 2,
        "asns": [64500, 64501, 65550],
        "amr": ["pwd", "otp", "mfa"],
        "path": "/_peeringdb/callback",
        "origin": LG,
    }
    del refused["time"], refused["asns"], refused["amr"]
    assert refused == {
        "event": "refused",
        "user_id": 2,
        "code": "forbidden",
        "asn": 64501,
        "reasons": ["AS64501: you may read this network but not update it"],
        "reason_codes": ["needs_update"],
        "rule": "verified_user verified_email perms=UPDATE",
        "view": "rule 2 (path /members/{asn}/)",
        "path": "/members/64501/",
        "origin": LG,
    }
    assert (logout["event"], logout["user_id"]) == ("logout", 2)


def test_no_line_has_a_token_a_cookie_or_a_query(audit, tmp_path):
    browser, _ = audit
    browser.log_in("member")
    cookies = list(browser.cookies.values())
    browser.get("/members/64501/?secret=sesame")
    browser.get("/_peeringdb/callback?code=abc&state=def")
    browser.post("/_peeringdb/logout")
    text = (tmp_path / "audit.jsonl").read_text()
    assert "sesame" not in text
    assert "code=" not in text
    assert not [cookie for cookie in cookies if cookie in text]
    assert not re.search("[A-Za-z0-9_-]{25}", text.replace("example", ""))


def test_a_name_in_the_path_breaks_no_line(audit):
    browser, read = audit
    browser.log_in("member")
    browser.get("/members/64501/%22%E2%80%A8%7D")
    assert read()[-1]["path"] == "/members/64501/%22%E2%80%A8%7D"


def test_a_file_that_was_moved_away_is_opened_anew(audit, tmp_path):
    browser, read = audit
    browser.log_in("member")
    (tmp_path / "audit.jsonl").rename(tmp_path / "audit.jsonl.1")
    browser.post("/_peeringdb/logout")
    assert [line["event"] for line in read()] == ["session_ended", "logout"]


def test_a_closed_log_leaves_the_logger_as_it_was(tmp_path):
    logger = logging.getLogger("peeringdb_oauth.audit")
    first, second = (open_audit_log(str(tmp_path / name)) for name in ("one", "two"))
    close_audit_log(first)
    assert logger.level == logging.INFO
    close_audit_log(second)
    assert (logger.level, logger.handlers) == (logging.NOTSET, [])


def test_the_audit_may_go_to_standard_output(capsys):
    handler = open_audit_log("-")
    logging.getLogger("peeringdb_oauth.audit").info("x", extra={"peeringdb_event": "login"})
    close_audit_log(handler)
    logging.getLogger("peeringdb_oauth.audit").info("x", extra={"peeringdb_event": "logout"})
    assert json.loads(capsys.readouterr().out)["event"] == "login"


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^audit_log: .*: No such file or directory$"):
        open_audit_log(str(tmp_path / "nowhere" / "audit.jsonl"))
