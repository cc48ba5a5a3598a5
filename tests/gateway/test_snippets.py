import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.addresses import Listen
from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.gateway.snippets import PROXIES, print_snippet, print_unit
from peeringdb_oauth.gateway.snippets.printing import PUBLIC
from peeringdb_oauth.gateway.snippets.upstream import Upstream

APPLICATION = "http://127.0.0.1:3000"
URLS = ("https://lg.example.net", "https://grafana.example.net:8443")


@pytest.fixture
def load(tmp_path):
    """``load(**settings)``: the settings of a file with these lines at its top."""

    def load(urls=URLS, after="", **settings):
        (tmp_path / "key").write_text("k" * 40)
        (tmp_path / "secret").write_text("s" * 40)
        for name in ("key", "secret"):
            (tmp_path / name).chmod(0o600)
        lines = {
            "urls": list(urls),
            "secret_key_file": "key",
            "sessions": f"sqlite:///{tmp_path}/sessions.db",
        } | settings
        text = "".join(
            f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n"
            for name, value in lines.items()
        )
        text += '[peeringdb]\nclient_id = "x1"\nclient_secret_file = "secret"\n'
        text += '[[rule]]\npath = "/"\nasn = 64500\n'
        (tmp_path / "gateway.toml").write_text(text + after)
        return Settings.load(tmp_path / "gateway.toml")

    return load


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "traefik", "haproxy"])
def test_a_snippet_names_each_url_the_application_and_the_gateway(load, proxy):
    text = print_snippet(load(), proxy, [APPLICATION])
    for part in ("lg.example.net", "grafana.example.net", "127.0.0.1:3000", "127.0.0.1:4180"):
        assert part in text
    assert f"--config {load().path} snippet {proxy}" in text


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_a_browser_does_not_show_files_from_its_cache_after_a_logout(load, proxy):
    text = print_snippet(load(), proxy, ["/srv/www"])
    assert text.count('Cache-Control "private, no-cache"') == len(URLS)


def test_exactly_the_pages_for_visitors_are_let_out(load):
    routes = create_app(load())._pages.routes
    paths = {route.path.removeprefix("/_peeringdb/") for route in routes}
    assert paths - {"answer", "forward-auth"} | {"jwks.json"} == set(PUBLIC)


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "traefik", "haproxy"])
def test_each_header_of_the_settings_is_taken_from_the_gateway_only(load, proxy):
    settings = load(after='[headers]\nX-WEBAUTH-USER = "{email}"\n')
    text = print_snippet(settings, proxy, [APPLICATION])
    assert "X-WEBAUTH-USER" in text
    assert "X-PeeringDB-ID" not in re.sub("#.*", "", text)


def test_each_url_can_have_an_application_of_its_own(load):
    upstreams = [f"{URLS[1]}/=http://192.0.2.7", APPLICATION]
    text = print_snippet(load(), "nginx", upstreams)
    assert text.index("server 127.0.0.1:3000;") < text.index("server 192.0.2.7:80;")


@pytest.mark.parametrize(
    ("upstreams", "problem"),
    [
        ([], f"--upstream: missing for {URLS[0]}, {URLS[1]}"),
        ([f"{URLS[0]}={APPLICATION}"], f"--upstream: missing for {URLS[1]}"),
        ([f"https://wiki.example.net={APPLICATION}"], "https://wiki.example.net is not in urls"),
        (["http://127.0.0.1:3000/path"], "is neither"),
        (["ftp://127.0.0.1"], "is neither"),
        (["unix:run/app.sock"], "is neither"),
        (["http://127.0.0.1:3000; evil"], "is neither"),
    ],
)
def test_an_application_that_is_missing_or_wrong_is_a_problem(load, upstreams, problem):
    with pytest.raises(ConfigurationError, match=re.escape(problem)):
        print_snippet(load(), "nginx", upstreams)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("https://app.example.net/", "https://app.example.net:443"),
        ("http://[2001:db8::1]:3000", "http://[2001:db8::1]:3000"),
    ],
)
def test_the_url_of_an_application(text, url):
    assert Upstream.parse(text).url == url


@pytest.mark.parametrize(
    ("proxy", "upstream", "options", "problem"),
    [
        ("traefik", "/srv/www", {}, "serves no files"),
        ("haproxy", "/srv/www", {}, "serves no files"),
        ("caddy", APPLICATION, {"cache": True}, "--cache: only nginx"),
        ("nginx", APPLICATION, {"php": "unix:/run/php.sock"}, "--php: only"),
        ("haproxy", APPLICATION, {"php": "unix:/run/php.sock"}, "--php: only"),
        ("nginx", "/srv/www", {"php": "run/php.sock"}, "neither unix:/PATH nor HOST:PORT"),
        ("traefik", "unix:/run/app.sock", {}, "reaches no Unix socket"),
    ],
)
def test_what_a_proxy_cannot_do_is_a_problem(load, proxy, upstream, options, problem):
    with pytest.raises(ConfigurationError, match=re.escape(problem)):
        print_snippet(load(), proxy, [upstream], **options)


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "haproxy"])
def test_gateway_and_application_can_be_at_unix_sockets(load, proxy):
    settings = load(listen="unix:/run/peeringdb-oauth/gateway.sock")
    text = print_snippet(settings, proxy, ["unix:/run/app.sock"])
    assert "/run/peeringdb-oauth/gateway.sock" in text
    assert "/run/app.sock" in text


