"""Imports point down only.

They are read from the source, so imports inside functions and for type checkers count.
"""

import ast
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "peeringdb_oauth"
SOURCE = Path(__file__).parent.parent / "src" / PACKAGE

# From the ground up. A part may import from its own layer and from those below.
LAYERS = [
    {"_version", "texts", "errors", "reasons", "cost", "grammar", "clock", "after_fork"}
    | {"setting_sources", "extras", "observers"},
    {"metadata", "config", "messages", "key_set", "responses", "steps", "records"},
    {"authorization", "callback", "tokens", "id_token", "profile", "access", "memberships"},
    {"flows", "verification", "provider", "budget", "shared_budget"},
    {"tls", "workers", "background", "transport", "requests_transport", "aiohttp_transport"}
    | {"ledger", "shared_ledger", "flusher"},
    {"client", "async_client", "legacy"},
    {"web", "bearer"},
    {"metrics"},
    {"integrations"},
    {"gateway", "sandbox", "pytest_plugin"},
    {"doctor"},
    {"cli"},
]
LAYER_OF = {part: number for number, layer in enumerate(LAYERS) for part in layer}
WITHOUT_IO = set.union(*LAYERS[:4]) - {"setting_sources"}
SANDBOX = "sandbox"
MAY_START_THE_SANDBOX = {"cli", "pytest_plugin"}
# Values without Django, which both the sandbox's handle and its server need.
SHARED_IN_SANDBOX = {"options", "people"}


def parse(text):
    """Each import of a module, and whether it runs with the module.

    ``from a import b`` may import the module ``a.b`` or a name of ``a``.
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
            yield from ((alias.name, node not in later) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node not in later) for alias in node.names)


def _does_not_run_with_the_module(block):
    if isinstance(block, ast.If):
        return isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
    return isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef)


@cache
def imports(path):
    return tuple(parse(path.read_text()))


def part_of(path):
    """The part a file belongs to: its module, or the package directly below ours."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def parts_imported(path):
    """Our own parts that a file imports, and whether at once."""
    for name, at_once in imports(path):
        if name.startswith(f"{PACKAGE}."):
            yield name.split(".")[1], at_once


def files_imported(path):
    """Our own files that run when this one is imported."""
    for name, at_once in imports(path):
        if at_once and name.startswith(f"{PACKAGE}."):
            module = SOURCE.joinpath(*name.split(".")[1:])
            yield next(filter(Path.exists, (file_of(module), file_of(module.parent))))


def file_of(module):
    """``a/b.py`` for a module, ``a/b/__init__.py`` for a package."""
    return module / "__init__.py" if module.is_dir() else module.with_suffix(".py")


FILES = [path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py"]
HANDLE = [path for path in FILES if path.parent == SOURCE / "sandbox"]
SERVER = [path for path in FILES if path.parent == SOURCE / "sandbox" / "server"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import requests", [("requests", True)]),
        ("from a.errors import X", [("a.errors.X", True)]),
        ("from a import client, flows", [("a.client", True), ("a.flows", True)]),
        ("def f():\n    from a.sandbox import X", [("a.sandbox.X", False)]),
        ("if TYPE_CHECKING:\n    import a.b", [("a.b", False)]),
        ("if x:\n    import a.b", [("a.b", True)]),
        ("class A:\n    async def f(self):\n        import a", [("a", False)]),
    ],
)
def test_every_kind_of_import_is_seen(text, found):
    assert list(parse(text)) == found


def test_every_part_has_its_layer():
    assert {part_of(path) for path in FILES} <= set(LAYER_OF)


def test_imports_point_down():
    above = [
        (path, name)
        for path in FILES
        for name, _ in parts_imported(path)
        if LAYER_OF[name] > LAYER_OF[part_of(path)]
    ]
    assert above == []


def test_there_are_no_cycles_of_parts():
    graph = {}
    for path in FILES:
        part = part_of(path)
        graph.setdefault(part, set()).update(
            name for name, _ in parts_imported(path) if name != part
        )
    assert list(TopologicalSorter(graph).static_order())


def test_there_are_no_cycles_of_files():
    """A package's own file, which names what is in it, is left out."""
    graph = {
        path: {file for file in files_imported(path) if file.name != "__init__.py"}
        for path in FILES
        if path.name != "__init__.py"
    }
    assert list(TopologicalSorter(graph).static_order())


def test_no_file_imports_the_face_of_the_whole_package():
    """It names what everybody else may import, so it would close a circle."""
    assert [path for path in FILES if SOURCE / "__init__.py" in files_imported(path)] == []


def test_integrations_import_the_web_layer_by_its_public_names():
    inner = [
        (path, name)
        for path in FILES
        if part_of(path) == "integrations"
        for name, _ in imports(path)
        if name.startswith(f"{PACKAGE}.web.") and name.count(".") > 2
    ]
    assert inner == []


def test_the_sandbox_shares_no_code_with_the_client():
    shared = [
        (path, name)
        for path in FILES
        if part_of(path) == SANDBOX
        for name, _ in parts_imported(path)
        # The class of an error is no code that could have a mistake.
        if name not in {SANDBOX, "errors"}
    ]
    assert shared == []


def test_only_the_command_and_the_pytest_plugin_import_the_sandbox_when_they_need_it():
    importing = [
        path
        for path in FILES
        if part_of(path) != SANDBOX
        for name, at_once in parts_imported(path)
        if name == SANDBOX and (at_once or part_of(path) not in MAY_START_THE_SANDBOX)
    ]
    assert importing == []


def sandbox_modules_imported(path):
    """The modules of the sandbox that a file imports, and whether at once."""
    for name, at_once in imports(path):
        if name.startswith(f"{PACKAGE}.sandbox."):
            yield name.split(".")[2], at_once


each_file_of_the_handle = pytest.mark.parametrize("path", HANDLE, ids=lambda path: path.stem)
each_file_of_the_server = pytest.mark.parametrize("path", SERVER, ids=lambda path: path.stem)


@each_file_of_the_handle
def test_the_handle_of_the_sandbox_needs_the_standard_library_only(path):
    roots = {name.partition(".")[0] for name, _ in imports(path)}
    assert roots - sys.stdlib_module_names <= {PACKAGE}


@each_file_of_the_handle
def test_the_handle_of_the_sandbox_imports_its_server_in_one_place_only(path):
    at_once = [at_once for name, at_once in sandbox_modules_imported(path) if name == "server"]
    assert not any(at_once), "Django may not be installed"
    assert bool(at_once) == (path.name == "serving.py")


@each_file_of_the_server
def test_the_server_of_the_sandbox_knows_only_shared_values_of_the_handle(path):
    modules = {name for name, _ in sandbox_modules_imported(path)}
    assert modules <= {"server", *SHARED_IN_SANDBOX}


@pytest.mark.parametrize(
    "path", [path for path in FILES if part_of(path) in WITHOUT_IO], ids=lambda path: path.stem
)
def test_up_to_the_flows_nothing_touches_the_network_or_the_clock(path):
    names = {name for name, _ in imports(path)}
    roots = {name.partition(".")[0] for name in names}
    io = {"socket", "ssl", "http", "select", "asyncio", "subprocess"}
    assert roots & (io | {"time", "datetime", "random", "logging"}) == set()
    assert roots - sys.stdlib_module_names <= {PACKAGE, "cryptography"}
    assert not any(name.startswith("urllib.request") for name in names)
