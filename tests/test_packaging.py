"""The description on PyPI is the README, with links that lead somewhere from there."""

import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
RELATIVE = re.compile(r"\]\((?!https?://|#)[^)]+\)")


@pytest.fixture(scope="module")
def module():
    spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hook(module):
    return module.ReadmeHook(str(ROOT), {})


def described(hook, **metadata):
    hook.update(metadata)
    assert metadata["readme"]["content-type"] == "text/markdown"
    return metadata["readme"]["text"]


def test_without_an_address_of_the_repository_the_readme_stays_as_it_is(hook):
    assert described(hook) == README
    assert described(hook, urls={"Documentation": "https://docs.example.net/"}) == README
    assert "readme" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]


@pytest.mark.parametrize("end", ["", "/"])
def test_with_an_address_every_link_and_picture_is_absolute(hook, end):
    text = described(hook, urls={"Repository": f"https://git.example.net/peeringdb_oauth{end}"})
    assert RELATIVE.search(README)
    assert RELATIVE.findall(text) == []
    base = "https://git.example.net/peeringdb_oauth"
    assert f"]({base}/raw/HEAD/docs/images/portal.png)" in text
    assert f"]({base}/blob/HEAD/docs/flask.md)" in text
    assert f"]({base}/blob/HEAD/CONTRIBUTING.md)" in text
    # Nothing else has changed.
    assert text.replace(f"{base}/raw/HEAD/", "").replace(f"{base}/blob/HEAD/", "") == README


def test_links_that_lead_somewhere_stay(module):
    text = "[a](#b) [c](https://d.example.net/e.md) ![f](https://g.example.net/h.png)"
    assert module.with_absolute_links(text, "https://git.example.net/x") == text


def test_every_file_that_the_readme_names_exists():
    names = {name.partition("#")[0] for name in re.findall(r"\]\((?!https?://|#)([^)]+)\)", README)}
    assert {name for name in names if not (ROOT / name).exists()} == set()
