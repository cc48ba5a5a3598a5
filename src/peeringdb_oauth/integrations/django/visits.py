"""Translates Django's request into a `Visit`, and an `Answer` into its response."""

from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language

from peeringdb_oauth.integrations.django import signals
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.web import Answer, Cookie, PageContext, Visit, private

_OWN = {"Sec-Fetch-Site": "same-origin"}


def to_visit(
    request: HttpRequest,
    *,
    own: bool | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    rotate: Callable[[], object] | None = None,
) -> Visit:
    """The request.

    ``own``: whether a page of this site sent the request; None: Django's CSRF
    protection decides. If that does not protect the view, the login checks the form
    itself. ``headers``: replace those of the request. ``rotate``: as for `Visit`; None
    for Django's own function.
    """
    if own is None:
        # Django accepts every GET. Only of forms that means that this site sent them.
        is_form = request.method not in ("GET", "HEAD", "OPTIONS", "TRACE")
        own = is_form and getattr(request, "csrf_processing_done", False)
    return Visit(
        method=request.method or "",
        origin=f"{request.scheme}://{request.get_host()}",
        root=request.META.get("SCRIPT_NAME", "").rstrip("/"),
        path=request.path_info,
        query_string=_query_string(request),
        query=request.GET,
        headers=ChainMap(
            {**headers, **(_OWN if own else {})},
            # A ChainMap writes into its first mapping only.
            cast("MutableMapping[str, str]", request.headers),
        ),
        cookie_header=request.META.get("HTTP_COOKIE", ""),
        cookies=request.COOKIES,
        session=request.session,
        remote_address=request.META.get("REMOTE_ADDR"),
        session_cookie=settings.SESSION_COOKIE_NAME,
        rotate=rotate or request.session.cycle_key,
        emit=partial(signals.send, request),
        set_cookies=partial(note_cookies, request),
        view=partial(name_of_view, request),
        debug=lambda: bool(settings.DEBUG),
        language=get_language() or "en",
    )


def note_cookies(request: HttpRequest, cookies: tuple[Cookie, ...]) -> None:
    """Have `PeeringDBMiddleware` put cookies into the response to a request."""
    noted = getattr(request, "peeringdb_cookies", ())
    request.peeringdb_cookies = (*noted, *cookies)  # type: ignore[attr-defined]  # our addition


def name_of_view(request: HttpRequest) -> str | None:
    """The name of the view as in ``reverse``; None if no URL matched."""
    match = request.resolver_match
    return None if match is None else match.view_name


def _query_string(request: HttpRequest) -> str:
    """The query as it was sent, a character for each byte, as WSGI has it."""
    query: str = request.META.get("QUERY_STRING", "")
    is_asgi = hasattr(request, "scope")  # Django has decoded it as UTF-8 then
    return query.encode().decode("latin-1") if is_asgi else query


def page_context(request: HttpRequest) -> PageContext:
    """What templates need, with Django's own CSRF token.

    A template that uses the token makes Django set the token's cookie.
    """
    context = application().flow.page_context(to_visit(request))
    token: Any = SimpleLazyObject(lambda: get_token(request))
    return replace(context, csrf_field="csrfmiddlewaretoken", csrf_token=token)


def to_response(request: HttpRequest, answer: Answer) -> HttpResponse:
    """The response."""
    response = _body_of(request, answer)
    for name, value in answer.headers.items():
        response[name] = value
    set_cookies(response, answer.cookies)
    return response


def keep_private(response: Any) -> Any:
    """The response of a guarded view, which no shared cache may keep."""
    if isinstance(response, HttpResponseBase):
        response["Cache-Control"] = private(response.get("Cache-Control"))
    return response


def keep_response_private(request: HttpRequest) -> None:
    """Have `PeeringDBMiddleware` call `keep_private` with the response to a request."""
    request._peeringdb_private = True  # type: ignore[attr-defined]  # noqa: SLF001 - ours


def set_cookies(response: HttpResponse, cookies: tuple[Cookie, ...]) -> None:
    """Set or delete cookies with a response."""
    for cookie in cookies:
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            secure=cookie.secure,
            httponly=True,
            samesite="Lax",
        )


def _body_of(request: HttpRequest, answer: Answer) -> HttpResponse:
    if answer.location is not None:
        return HttpResponse(status=answer.status, headers={"Location": answer.location})
    if answer.page is not None:
        context = {"page": answer.page, "peeringdb": page_context(request)}
        return render(request, answer.page.template, context, status=answer.status)
    return JsonResponse(dict(answer.json or {}), status=answer.status)
