"""``peeringdb-oauth demo``: a portal and a local PeeringDB to log in with."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from peeringdb_oauth.errors import ConfigurationError

_PACKAGE = Path(__file__).parents[1]
# In a wheel, and in a clone.
_EXAMPLES = (_PACKAGE / "examples", _PACKAGE.parents[1] / "examples")
# What each portal needs: modules, and how they are installed.
_NEEDS = {
    "flask": (("oauth2_provider", "flask"), '"peeringdb-oauth[sandbox,flask]"'),
    "fastapi": (
        ("oauth2_provider", "fastapi", "uvicorn"),
        '"peeringdb-oauth[sandbox,starlette]" fastapi uvicorn',
    ),
    "django": (("oauth2_provider", "werkzeug"), '"peeringdb-oauth[sandbox,django]" werkzeug'),
}


@click.command()
@click.option(
    "--framework",
    type=click.Choice(list(_NEEDS)),
    default="flask",
    show_default=True,
    help="Which of the example portals.",
)
@click.option("--once", is_flag=True, help="Log in once, without a browser, and print the user.")
@click.option("--user", metavar="LOGIN", help="Whom --once logs in. By default orgadmin.")
def demo(*, framework: str, once: bool, user: str | None) -> None:
    """Run an example portal and a local PeeringDB in your browser.

    Nobody needs an account: the login page shows people to choose from. End it with
    Ctrl-C.
    """
    if user is not None and not once:
        raise ConfigurationError("--user: goes with --once")
    modules, packages = _NEEDS[framework]
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ConfigurationError(f"{missing[0]} is missing: pip install {packages}")
    examples = next((path for path in _EXAMPLES if (path / "demo.py").exists()), None)
    if examples is None:
        raise ConfigurationError("the examples are not installed: install peeringdb-oauth anew")
    options = ["--once"] if once else []
    options += ["--user", user] if user is not None else []
    sys.path.insert(0, str(examples))
    raise SystemExit(import_module("demo").main([f"--framework={framework}", *options]))
