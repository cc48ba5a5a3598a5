"""The examples in the README work."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from flask import Flask

from peeringdb_oauth import Permission
from peeringdb_oauth.integrations.flask import PeeringDB, current_user

README = Path(__file__).parent.parent / "README.md"
pytestmark = pytest.mark.server


def examples():
    return re.findall(
        r"<!-- run by tests/test_readme.py -->\n```python\n(.+?)```",
        README.read_text("utf-8"),
        re.DOTALL,
    )


@pytest.fixture
def load(tmp_path, monkeypatch):
    """``load(number)``: one of the examples, imported as a module."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(number):
        name = f"readme_example_{number}_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(examples()[number], "utf-8")
        return import_module(name)

    return load


@pytest.fixture
def app(load, peeringdb, monkeypatch):
    """The first example, with its settings in the environment."""
    config = peeringdb.client_config()
    for name in ("client_id", "client_secret", "redirect_uri", "base_url", "ca_file"):
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name.upper()}", getattr(config, name))
    monkeypatch.setenv("SECRET_KEY", "a secret that only this test knows")
    return load(0).app


def test_flask_example_is_under_fifteen_lines():
    assert len([line for line in examples()[0].splitlines() if line]) < 15


def test_flask_example_admits_a_user_with_the_right(app, peeringdb):
    browser = app.test_client()
    answer = peeringdb.log_in(
        browser, peeringdb.person("Ada Admin", networks={64500: 15}), "/networks/64500"
    )
    assert (answer.status_code, answer.text) == (200, "Ada Admin may change AS64500")


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        ({"networks": {64500: 1}}, "AS64500: you may read this network but not update it"),
        ({"networks": {64501: 15}}, "You are not affiliated with AS64500 at PeeringDB"),
        ({"verified_user": False}, "PeeringDB has not verified your account"),
        ({"verified_email": False}, "PeeringDB says your email address is not confirmed"),
    ],
)
def test_flask_example_says_why_a_user_is_refused(app, peeringdb, rights, reason):
    answer = peeringdb.log_in(
        app.test_client(), peeringdb.person("Mel Member", **rights), "/networks/64500"
    )
    assert answer.status_code == 403
    assert reason in answer.text


def test_flask_example_says_that_the_login_was_cancelled(app, peeringdb):
    answer = peeringdb.log_in(app.test_client(), peeringdb.person("Mel Member"), consent=False)
    assert answer.status_code == 403
    assert "You cancelled the login" in answer.text


def test_example_of_a_test_passes(load, peeringdb):
    def create_app(config):
        app = Flask(__name__)
        app.secret_key = "a secret that only this test knows"
        pdb = PeeringDB(app, config=config)

        @app.get("/networks/<int:asn>")
        @pdb.require(asn="asn", perms=Permission.UPDATE)
        def network(asn):
            return f"{current_user.name} may change AS{asn}"

        return app

    example = load(1)
    example.create_app = create_app
    example.test_a_plain_member_changes_nothing(peeringdb)


def test_every_example_is_run():
    assert len(examples()) == 2
