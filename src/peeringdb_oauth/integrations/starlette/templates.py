"""The application's templates together with ours."""

from os import PathLike
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader
from starlette.templating import Jinja2Templates

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.web import TEMPLATES

_FAILURE = "peeringdb_oauth/failure.html"


def with_our_templates(templates: Jinja2Templates | str | PathLike[str] | None) -> Jinja2Templates:
    """Templates of the application, and ours where it has none of the same name.

    ``templates``: a directory, or the application's own `Jinja2Templates`, to which
    ours are added.

    Raises:
        ConfigurationError: the templates do not escape HTML in what people wrote.
    """
    if not isinstance(templates, Jinja2Templates):
        return Jinja2Templates([TEMPLATES] if templates is None else [templates, TEMPLATES])
    env: Any = templates.env
    if not (env.autoescape(_FAILURE) if callable(env.autoescape) else env.autoescape):
        raise ConfigurationError("templates: their environment must have autoescape on")
    env.loader = ChoiceLoader([*filter(None, [env.loader]), FileSystemLoader(TEMPLATES)])
    return templates
