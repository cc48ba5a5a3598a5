"""The public functions of the integrations show an example in their docstrings."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

import peeringdb_oauth

INTEGRATIONS = Path(peeringdb_oauth.__file__).parent / "integrations"


def docstring(path, name):
    """The docstring of a function or class, read from the source.

    The modules of Django cannot be imported without a project.
    """
    node = ast.parse((INTEGRATIONS / path).read_text("utf-8"))
    for part in name.split("."):
        [*_, node] = [each for each in node.body if getattr(each, "name", None) == part]
    return ast.get_docstring(node)


def example(text):
    """The indented lines below "::"."""
    below = text.partition("::\n\n")[2].splitlines()
    length = next(number for number, line in enumerate(below) if line and line[0] != " ")
    return dedent("\n".join(below[:length]))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("flask/peeringdb.py", "PeeringDB"),
        ("flask/peeringdb.py", "PeeringDB.require"),
        ("flask/peeringdb.py", "PeeringDB.bearer"),
        ("starlette/peeringdb.py", "PeeringDB"),
        ("starlette/peeringdb.py", "PeeringDB.require"),
        ("starlette/peeringdb.py", "PeeringDB.bearer"),
        ("django/guard.py", "require_asn"),
        ("django/guard.py", "require_peeringdb"),
        ("django/mixins.py", "RequireASNMixin"),
        ("django/rest_framework.py", "RequireASN"),
    ],
)
def test_the_example_compiles_and_uses_what_it_is_about(path, name):
    code = example(docstring(path, name))
    compile(code, path, "exec")
    assert name.rpartition(".")[2] in code
