"""The database of a sandbox as a file."""

from pathlib import Path

import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox import Sandbox

PEOPLE = Path(__file__).parent / "people"
JWKS = "/oauth2/.well-known/jwks.json"


def test_a_database_file_survives_a_restart_with_people_tokens_sessions_and_keys(
    tmp_path, web_for, visitor_for
):
    database = tmp_path / "sandbox.sqlite"
    with Sandbox(database=database) as pdb:
        web = web_for(pdb)
        app = pdb.register("https://app.example.net/callback")
        token, jwks = web.tokens(app, "member"), web.get(JWKS).json()
        pdb.change("member", networks={64500: 7})
        visitor = visitor_for(pdb)
        visitor.press(visitor.get("/account/login/"), person="emailunconf")
        ca = Path(pdb.ca_file).read_bytes()
    with Sandbox(database=database) as pdb:
        web = web_for(pdb)
        assert Path(pdb.ca_file).read_bytes() == ca
        assert Path(pdb.ca_file).is_absolute()
        assert web.get(JWKS).json() == jwks
        visitor.pdb = pdb
        assert "Em Unconf" in visitor.get("/").text
        assert web.get("/profile/v1", token["access_token"]).json()["networks"][0]["perms"] == 7
        assert web.refresh(app, token["refresh_token"]).status == 200
    for _ in range(2):
        with Sandbox(database=database, people=PEOPLE / "people.toml") as pdb:
            web = web_for(pdb)
            assert web.refresh(app, token["refresh_token"]).json() == {"error": "invalid_grant"}
            assert web.tokens(app, "ed")


def test_the_database_is_private_and_links_are_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious", encoding="utf-8")
    (tmp_path / "sandbox.sqlite.ca.pem").symlink_to(precious)
    with Sandbox(database=tmp_path / "sandbox.sqlite"):
        modes = {
            path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("sandbox.sqlite*")
        }
    assert modes.pop("sandbox.sqlite.ca.pem") == 0o044  # public: others may run the application
    assert modes
    assert set(modes.values()) == {0}
    assert precious.read_text(encoding="utf-8") == "precious"


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "text.sqlite"
    path.write_text("this is no database " * 100, encoding="utf-8")
    with (
        pytest.raises(ConfigurationError, match="the database cannot be used"),
        Sandbox(database=path),
    ):
        pass
