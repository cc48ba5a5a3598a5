"""The documentation builds as a site without a warning."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

pytestmark = pytest.mark.server  # it takes 20 seconds

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The directory of the site, and what the build said."""
    directory = tmp_path_factory.mktemp("site")
    options = ["--keep-going", "-q", "-b", "dirhtml", "-d", directory / "doctrees"]
    ended = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, DOCS, directory / "html"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    return directory / "html", ended.stderr


class Links(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids = set(), set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids.add(values.get("id"))
        self.links.add(values.get("src") if tag == "img" else values.get("href"))


def test_the_site_builds_without_a_warning(site):
    assert site[1] == ""


def test_every_page_is_in_the_site(site):
    pages = {path.stem for path in DOCS.glob("*.md")} - {"README", "index"}
    built = {path.parent.name for path in site[0].glob("*/index.html")}
    assert pages <= built


def test_every_link_inside_the_site_leads_somewhere(site):
    pages = {path: Links(path) for path in site[0].rglob("index.html")}
    dead = []
    for page, found in pages.items():
        for link in filter(None, found.links):
            address, anchor = urldefrag(link)
            if ":" in address or address.startswith("//"):
                continue
            target = (page.parent / unquote(address.partition("?")[0])).resolve()
            target = target / "index.html" if target.is_dir() else target
            target = target if address else page
            is_page = target in pages
            if not target.exists() or (
                is_page and anchor and unquote(anchor) not in pages[target].ids
            ):
                dead.append((page.parent.name, link))
    assert not dead


@pytest.mark.parametrize("page", ["changelog", "gateway-answers", "gateway-running"])
def test_the_openapi_document_can_be_downloaded(site, page):
    path = site[0] / page / "index.html"
    links = [link for link in Links(path).links if link and link.endswith("/gateway-openapi.yaml")]
    document = (DOCS / "gateway-openapi.yaml").read_bytes()
    assert [(path.parent / link).read_bytes() for link in links] == [document]


def test_nothing_is_loaded_from_elsewhere(site):
    for page in site[0].rglob("index.html"):
        text = page.read_text("utf-8")
        assert 'src="http' not in text
        assert 'rel="stylesheet" href="http' not in text
