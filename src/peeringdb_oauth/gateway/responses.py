"""Turns the answers of a login into Starlette's responses, with the site's own look."""

import mimetypes
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from peeringdb_oauth.gateway.host import BELOW
from peeringdb_oauth.web import STYLE_SHEET, TEMPLATES, Answer

OWN_TEMPLATES = Path(__file__).parent / "templates"
STYLE, CSS, LOGO = f"{BELOW}/style.css", f"{BELOW}/site.css", f"{BELOW}/logo"
# Nothing of another site, no script, and no form that leads elsewhere.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_FILE_HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


class Look(NamedTuple):
    """What templates know as ``look``.

    ``title``: the name of the site; empty for none. ``logo_url``, ``css_url``: of the
    site's own files; empty for none. ``style_url``: of our style sheet.
    """

    title: str = ""
    logo_url: str = ""
    css_url: str = ""
    style_url: str = STYLE


class Responses:
    """Makes the responses of the gateway's pages.

    ``title``: the name of the site; None for none. ``logo``, ``css``: files of the
    site's own; None for none.
    """

    def __init__(
        self, *, title: str | None = None, logo: Path | None = None, css: Path | None = None
    ) -> None:
        self._environment = Environment(
            loader=FileSystemLoader([OWN_TEMPLATES, TEMPLATES]), autoescape=True
        )
        self._files = {STYLE: (_style().encode(), "text/css; charset=utf-8")}
        if css is not None:
            self._files[CSS] = css.read_bytes(), "text/css; charset=utf-8"
        if logo is not None:
            self._files[LOGO] = logo.read_bytes(), mimetypes.guess_type(logo.name)[0] or ""
        self.title = title or ""
        self._look = Look(
            self.title, LOGO if LOGO in self._files else "", CSS if CSS in self._files else ""
        )

    def file(self, path: str) -> Response | None:
        """The style sheet or the logo at a path; None if there is none."""
        found = self._files.get(path)
        if found is None:
            return None
        content, media_type = found
        return Response(content, headers=_FILE_HEADERS | {"Content-Type": media_type})

    def of(self, answer: Answer, **context: Any) -> Response:
        """The response. ``context``: what the template of a page knows besides."""
        response: Response
        if answer.location is not None:
            response = Response(status_code=answer.status, headers={"Location": answer.location})
        elif answer.page is not None:
            template = self._environment.get_template(answer.page.template)
            html = template.render(page=answer.page, look=self._look, **context)
            response = HTMLResponse(html, answer.status)
        else:
            response = JSONResponse(answer.json, answer.status)
        response.headers.update(answer.headers)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        for cookie in answer.cookies:
            response.set_cookie(
                cookie.name,
                cookie.value,
                max_age=cookie.max_age,
                path="/",
                secure=cookie.secure,
                httponly=True,
                samesite="lax",
            )
        return response


def plain(status: int, text: str) -> Response:
    """An answer where nobody knows which host was asked for."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(f"{text}\n", status, headers)


def _style() -> str:
    """The style sheet of ``web``, and ours."""
    return "\n".join([STYLE_SHEET, (OWN_TEMPLATES / "gateway" / "brand.css").read_text()])
