"""The answers of a login: redirects, failures as a page or as JSON, and their URLs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web.failures import (
    LOGGED_OUT,
    NO_COOKIE,
    WRONG_METHOD,
    Failure,
    not_for,
    to_json,
)
from peeringdb_oauth.web.languages import ENGLISH, Language, check_language, choose
from peeringdb_oauth.web.return_path import MAX_LENGTH, safe_return_path, split_path
from peeringdb_oauth.web.style_sheet import STYLE_SHEET_VERSION
from peeringdb_oauth.web.visit import Answer, Cookie, Page, Visit

_NO_STORE = {"Cache-Control": "no-store"}
# No other site may frame the page. With the referrer policy "no-referrer" Chromium
# would send "Origin: null" with the page's forms, and Django would refuse them.
_PAGE = _NO_STORE | {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NOT_CONNECTED = Text("Your account {account} is not connected to PeeringDB.")
_CONNECTED = Text("Your account {account} is connected to {name} at PeeringDB (number {id}).")
_LOG_OUT_FIRST = Text("PeeringDB remembers who is logged in there. So log out there first.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The paths of the login's pages, below the path where the application is mounted.

    ``login``: where a login starts. ``callback``: where PeeringDB sends the browser
    back. ``logout``: where a logout is posted. ``home``: the start page, where a login
    leads if nothing else is asked for; None for "/", or for ``status`` if the
    application has no such page. ``after_logout``: where a logout leads, which may be
    a URL; None for ``home``. ``status``: the page that says whether one is logged in.
    ``style``: the style sheet. ``connect``: the page about the connection of an account
    of the application, where it is made. ``disconnect``: where its end is posted.
    """

    login: str = "/login/peeringdb"
    callback: str = "/login/peeringdb/callback"
    logout: str = "/logout"
    home: str | None = None
    after_logout: str | None = None
    status: str = "/login/peeringdb/status"
    style: str = "/login/peeringdb/style.css"
    connect: str = "/connect/peeringdb"
    disconnect: str = "/disconnect/peeringdb"

    def below(self, prefix: str) -> "Paths":
        """The same pages below ``prefix``; the start page stays where it is."""
        return replace(
            self,
            login=prefix + self.login,
            callback=prefix + self.callback,
            logout=prefix + self.logout,
            status=prefix + self.status,
            style=prefix + self.style,
            connect=prefix + self.connect,
            disconnect=prefix + self.disconnect,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBuilder:
    """Builds the answers of one application.

    ``redirect_uri``: the configured URL of the callback. ``base_url``: where PeeringDB
    is. ``paths``: the paths of the login's pages. ``language``: of all texts; None for
    that of the visitor. ``longest_path``: characters of a page to return to.

    Raises:
        ConfigurationError: the redirect URI does not lead to the callback, or there is
            no such language.
    """

    redirect_uri: str
    base_url: str
    paths: Paths = field(default_factory=Paths)
    language: str | None = None
    longest_path: int = MAX_LENGTH

    def __post_init__(self) -> None:
        if self.language is not None:
            check_language(self.language)
        if not unquote(urlsplit(self.redirect_uri).path).endswith(self.paths.callback):
            raise ConfigurationError(
                f"redirect_uri: must end in {self.paths.callback}, where this application takes"
                f" callbacks, such as {self.origin}{self.paths.callback}; set it"
                " (PEERINGDB_OAUTH_REDIRECT_URI), and register the same at PeeringDB"
            )

    @property
    def origin(self) -> str:
        """Scheme and host of the redirect URI: the address that people should use."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"

    def is_elsewhere(self, visit: Visit) -> bool:
        """Whether a visit has another scheme, host or port than the redirect URI."""
        return _comparable(visit.origin) != _comparable(self.origin)

    def is_foreign(self, visit: Visit, allowed: tuple[str, ...] | None = None) -> bool:
        """Whether a page of another site may have sent a request, by its header Origin.

        ``allowed``: the origins of this site; None for that of the visit and that of
        the redirect URI.
        """
        here = (visit.origin, self.origin) if allowed is None else allowed
        return _comparable(visit.headers.get("Origin", "")) not in map(_comparable, here)

    def redirect_to_origin(self, visit: Visit) -> Answer:
        """A redirect of a login to the redirect URI's origin, where it can end well.

        The parameter ``moved`` says there that it has been redirected already.
        """
        query = {"moved": "1"}
        if visit.query.get("next"):
            query["next"] = self.return_path(visit, visit.query["next"])
        if visit.query.get("prompt") in ("login", "select_account"):
            query["prompt"] = visit.query["prompt"]
        below = urlsplit(self.redirect_uri).path.removesuffix(self.paths.callback)
        return self.redirect(f"{self.origin}{below}{self.paths.login}?{urlencode(query, safe='/')}")

    def redirect(
        self, location: str, *, cookies: tuple[Cookie, ...] = (), status: int = 302
    ) -> Answer:
        """A redirect to another page."""
        return Answer(status=status, location=location, headers=_NO_STORE, cookies=cookies)

    def connection(self, visit: Visit, *, account: str, user: User | None) -> Answer:
        """The page about the connection of an account of the application.

        ``account``: the name of the account. ``user``: the person at PeeringDB that it
        is connected to; None for nobody.
        """
        language, headers = self._language(visit)
        said: dict[str, Any] = {"account": account}
        if user is not None:
            said |= {"name": user.name or f"user {user.id}", "id": user.id}
        page = self._page(
            visit,
            language,
            template="peeringdb_oauth/connection.html",
            status=200,
            title=language.labels["connection"],
            reasons=(),
            advice=language.say(Text(_NOT_CONNECTED if user is None else _CONNECTED, **said)),
            login_url="",
            other_account_url="",
            home_url=self.home(visit),
            form_url=visit.root + (self.paths.connect if user is None else self.paths.disconnect),
            is_connected=user is not None,
        )
        return Answer(status=200, page=page, headers=_PAGE | headers)

    def check_callback(self, visit: Visit) -> None:
        """Do nothing if the redirect URI leads to a page of the application.

        A proxy in front may remove the beginning of the path.

        Raises:
            ConfigurationError: it does not.
        """
        path = unquote(urlsplit(self.redirect_uri).path)
        ends = (path[start.start() :] for start in re.finditer("/(?=.)", path))
        if not any(visit.has_page(end.removeprefix(visit.root)) for end in ends):
            raise ConfigurationError(
                f"redirect_uri: {path} is no page of this application, which takes callbacks at"
                f" {visit.root}{self.paths.callback}. Something is mounted or has a prefix: set"
                ' callback_path, such as to "/callback", and let the redirect URI have what stands'
                " before it, too"
            )

    def status(self, visit: Visit, name: str | None) -> Answer:
        """The page that says whether one is logged in.

        ``name``: of the person who is logged in; None for nobody.
        """
        language, headers = self._language(visit)
        title = LOGGED_OUT.title if name is None else _account(name, logged_in=True)
        title = language.say(title).removesuffix(".")
        if not visit.wants_page:
            body = {"logged_in": name is not None, "title": title}
            return Answer(status=200, json=body, headers=_NO_STORE | headers)
        page = self._page(
            visit,
            language,
            template="peeringdb_oauth/status.html",
            status=200,
            title=title,
            reasons=(),
            advice="",
            login_url=self.login_url(visit),
            other_account_url=self._other_account_url(visit),
            home_url=None,
            offers_login=name is None,
            offers_logout=name is not None,
        )
        return Answer(status=200, page=page, headers=_PAGE | headers)

    def connection_url(self, visit: Visit) -> str:
        """Where the page of `connection` is."""
        return visit.root + self.paths.connect

    def wrong_method(self, visit: Visit) -> Answer:
        """The answer of a page that only GET opens (RFC 9110 section 15.5.6)."""
        language, headers = self._language(visit)
        body = to_json(language.failure(WRONG_METHOD), login_url=None)
        headers |= _NO_STORE | {"Allow": "GET"}
        return Answer(status=WRONG_METHOD.status, json=body, headers=headers)

    def failure(
        self,
        visit: Visit,
        failure: Failure,
        reasons: tuple[Reason, ...] = (),
        *,
        logged_in: bool,
        name: str = "",
        return_path: str | None = None,
        headers: Mapping[str, str] | None = None,
        cause: str = "",
    ) -> Answer:
        """A failure as a page or as JSON, with links to log in.

        ``logged_in``: whether the person is logged in. Then the page leads to the start
        page and to the logout. ``name``: of the person, if known. ``return_path``:
        where the next login leads; None for the page of this visit. ``cause``: what
        went wrong, for developers. Only an application in debug mode tells it.
        """
        return_path = return_path or self.here(visit)
        # Without the prompt PeeringDB would send people back as they are.
        prompted = failure.prompts or logged_in
        login_url = self.login_url(visit, return_path, prompted=prompted)
        offers_login = failure.offers_login or not logged_in
        cause = cause if visit.debug() else ""
        language, language_headers = self._language(visit)
        failure, reasons = language.failure(failure), tuple(map(language.reason, reasons))
        headers = _PAGE | language_headers | dict(headers or {})
        body = to_json(failure, reasons, login_url=login_url if offers_login else None, cause=cause)
        if not visit.wants_page:
            return Answer(status=failure.status, json=body, headers=headers)
        page = self._page(
            visit,
            language,
            status=failure.status,
            code=failure.code,
            title=failure.title,
            reasons=reasons,
            advice=failure.advice,
            account=language.say(_account(name, logged_in=logged_in)),
            login_url=login_url,
            other_account_url=self._other_account_url(visit, return_path),
            home_url=self.home(visit) if logged_in else None,
            offers_login=offers_login,
            offers_logout=logged_in,
            cause=cause,
        )
        return Answer(status=failure.status, page=page, json=body, headers=headers)

    def page(
        self,
        visit: Visit,
        template: str,
        title: str,
        advice: str,
        *,
        name: str = "",
        return_path: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Answer:
        """A page with another template, in the style of ours.

        ``name``: who is logged in; empty for nobody. ``return_path``: where a login
        leads from there; None for the start page. ``labels``: what the template says,
        in addition to ours.
        """
        language, headers = self._language(visit)
        own = {word: language.say(text) for word, text in (labels or {}).items()}
        page = self._page(
            visit,
            language,
            template=template,
            status=200,
            title=language.say(title),
            reasons=(),
            advice=language.say(advice),
            login_url=self.login_url(visit, return_path),
            other_account_url=self._other_account_url(visit, return_path),
            peeringdb_logout_url=f"{self.base_url}/logout",
            account=language.say(_account(name, logged_in=True)),
            labels={**language.labels, **own},
            home_url=self.home(visit),
        )
        return Answer(status=200, page=page, headers=_PAGE | headers)

    def other_account(self, visit: Visit, return_path: str, name: str | None) -> Answer:
        """The page that leads to a login with another account.

        PeeringDB ends in an error page if a person with a second factor logs in there
        over the session of another one. So the page first leads to PeeringDB's logout,
        which does not lead back. ``name``: who is logged in; None for nobody.
        """
        language, headers = self._language(visit)
        page = self._page(
            visit,
            language,
            template="peeringdb_oauth/other_account.html",
            status=200,
            title=language.labels["other_account"],
            reasons=(),
            advice=language.say(_LOG_OUT_FIRST),
            login_url=self.login_url(visit, return_path, prompted=True),
            other_account_url=self._other_account_url(visit, return_path),
            peeringdb_logout_url=f"{self.base_url}/logout",
            account=language.say(_account(name or "", logged_in=True)),
            home_url=None if name is None else self.home(visit),
        )
        return Answer(status=200, page=page, headers=_PAGE | headers)

    def brake(self, visit: Visit, return_path: str, name: str | None) -> Answer:
        """A page instead of a login that would go round in circles.

        ``name``: who is logged in; None if their session did not arrive.
        """
        answer = self.failure(
            visit,
            NO_COOKIE if name is None else not_for(name),
            logged_in=name is not None,
            return_path=return_path,
        )
        if answer.page is None:
            return answer
        starts_at_once = self.login_url(visit, return_path, prompted=True)
        return replace(answer, page=replace(answer.page, login_url=starts_at_once))

    def ask_to_log_in(self, visit: Visit, return_path: str | None = None) -> Answer:
        """A redirect to the login, or a failure.

        A form that cannot be sent a second time gets the failure as a page. What is not
        the page that a person opens gets it as JSON: see `Visit.is_navigation`.
        ``return_path``: where the login leads; None for the page of this visit.
        """
        if not visit.is_navigation:
            return self._refuse_part_of_page(visit, return_path)
        if visit.is_safe:
            return self.redirect(self.login_url(visit, visit.address))
        return self.failure(visit, LOGGED_OUT, logged_in=False)

    def _refuse_part_of_page(self, visit: Visit, return_path: str | None) -> Answer:
        headers = {}
        language, language_headers = self._language(visit)
        if "HX-Request" in visit.headers:
            # htmx opens this page in place of the one that the person sees.
            page = self.return_path(visit, return_path or visit.headers.get("HX-Current-URL"))
            headers["HX-Redirect"] = self.login_url(visit, page)
        return Answer(
            status=LOGGED_OUT.status,
            json=to_json(
                language.failure(LOGGED_OUT),
                login_url=self.login_url(visit, return_path or self.here(visit)),
            ),
            headers=_NO_STORE | language_headers | headers,
        )

    def _page(self, visit: Visit, language: Language, **fields: Any) -> Page:
        return Page(
            style_url=self.style_url(visit),
            language=language.code,
            **{"labels": language.labels, **fields},
        )

    def style_url(self, visit: Visit) -> str:
        """Where the style sheet is."""
        return f"{visit.root}{self.paths.style}?{STYLE_SHEET_VERSION}"

    def labels(self, visit: Visit) -> Mapping[str, str]:
        """What the buttons say on a page of the application.

        They speak the language that the application has chosen, not the visitor's.
        """
        return choose(self.language or visit.language or ENGLISH).labels

    def _language(self, visit: Visit) -> tuple[Language, dict[str, str]]:
        """The language for a visitor, and the headers that tell of it."""
        chosen = self.language or visit.language
        language = choose(visit.headers.get("Accept-Language", "") if chosen is None else chosen)
        headers = {"Content-Language": language.code}
        return language, headers | ({"Vary": "Accept-Language"} if chosen is None else {})

    def login_url(
        self, visit: Visit, return_path: str | None = None, *, prompted: bool = False
    ) -> str:
        """Where a login starts that leads to ``return_path``; None for the start page.

        ``prompted``: PeeringDB asks for the password even if the person is logged in
        there.
        """
        return self._start_url(visit, return_path, {"prompt": "login"} if prompted else {})

    def _other_account_url(self, visit: Visit, return_path: str | None = None) -> str:
        """Where the page of `other_account` is."""
        return self._start_url(visit, return_path, {"prompt": "select_account"})

    def _start_url(self, visit: Visit, return_path: str | None, prompt: dict[str, str]) -> str:
        query = {"next": self.return_path(visit, return_path)} | prompt
        return f"{visit.root}{self.paths.login}?{urlencode(query, safe='/')}"

    def return_path(self, visit: Visit, text: object) -> str:
        """``text`` if it is a page to return to, else the start page.

        A page of the login itself is not one.
        """
        origins = (visit.origin, self.origin)
        path = safe_return_path(text, default="", origins=origins, longest=self.longest_path)
        paths = self.paths
        pages = (paths.login, paths.callback, paths.logout, paths.disconnect)
        page = unquote(split_path(path)[0])
        if not path or page in {visit.root + own for own in pages}:
            return self.home(visit)
        return path

    def home(self, visit: Visit) -> str:
        """The start page, or ours if the application has none."""
        found = "/" if self.paths.home is None and visit.has_page("/") else self.paths.home
        return visit.root + (found or self.paths.status)

    def after_logout(self, visit: Visit) -> str:
        """Where a logout leads."""
        path = self.paths.after_logout
        if path is None:
            return self.home(visit)
        return visit.root + path if path.startswith("/") else path

    def here(self, visit: Visit) -> str:
        """The page that the person sees and can return to, else the start page.

        A form and a part of a page cannot be opened. Their ``Referer`` names the page
        that they are on.
        """
        address = visit.address if visit.is_safe else None
        if not (visit.is_safe and visit.is_navigation):
            address = visit.headers.get("Referer") or address
        return self.return_path(visit, address)

    def why_unknown(self, visit: Visit) -> str:
        """Why no login was found for a callback, for the operator.

        If the address is not the configured one, the text also says what to set.
        """
        why = (
            "no login of this browser is waiting for this answer: it was used already, took longer"
            f" than ten minutes, was started at another address than {self.origin}, or the browser"
            " keeps no cookies"
        )
        if self.is_callback(visit):
            return why
        here = f"{visit.origin}{visit.root}{visit.path}"
        return (
            f"{why}. This page was asked for as {here}, and the redirect URI is"
            f" {self.redirect_uri}. Set PEERINGDB_OAUTH_REDIRECT_URI to the address that people"
            " use, and register the same at PeeringDB; a proxy in between must pass on Host and"
            " X-Forwarded-Proto"
        )

    def is_callback(self, visit: Visit) -> bool:
        """Whether this page was asked for under the address of the redirect URI."""
        here = f"{visit.origin}{visit.root}{visit.path}"
        return here == self.redirect_uri.partition("?")[0]


def _comparable(origin: str) -> str:
    """An origin in lower case and without the default port, as browsers write it."""
    origin = origin.lower()
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80")


def _account(name: str, *, logged_in: bool) -> str:
    if not name:
        return ""
    if logged_in:
        return Text("You are logged in as {name}.", name=name)
    return Text("PeeringDB knows you as {name}.", name=name)
