"""The doctor looks at this machine."""

import pytest

from peeringdb_oauth.doctor import examine_environment
from peeringdb_oauth.tls import tls_context

PEERINGDB = "https://auth.peeringdb.com"
NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


def examine(base_url=PEERINGDB, *, environ=None, ca_file=None, now=NOW):
    found = examine_environment(base_url, ca_file=ca_file, environ=environ or {}, now=now)
    return {finding.check: finding for finding in found}


def test_a_usual_machine_has_no_trap():
    assert {check: finding.status for check, finding in examine().items()} == {"certificates": "ok"}


def test_a_clock_before_the_release_is_wrong():
    finding = examine(now=0.0)["clock"]
    assert (finding.status, "1970-01-01" in finding.seen) == ("problem", True)


@pytest.mark.parametrize(
    "name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
)
def test_a_variable_that_names_no_file_is_named(name):
    finding = examine(environ={name: "/nowhere.pem"})["certificates"]
    assert finding.status == "problem"
    assert f"{name} names /nowhere.pem" in finding.seen


def test_a_bundle_without_certificates_is_named(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    finding = examine(ca_file=str(tmp_path / "empty.pem"))["certificates"]
    assert finding.status == "problem"
    assert "has no certificates" in finding.seen


def test_a_proxy_is_worth_knowing(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://user:hidden@proxy.example.net:3128")
    finding = examine()["proxy"]
    assert (finding.status, "proxy.example.net" in finding.seen) == ("info", True)
    assert "hidden" not in repr(finding)


def test_a_proxy_before_this_machine_is_a_problem(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.example.net:3128")
    assert examine("http://127.0.0.1:8642")["proxy"].status == "problem"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert "proxy" not in examine("http://127.0.0.1:8642")
