"""The public names, and that importing them loads only what is needed."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import pytest

import peeringdb_oauth

ROOT = Path(__file__).parent.parent
HEAVY = {
    "requests",
    "urllib3",
    "flask",
    "django",
    "cryptography",
    "aiohttp",
    "starlette",
    "oauth2_provider",
    "click",
    "rich",
}
CONTRACT = """
    BearerVerifier PeeringdbAuth ClientConfig Client AsyncClient
    AuthorizationRequest TokenResponse Introspection IDTokenClaims Login User Network Permission
    AccessRule Decision Reason MembershipPlan plan_memberships
    PeeringDBOAuthError ConfigurationError TransportError RateLimited ProviderError LoginDenied
    InvalidResponse StateMismatch InvalidIDToken TokenRejected AccessDenied
""".split()  # noqa: SIM905 - shorter so


def loaded_by(code):
    """Return which heavy packages a new process has loaded after running ``code``."""
    script = f"import sys\n{code}\nprint(*sorted({HEAVY!r} & set(sys.modules)))"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True
        ).stdout.split()
    )


def test_every_name_of_the_contract_is_public():
    assert set(CONTRACT) <= set(peeringdb_oauth.__all__)


def test_every_public_name_can_be_had_and_is_what_it_is_called():
    for name in peeringdb_oauth.__all__:
        assert getattr(peeringdb_oauth, name).__name__ == name


def test_the_three_lists_of_names_agree():
    source = ast.parse(inspect.getsource(peeringdb_oauth))
    for_type_checkers = {
        (node.module.removeprefix("peeringdb_oauth."), alias.name)
        for block in source.body
        if isinstance(block, ast.If)
        for node in block.body
        for alias in node.names
        if (alias.asname or alias.name) == alias.name
    }
    at_run_time = {
        (module, name) for module, names in peeringdb_oauth._MODULES.items() for name in names
    }
    assert for_type_checkers == at_run_time
    assert sorted(peeringdb_oauth.__all__) == sorted(name for _, name in at_run_time)
    assert dir(peeringdb_oauth) == sorted(peeringdb_oauth.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        _ = peeringdb_oauth.Clinet


def test_a_name_is_looked_up_once():
    assert peeringdb_oauth.User is peeringdb_oauth.User
    assert "User" in vars(peeringdb_oauth)


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import peeringdb_oauth") == set()


def test_everything_but_the_clients_comes_without_requests():
    names = [
        name
        for name in peeringdb_oauth.__all__
        if name not in ("Client", "PeeringdbAuth", "AsyncClient", "BearerVerifier")
    ]
    assert loaded_by(f"from peeringdb_oauth import {', '.join(names)}") == set()


def test_importing_the_client_loads_requests_and_what_requests_needs():
    assert loaded_by("from peeringdb_oauth import Client") == {"requests", "urllib3"}


def test_a_login_can_be_prepared_before_anything_heavy_is_loaded():
    code = """
from peeringdb_oauth import AccessRule, ClientConfig
AccessRule(); ClientConfig(client_id="portal", redirect_uri="https://portal.example.net/callback")
"""
    assert loaded_by(code) == set()


def test_the_base_install_brings_only_requests():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [
        re.split(r"[^A-Za-z0-9_.-]", requirement)[0] for requirement in project["dependencies"]
    ] == ["requests"]


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", peeringdb_oauth.__version__)


@pytest.mark.parametrize(
    "name", ["ClientConfig", "AuthorizationRequest", "TokenResponse", "Login", "User", "Network"]
)
def test_the_types_of_a_public_value_can_be_resolved(name):
    assert typing.get_type_hints(getattr(peeringdb_oauth, name))
