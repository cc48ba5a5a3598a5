"""The wheel and the sdist: what is in them, and that they work without the sources."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

pytestmark = pytest.mark.server  # it builds and installs

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*command, **options):
    ended = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def build(directory):
    """Build both distributions; their paths."""
    run(sys.executable, "-m", "hatchling", "build", "-d", directory, cwd=ROOT)
    [wheel], [sdist] = directory.glob("*.whl"), directory.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built):
    return built[0]


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("dist-info/METADATA")]
        return HeaderParser().parsestr(archive.read(name).decode())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of an environment with the base install."""
    directory = tmp_path_factory.mktemp("base")
    run(sys.executable, "-m", "venv", directory / "venv")
    python = directory / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=directory)
    return python


def test_the_same_sources_give_the_same_bytes(built, tmp_path):
    for first, second in zip(built, build(tmp_path), strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_the_wheel_has_all_files_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("peeringdb_oauth/")}
    tracked = run("git", "ls-files", "src/peeringdb_oauth", cwd=ROOT).splitlines()
    assert {name.removeprefix("src/") for name in tracked} <= packed
    assert "peeringdb_oauth/py.typed" in packed
    assert not [name for name in packed if "__pycache__" in name]


def test_the_wheel_has_the_sample_of_the_ini_and_the_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert any(name.endswith("data/etc/peeringdb_oauth.ini") for name in names)
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_has_what_the_tests_need(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("Makefile", "scripts/set-up", "tests/conftest.py", "examples/demo.py", "LICENSE"):
        assert name in names


def test_the_base_install_needs_requests_and_nothing_else(metadata):
    required = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert [re.match(r"[\w-]+", line)[0] for line in required] == ["requests"]


def test_the_metadata_is_that_of_the_project(metadata):
    assert sorted(metadata.get_all("Provides-Extra")) == sorted(PROJECT["optional-dependencies"])
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_an_application_is_bound_by_lower_bounds_only():
    """The sandbox and the gateway are programs of their own, and may be narrower."""
    for extra, requirements in PROJECT["optional-dependencies"].items():
        for requirement in requirements:
            if extra not in ("sandbox", "gateway") and not requirement.startswith(
                "peeringdb-oauth["
            ):
                assert not re.search(r"<|==|~=", requirement), requirement


def test_the_base_install_imports_without_the_sources(installed, tmp_path):
    program = "import peeringdb_oauth as p; print([getattr(p, name) for name in p.__all__])"
    assert "ClientConfig" in run(installed, "-c", program, cwd=tmp_path)


def test_each_part_that_needs_more_says_what_to_install(installed, tmp_path):
    for module, extra in {
        "integrations.flask": "flask",
        "integrations.starlette": "starlette",
        "integrations.django": "django",
        "integrations.social_core": "social-core",
        "integrations.allauth": "allauth",
    }.items():
        ended = subprocess.run(
            [installed, "-c", f"import peeringdb_oauth.{module}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        assert ended.returncode == 1
        assert f'pip install "peeringdb-oauth[{extra}]"' in ended.stderr


def test_the_command_of_the_base_install_says_what_to_install(installed, tmp_path):
    command = installed.parent / "peeringdb-oauth"
    ended = subprocess.run(
        [command, "doctor"], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert (ended.returncode, 'pip install "peeringdb-oauth[cli]"' in ended.stderr) == (2, True)


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_a_users_program_type_checks(program, tmp_path):
    """Mypy checks them against the package as it is typed; unused ignores fail it."""
    options = ["--strict", "--warn-unused-ignores", "--cache-dir", tmp_path]
    run(sys.executable, "-m", "mypy", *options, program, cwd=tmp_path, env=dict(os.environ))


def test_the_release_notes_are_those_of_the_changelog():
    notes = run(sys.executable, ROOT / "scripts" / "release-notes", "0.1.0")
    assert notes.startswith("- `Client` logs people in")
    assert "\n## " not in notes


def test_every_action_of_the_workflows_is_pinned():
    for workflow in (ROOT / ".github" / "workflows").iterdir():
        for action in re.findall(r"uses: (\S+)", workflow.read_text()):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), f"{workflow.name}: {action}"


def test_only_the_step_that_publishes_may_get_a_token_of_pypi():
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert release.count("id-token: write") == 1
    assert "permissions: {}" in release
    assert "password" not in release
