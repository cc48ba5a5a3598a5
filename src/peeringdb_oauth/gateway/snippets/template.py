"""Reads and fills in the templates of this package."""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

_ENVIRONMENT = Environment(  # noqa: S701 - no HTML
    undefined=StrictUndefined, keep_trailing_newline=True
)


def read(name: str) -> str:
    """The text of a template."""
    return files(__package__).joinpath("templates", name).read_text("utf-8")


def fill(name: str, **values: object) -> str:
    """The text of a template with these values."""
    return _ENVIRONMENT.from_string(read(name)).render(values)
