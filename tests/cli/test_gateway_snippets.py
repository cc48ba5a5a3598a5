import pytest
from click.testing import CliRunner

from peeringdb_oauth.cli.program import program
from peeringdb_oauth.errors import ConfigurationError


@pytest.fixture
def config(tmp_path):
    for name in ("key", "secret"):
        (tmp_path / name).write_text(name[0] * 40)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "gateway.toml"
    path.write_text(f"""
urls = ["https://lg.example.net"]
secret_key_file = "key"
sessions = "sqlite:///{tmp_path}/sessions.db"
[peeringdb]
client_id = "x1"
client_secret_file = "secret"
[[rule]]
path = "/"
asn = 64500
""")
    return str(path)


def run(*arguments):
    return CliRunner().invoke(program, ["gateway", *arguments], catch_exceptions=True)


def test_prints_the_configuration_of_a_proxy(config):
    result = run("snippet", "nginx", "--upstream", "http://127.0.0.1:3000", "--config", config)
    assert result.exit_code == 0
    assert "server_name lg.example.net;" in result.stdout


def test_the_configuration_can_be_named_before_the_subcommand(config):
    result = run("--config", config, "snippet", "haproxy-lua")
    assert "core.register_action" in result.stdout


def test_a_problem_is_reported(config):
    result = run("snippet", "nginx", "--config", config)
    assert isinstance(result.exception, ConfigurationError)
    assert "--upstream: missing" in str(result.exception)


def test_options_reach_the_snippet(config):
    result = run(
        *("snippet", "nginx", "--upstream", "/srv/www", "--php", "127.0.0.1:9000", "--cache"),
        *("--gateway", "gateway:4180", "--config", config),
    )
    for part in ("fastcgi_pass 127.0.0.1:9000;", "proxy_cache_path", "server gateway:4180;"):
        assert part in result.stdout


def test_prints_a_unit_of_systemd(config):
    assert f"--config {config} check\n" in run("systemd", "--config", config).stdout
