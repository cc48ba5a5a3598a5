"""Reads how the gateway's pages look, and the signed header for applications."""

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.header_tables import header_name
from peeringdb_oauth.gateway.toml_file import Table, TomlFile
from peeringdb_oauth.gateway.values import switch, text
from peeringdb_oauth.web.languages import check_language

_IMAGES = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """How the gateway's own pages look.

    ``title``: the name of the site; None for its host. ``logo``: an image file.
    ``css``: a file with more CSS. ``language``: of all texts; None for that of each
    visitor. ``sign_in_page``: whether a page with a button comes before PeeringDB.
    """

    title: str | None = None
    logo: Path | None = None
    css: Path | None = None
    language: str | None = None
    sign_in_page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionSettings:
    """A signed header for applications that verify who a person is.

    ``header``: its name.
    """

    header: str = "X-PeeringDB-Assertion"


PAGE_KEYS = tuple(one.name for one in fields(Pages))


def read_pages(top: Table) -> Pages:
    """How the pages look, from ``[pages]``."""
    table = top.table("pages", PAGE_KEYS)
    return Pages(
        title=table.read("title", text, None),
        logo=table.read("logo", partial(_image, top.file), None),
        css=table.read("css", partial(_file, top.file), None),
        language=table.read("language", _language, None),
        sign_in_page=table.read("sign_in_page", switch, default=False),
    )


def read_assertions(top: Table) -> AssertionSettings | None:
    """The signed header, from ``[assertions]``; None without that table."""
    if "assertions" not in top:
        return None
    table = top.table("assertions", [one.name for one in fields(AssertionSettings)])
    header = table.read("header", header_name, AssertionSettings().header)
    if header.lower() in (name.lower() for name in top.table("headers").values):
        table.problem("header", f"{header} is in [headers] too; choose another name")
    return AssertionSettings(header=header)


def _file(file: TomlFile, value: Any) -> Path:
    name = text(value)
    file.read_bytes(name)
    return file.resolve(name)


def _image(file: TomlFile, value: Any) -> Path:
    path = _file(file, value)
    if path.suffix.lower() not in _IMAGES:
        raise ConfigurationError(f"must be an image; its name must end in {', '.join(_IMAGES)}")
    return path


def _language(value: Any) -> str:
    try:
        check_language(value)
    except ConfigurationError as error:
        problem = str(error).removeprefix("language: ").replace("None or ", "")
        raise ConfigurationError(problem) from None
    return text(value)
