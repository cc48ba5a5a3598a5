"""The paths of the login's pages, as an application configures them."""

import re
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.web.answer_builder import Paths
from peeringdb_oauth.web.return_path import safe_return_path

# In a path of Flask and of Starlette these begin and end an argument.
_NOT_IN_ROUTES = re.compile("[<>{}]")


def configured_paths(
    redirect_uri: str,
    *,
    callback_path: str | None = None,
    login_redirect_url: str | None = None,
    logout_redirect_url: str | None = None,
    prefix: str = "",
) -> Paths:
    """The paths of the login's pages.

    ``callback_path``: of the callback, below ``prefix``; None: the usual one if the
    redirect URI ends in it, else the path of the redirect URI. ``login_redirect_url``:
    where a login leads if nothing else is asked for; None for the start page.
    ``logout_redirect_url``: where a logout leads, which may be another site; None: the
    same. ``prefix``: stands before the paths.

    Raises:
        ConfigurationError: a path is none, or cannot be the callback's; all problems
            are reported at once.
    """
    usual = Paths().below(prefix)
    name, callback = "redirect_uri", unquote(urlsplit(redirect_uri).path)
    problems = []
    if callback_path is not None:
        if not callback.endswith(prefix + callback_path):
            problems.append(f"redirect_uri: must end in {prefix}{callback_path}, the callback_path")
        name, callback = "callback_path", prefix + callback_path
    elif callback.endswith(usual.callback):
        callback = usual.callback
    others = {usual.login, usual.logout, usual.status, "/"}
    if callback in others or not _is_path(callback) or _NOT_IN_ROUTES.search(callback):
        problems.append(
            f"{name}: must have a path of its own for the callback, such as {usual.callback}"
        )
    if login_redirect_url is not None and not _is_path(login_redirect_url):
        problems.append('login_redirect_url: must be a path that begins with "/"')
    if logout_redirect_url is not None and not _is_path_or_url(logout_redirect_url):
        problems.append(
            'logout_redirect_url: must be a path that begins with "/", or a URL with https'
        )
    if problems:
        raise ConfigurationError(*problems)
    return replace(
        usual, callback=callback, home=login_redirect_url, after_logout=logout_redirect_url
    )


def _is_path(text: object) -> bool:
    return bool(safe_return_path(text, default=""))


def _is_path_or_url(text: object) -> bool:
    return _is_path(text) or (isinstance(text, str) and bool(re.match("https?://[^/]", text)))
