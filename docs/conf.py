"""The documentation site: ``make docs`` builds it in build/docs."""

import re
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from sphinx.application import Sphinx

from peeringdb_oauth import __version__

ROOT = Path(__file__).parent.parent

project = "peeringdb_oauth"
author = "The peeringdb_oauth developers"
project_copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
root_doc = "index"
exclude_patterns = ["README.md"]  # index.md includes it
suppress_warnings = ["myst.header"]  # the README begins with a smaller heading

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "peeringdb_oauth"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["site.css"]
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

# Names in single backticks are objects of ours.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# Modules of Django can be imported only with settings.
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "peeringdb_oauth.integrations.django",
    ]
)
django.setup()

# Files outside of docs/ that are pages of the site.
PAGES = {"README.md": "start", "SECURITY.md": "security", "CHANGELOG.md": "changelog"} | {
    "CONTRIBUTING.md": "contributing"
}


LINK = re.compile(r"\[([^\]]+)\]\(([^)#:\s]+)(#[^)]*)?\)")


def read_source(_: Sphinx, _name: str, source: list[str]) -> None:
    """Put files from outside into their pages, and mend the links of all pages."""
    text = source[0]
    if included := re.match(r"<!-- include (\S+) -->\n", text):
        path = (ROOT / "docs" / included[1]).resolve()
        text = path.read_text("utf-8") + text[included.end() :]
        if path.parent == ROOT:
            text = text.replace("](docs/README.md", "](index.md").replace("](docs/", "](")
    source[0] = LINK.sub(_mend_link, text)


def _mend_link(link: re.Match[str]) -> str:
    """A link to another page of the site; a file that is no page is only named."""
    text, path, anchor = link[1], link[2], link[3] or ""
    name = path.removeprefix("../")
    if name in PAGES:
        return f"[{text}]({PAGES[name]}.md{anchor})"
    if (ROOT / "docs" / path).exists() and not path.startswith("../"):
        return link[0]
    if not (ROOT / name).exists():
        return link[0]  # a dead link, which the build reports
    return text if name in text else f"{text} (`{name}`)"


# "``timeout``: how many seconds ...": where the description of an argument begins.
ARGUMENT = re.compile(r"(?:^|(?<=[.)] ))(?=``\w+``(?:, ``\w+``)*: )")


def list_arguments(
    _: Sphinx, _kind: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Show the descriptions of arguments and fields as a list."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines))
    lines[:] = "\n\n".join(map(_as_list, paragraphs)).split("\n")


def _as_list(paragraph: str) -> str:
    if paragraph.startswith((" ", "\t")) or not ARGUMENT.search(paragraph):
        return paragraph
    before, *arguments = ARGUMENT.split(" ".join(paragraph.split()))
    return "\n".join([before, "", *(f"- {argument}" for argument in arguments)])


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the functions above."""
    app.connect("source-read", read_source)
    app.connect("autodoc-process-docstring", list_arguments)
    return {"parallel_read_safe": True}