def test_traefik_cannot_reach_a_gateway_at_a_unix_socket(load):
    settings = load(listen="unix:/run/peeringdb-oauth/gateway.sock")
    with pytest.raises(ConfigurationError, match="set listen to an address"):
        print_snippet(settings, "traefik", [APPLICATION])
    assert "gateway:4180" in print_snippet(
        settings, "traefik", [APPLICATION], gateway="gateway:4180"
    )


@pytest.mark.parametrize("php", ["unix:/run/php/php-fpm.sock", "127.0.0.1:9000"])
@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_pages_in_php(load, proxy, php):
    text = print_snippet(load(), proxy, ["/srv/www/"], php=php)
    assert "/srv/www\n" in text.replace(";", "")
    assert php.removeprefix("unix:") in text


def test_nginx_remembers_only_if_asked(load):
    without = print_snippet(load(), "nginx", [APPLICATION])
    assert "proxy_cache" not in without
    assert "open_file_cache" not in without
    cached = print_snippet(load(), "nginx", [APPLICATION], cache=True)
    assert "proxy_cache_lock off" in cached
    assert "open_file_cache max=200 inactive=2s" in cached


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "traefik", "haproxy"])
def test_a_site_of_this_machine_needs_no_certificate(load, proxy):
    settings = load(["http://127.0.0.1:8080"], allow_http=True)
    text = print_snippet(settings, proxy, [APPLICATION])
    assert "certificate" not in text
    assert "127.0.0.1" in text


def test_nginx_verifies_an_application_over_https(load):
    text = print_snippet(load(), "nginx", ["https://app.example.net"])
    assert "server app.example.net:443;" in text
    assert "proxy_ssl_name app.example.net;" in text
    assert "proxy_ssl_verify on;" in text


def test_haproxy_verifies_an_application_over_https(load):
    text = print_snippet(load(), "haproxy", ["https://app.example.net"])
    assert "server application app.example.net:443 ssl verify required" in text
    assert "sni str(app.example.net)" in text


def test_a_signed_header_is_taken_from_the_gateway_too(load):
    settings = load(after='[assertions]\nheader = "X-Signed"\n')
    assert "proxy_set_header X-Signed $" in print_snippet(settings, "nginx", [APPLICATION])


def test_the_file_for_haproxy_registers_the_action_that_its_snippet_uses(load):
    action = 'core.register_action("peeringdb_check"'
    assert action in print_snippet(load(), "haproxy-lua", [])
    assert "http-request lua.peeringdb_check " in print_snippet(load(), "haproxy", [APPLICATION])


def test_the_unit_lets_the_service_write_its_own_files_only(load):
    settings = replace(
        load(),
        listen=Listen(unix=Path("/run/peeringdb-oauth/gateway.sock")),
        socket_group="www-data",
        metrics_listen=Listen(unix=Path("/run/peeringdb-oauth/metrics.sock")),
        sessions="sqlite:////var/lib/peeringdb-oauth/sessions.db",
        audit_log="/srv/log/audit.log",
    )
    lines = print_unit(settings).splitlines()
    assert "RuntimeDirectory=peeringdb-oauth" in lines
    assert "StateDirectory=peeringdb-oauth" in lines
    assert "ReadWritePaths=/srv/log" in lines
    assert "ProtectSystem=strict" in lines
    assert "SupplementaryGroups=www-data" in lines
    assert "PrivateUsers=no" in lines  # other groups do not exist with it


def test_the_unit_of_a_store_elsewhere_writes_nothing(load):
    settings = replace(
        load(),
        sessions="redis://127.0.0.1/0",
        metrics_listen=Listen(host="127.0.0.1", port=4181),
        audit_log="-",
    )
    assert not re.search("Directory=|ReadWritePaths=", print_unit(settings))


def test_a_service_cannot_make_a_socket_in_a_directory_of_root(load):
    with pytest.raises(ConfigurationError, match="listen: only root can make files in /run"):
        print_unit(load(listen="unix:/run/peeringdb-oauth.sock"))


@pytest.mark.parametrize(
    ("place", "line"),
    [("/home/admin", "ProtectHome=read-only"), ("/etc/peeringdb-oauth", "ProtectHome=yes")],
)
def test_the_unit_reads_home_directories_only_if_it_must(load, place, line, monkeypatch):
    monkeypatch.setattr("sys.executable", "/opt/nothing/bin/python")
    monkeypatch.setenv("PATH", "/opt/nothing/bin")
    text = print_unit(replace(load(), path=Path(place) / "gateway.toml"))
    assert line in text
    assert f"ExecStart=/usr/bin/peeringdb-oauth gateway --config {place}/gateway.toml\n" in text


@pytest.mark.server
@pytest.mark.parametrize("socket", [False, True])
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
def test_systemd_accepts_the_unit_and_rates_it_as_safe(load, tmp_path, socket):
    settings = load()
    if socket:
        where = Listen(unix=Path("/run/peeringdb-oauth/gateway.sock"))
        settings = replace(settings, listen=where, socket_group="www-data")
    unit = tmp_path / "peeringdb-oauth-gateway.service"
    unit.write_text(re.sub("(Exec[A-Za-z]*)=/.*", r"\1=/bin/true", print_unit(settings)))
    verified = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (verified.stderr, verified.returncode) == ("", 0)
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(re.search(r"exposure level .*: ([0-9.]+)", rated.stdout)[1]) < 2


def test_all_templates_end_with_a_line(load):
    for proxy in PROXIES:
        text = print_snippet(load(), proxy, [APPLICATION])
        assert text.endswith("\n")
        assert "\n\n\n" not in text
