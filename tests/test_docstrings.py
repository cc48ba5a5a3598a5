"""The examples in the docstrings are right.

Lines that begin with ``>>>`` are run and compared. A block of code after ``::`` is
compiled, and what it imports from us must exist. It is run if it needs no server.
"""

import ast
import doctest
import importlib
import textwrap
from pathlib import Path

import pytest

PACKAGE = "peeringdb_oauth"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE
# These have an example. Names are those of the file and of the object in it.
MAIN_OBJECTS = {
    "access.py:AccessRule",
    "async_client.py:AsyncClient",
    "bearer/verifier.py:BearerVerifier",
    "client.py:Client",
    "config.py:ClientConfig",
    "integrations/django/__init__.py",
    "integrations/django/guard.py:require_asn",
    "integrations/django/guard.py:require_peeringdb",
    "integrations/django/mixins.py:RequireASNMixin",
    "integrations/django/rest_framework.py:RequireASN",
    "integrations/flask/__init__.py",
    "integrations/flask/peeringdb.py:PeeringDB",
    "integrations/flask/peeringdb.py:PeeringDB.bearer",
    "integrations/flask/peeringdb.py:PeeringDB.require",
    "integrations/social_core.py:PeeringDBOAuth2",
    "integrations/starlette/__init__.py",
    "integrations/starlette/peeringdb.py:PeeringDB",
    "integrations/starlette/peeringdb.py:PeeringDB.bearer",
    "integrations/starlette/peeringdb.py:PeeringDB.require",
    "legacy.py:PeeringdbAuth",
    "memberships.py:Membership",
    "memberships.py:plan_memberships",
    "profile.py:Network",
    "profile.py:Permission",
    "profile.py:User",
    "pytest_plugin.py",
    "sandbox/__init__.py",
    "sandbox/handle.py:Sandbox",
}
NOT_PYTHON = {"errors.py"}  # the tree of the exceptions
FLASK = "integrations/flask/peeringdb.py:PeeringDB"
FLASK_NAMES = "from peeringdb_oauth.integrations.flask import current_user"
FASTAPI = "integrations/starlette/__init__.py"
PERMISSION = "from peeringdb_oauth import Permission"
# These blocks are run, each after the blocks or lines that make the names it uses.
RUN_AFTER = {
    "integrations/flask/__init__.py": [],
    FLASK: [],
    f"{FLASK}.bearer": [FLASK, FLASK_NAMES],
    f"{FLASK}.require": [FLASK, FLASK_NAMES, PERMISSION],
    "integrations/social_core.py:PeeringDBOAuth2": [],
    FASTAPI: [],
    f"{FASTAPI} (2)": [],
    "integrations/starlette/peeringdb.py:PeeringDB": [],
    "integrations/starlette/peeringdb.py:PeeringDB.bearer": [FASTAPI],
    "integrations/starlette/peeringdb.py:PeeringDB.require": [FASTAPI],
    "pytest_plugin.py": [],
}


def objects_in(node, name):
    """Yield each documented object in a syntax tree: its name and its docstring."""
    if docstring := ast.get_docstring(node):
        yield name, docstring
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from objects_in(child, f"{name}{'.' if ':' in name else ':'}{child.name}")


def blocks_in(docstring):
    """Return the blocks of code: those after a line that ends with ``::``."""
    blocks, block, indent = [], None, 0
    for line in docstring.splitlines():
        if block is not None and (not line.strip() or indent_of(line) > indent):
            block.append(line)
        elif line.endswith("::") and not line.lstrip().startswith(".."):
            block, indent = [], indent_of(line)
            blocks.append(block)
        else:
            block = None
    return [textwrap.dedent("\n".join(block)).strip() for block in blocks]


def indent_of(line):
    return len(line) - len(line.lstrip())


DOCSTRINGS = {
    name: docstring
    for path in sorted(SOURCE.rglob("*.py"))
    for name, docstring in objects_in(ast.parse(path.read_text()), str(path.relative_to(SOURCE)))
}
BLOCKS = {
    f"{name} ({number})" if number > 1 else name: block
    for name, docstring in DOCSTRINGS.items()
    if name not in NOT_PYTHON
    for number, block in enumerate(blocks_in(docstring), start=1)
}
DOCTESTS = {name: docstring for name, docstring in DOCSTRINGS.items() if ">>>" in docstring}


@pytest.mark.parametrize("name", sorted(MAIN_OBJECTS))
def test_a_main_object_has_an_example(name):
    assert name in BLOCKS or name in DOCTESTS


@pytest.mark.parametrize("name", DOCTESTS)
def test_a_doctest_shows_what_python_answers(name):
    example = doctest.DocTestParser().get_doctest(DOCTESTS[name], {}, name, name, 0)
    report = []
    doctest.DocTestRunner().run(example, out=report.append)
    assert report == []


@pytest.mark.parametrize("name", BLOCKS)
def test_what_a_block_imports_from_us_exists(name):
    tree = ast.parse(BLOCKS[name])
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == PACKAGE:
            names = {alias.name for alias in node.names}
            assert names <= names_of(node.module)


def names_of(module):
    """Return the names of a module. Those for Django are read, not imported."""
    if ".django" not in module:
        return set(dir(importlib.import_module(module)))
    path = SOURCE.joinpath(*module.split(".")[1:])
    tree = ast.parse((path / "__init__.py").read_text())
    modules = {file.stem for file in path.glob("*.py")}
    return modules | {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("name", RUN_AFTER)
def test_a_block_runs(name, monkeypatch):
    settings = {
        "PEERINGDB_OAUTH_CLIENT_ID": "portal",
        "PEERINGDB_OAUTH_CLIENT_SECRET": "correct-horse-battery",
        "PEERINGDB_OAUTH_REDIRECT_URI": "https://portal.example.net/login/peeringdb/callback",
        "PEERINGDB_OAUTH_SECRET_KEY": "only-for-this-test-0123456789abcdef",
        "SECRET_KEY": "only-for-this-test-0123456789abcdef",
    }
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    names = {"__name__": "example"}
    for block in (*RUN_AFTER[name], name):
        exec(BLOCKS.get(block, block), names)  # noqa: S102 - our own examples


def test_a_block_ends_where_its_indentation_ends():
    text = "Text:\n\n    no block\n\nOne::\n\n    first\n\n        second\n\nTwo::\n\n    third"
    assert blocks_in(text) == ["first\n\n    second", "third"]


def test_every_list_names_examples_that_exist():
    assert set(RUN_AFTER) <= set(BLOCKS)
    assert set(DOCSTRINGS) >= NOT_PYTHON
