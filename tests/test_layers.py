"""Imports point down only. Read from the source, so that imports inside functions and
for type checkers count too.
"""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "peeringdb_oauth"
SOURCE = Path(__file__).parent.parent / "src" / PACKAGE

# From the ground up. A part may import from its own layer (without cycles) and from
# those below.
LAYERS = [
    {"metadata", "config", "messages", "errors", "key_set"},
    {"authorization", "tokens", "id_token", "profile", "access", "memberships"},
    {"exchange", "budget", "look_ups"},
    {"client", "async_client", "legacy", "tls"},
    {"web", "bearer"},
    {"integrations"},
    {"gateway", "sandbox", "pytest_plugin"},
    {"cli"},
]
LAYER_OF = {part: number for number, layer in enumerate(LAYERS) for part in layer}
WITHOUT_IO = set.union(*LAYERS[:3])
ITS_OWN_WORLD = "sandbox"
MAY_START_THE_SANDBOX = {"cli", "pytest_plugin"}


def parse(text):
    """Each import of a module: what is imported (``peeringdb_oauth.errors``,
    ``requests``), and whether it runs with the module.
    """
    tree = ast.parse(text)
    later = {
        node
        for block in ast.walk(tree)
        if _does_not_run_with_the_module(block)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, node not in later) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ((name, node.level, node not in later) for name in names)


def _does_not_run_with_the_module(block):
    if isinstance(block, ast.If):
        return isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
    return isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef)


def imports(path):
    package = [PACKAGE, *path.relative_to(SOURCE).parts[:-1]]
    for name, level, at_once in parse(path.read_text()):
        yield ".".join([*package[: len(package) - level + 1], name]) if level else name, at_once


def part_of(path):
    """The part a file belongs to: its module, or the package directly below ours."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def parts_imported(path):
    """Our own parts that a file imports. The package's own file (for ``__version__``)
    is none.
    """
    for name, at_once in imports(path):
        if name.startswith(f"{PACKAGE}."):
            part = name.split(".")[1]
            if part != "__version__":
                yield part, at_once


FILES = [path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py"]
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import requests", [("requests", 0, True)]),
        ("from .errors import X", [("errors", 1, True)]),
        ("from . import client, exchange", [("client", 1, True), ("exchange", 1, True)]),
        ("def f():\n    from ..sandbox import X", [("sandbox", 2, False)]),
        ("if TYPE_CHECKING:\n    import a.b", [("a.b", 0, False)]),
        ("if x:\n    import a.b", [("a.b", 0, True)]),
        ("class A:\n    async def f(self):\n        import a", [("a", 0, False)]),
    ],
)
def test_every_kind_of_import_is_seen(text, found):
    assert list(parse(text)) == found


@each_file
def test_every_part_has_its_layer(path):
    assert part_of(path) in LAYER_OF


@each_file
def test_imports_point_down(path):
    part = part_of(path)
    above = {name for name, _ in parts_imported(path) if LAYER_OF[name] > LAYER_OF[part]}
    assert above == set()


def test_there_are_no_cycles():
    graph = {}
    for path in FILES:
        part = part_of(path)
        graph.setdefault(part, set()).update(
            name for name, _ in parts_imported(path) if name != part
        )
    assert list(TopologicalSorter(graph).static_order())


@each_file
def test_the_sandbox_shares_no_code_with_the_client(path):
    ours = {name for name, _ in parts_imported(path)}
    if part_of(path) == ITS_OWN_WORLD:
        assert ours <= {
            ITS_OWN_WORLD,
            "errors",
        }  # with a class for what the operator must mend one cannot err twice
    elif part_of(path) in MAY_START_THE_SANDBOX:
        assert (ITS_OWN_WORLD, True) not in set(parts_imported(path)), "only when it is asked for"
    else:
        assert ITS_OWN_WORLD not in ours


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if part_of(path) in WITHOUT_IO],
    ids=lambda path: path.stem,
)
def test_up_to_the_exchange_nothing_touches_the_network_or_the_clock(path):
    roots = {name.partition(".")[0] for name, _ in imports(path)}
    assert (
        roots
        & {
            "socket",
            "ssl",
            "http",
            "select",
            "asyncio",
            "subprocess",
            "time",
            "datetime",
            "random",
            "logging",
        }
        == set()
    )
    assert roots - sys.stdlib_module_names <= {PACKAGE, "cryptography"}
    assert "urllib.request" not in {name for name, _ in imports(path)}
