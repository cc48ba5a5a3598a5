"""docs/gateway.md and examples/gateway: what a reader copies is right."""

import re
from pathlib import Path

import pytest
import yaml

from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.gateway.snippets import PROXIES, print_snippet

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gateway.md").read_text()
EXAMPLES = ROOT / "examples" / "gateway"
MARK = "<!-- read by tests/gateway/test_gateway_page.py -->"
FILES = re.findall(rf"{MARK}\n```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """``load(text)``: the settings in a text, with the files that they name."""
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", "sandbox-client")  # as in sandbox.env
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_SECRET", "s" * 40)

    def load(text):
        for name in ("secret-key", "client-secret"):
            (tmp_path / name).write_text("k" * 40)
            (tmp_path / name).chmod(0o600)
        (tmp_path / "members.txt").write_text("64500\n")
        for place in ("/var/lib/peeringdb-oauth", "/run/secrets/peeringdb-oauth", "/run/secrets"):
            text = text.replace(place, str(tmp_path))
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return Settings.load(path)

    return load


def test_the_page_has_settings():
    assert len(FILES) == 4


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_the_settings_on_the_page_are_right(load, text):
    settings = load(text)
    assert settings.hosts
    assert print_snippet(settings, "nginx", ["http://127.0.0.1:3000"])


@pytest.mark.parametrize("headers", re.findall(r"```toml\n(\[headers\].*?)```", PAGE, re.DOTALL))
def test_the_headers_on_the_page_are_right(load, headers):
    assert len(load(FILES[1] + headers).reloadable.headers.names) == 1


def test_the_page_names_each_proxy_and_each_option():
    for word in (*PROXIES, "--upstream", "--gateway", "--php", "--cache"):
        assert word in PAGE


def test_the_settings_of_the_containers_are_right(load):
    settings = load((EXAMPLES / "gateway.toml").read_text())
    compose = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
    [proxy] = settings.trusted_proxies
    address = compose["services"]["caddy"]["networks"]["back"]["ipv4_address"]
    assert str(proxy) == f"{address}/32"
    assert set(compose["services"]["gateway"]["secrets"]) == {"secret-key", "client-secret"}
    assert "gateway:4180" in print_snippet(
        settings, "caddy", ["http://application:8000"], gateway="gateway:4180"
    )


def test_the_settings_in_kubernetes_are_right(load):
    parts = list(yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text()))
    by_kind = {part["kind"]: part for part in parts}
    settings = load(by_kind["ConfigMap"]["data"]["gateway.toml"])
    middleware = by_kind["Middleware"]["spec"]["forwardAuth"]
    headers = [*settings.reloadable.headers.names, "Cookie"]
    assert middleware["authResponseHeaders"] == headers
    printed = yaml.safe_load(
        print_snippet(settings, "traefik", ["http://app:80"], gateway="peeringdb-oauth:4180")
    )
    assert printed["http"]["middlewares"]["peeringdb"]["forwardAuth"] == middleware
