"""PeeringDB's pages for people: home, login, second factor, logout.

There are no passwords. A person is chosen with a click.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from peeringdb_oauth.sandbox.people import PASSWORD_ONLY, SECOND_FACTORS
from peeringdb_oauth.sandbox.server.error_pages import PeeringDBFails
from peeringdb_oauth.sandbox.server.models import Person
from peeringdb_oauth.sandbox.server.oauth_endpoints import AMR_IN_SESSION, OAUTH_COOKIE
from peeringdb_oauth.sandbox.server.people_groups import grouped_people

# Who has chosen a name, but not yet given the second factor.
_PENDING_PERSON = "pending_person"
_OAUTH_COOKIE_MAX_AGE = 1800  # seconds
_BACKEND = "django.contrib.auth.backends.ModelBackend"
_GET_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def home_page(request: HttpRequest) -> HttpResponse:
    """The page at the root, where a login without an application ends."""
    return render(request, "sandbox/home.html")


@never_cache
@_GET_OR_POST
def login_page(request: HttpRequest) -> HttpResponse:
    """The page with the people to choose from."""
    next_url = _safe_next(request)
    error = ""
    if request.method == "POST":
        person = get_object_or_404(Person, username=request.POST.get("person", ""))
        if not person.is_active:
            error = f"The account of {person.full_name.strip()} is disabled."
        elif person.mfa:
            request.session[_PENDING_PERSON] = person.pk
            query = urlencode({"next": next_url})
            return HttpResponseRedirect(f"{reverse('second-factor')}?{query}")
        else:
            return _finish_login(request, person, PASSWORD_ONLY, next_url)
    return render(
        request,
        "sandbox/login.html",
        {"groups": grouped_people(), "next": next_url, "error": error},
    )


@never_cache
@_GET_OR_POST
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """The second step of a login: a click on the second factor, which decides `amr`.

    Over the session of another person, it ends in the error page.
    """
    next_url = _safe_next(request)
    person_id: Any = request.session.get(_PENDING_PERSON)
    person = Person.objects.filter(pk=person_id).first()
    if person is None:
        return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': next_url})}")
    _, amr = SECOND_FACTORS.get(request.POST.get("factor", ""), ("", ()))
    if amr:
        _check_account_switch(request, person)
        return _finish_login(request, person, amr, next_url)
    factors = [(key, label) for key, (label, _) in SECOND_FACTORS.items()]
    return render(
        request,
        "sandbox/second_factor.html",
        {"person": person, "factors": factors, "next": next_url},
    )


@_GET_OR_POST
def two_factor_page(request: HttpRequest) -> HttpResponse:
    """Where PeeringDB sends people who have no second factor.

    It does not lead back to the application, not even after the second factor was set
    up.
    """
    if not request.user.is_authenticated:
        return HttpResponseRedirect(reverse("login"))
    if request.method == "POST":
        request.user.mfa = True
        request.user.save(update_fields=["mfa"])
        logout(request)
        return render(request, "sandbox/two_factor_on.html")
    return render(request, "sandbox/two_factor.html")


@require_safe
def logout_page(request: HttpRequest) -> HttpResponse:
    """End the session at PeeringDB. Applications are not told."""
    logout(request)
    return HttpResponseRedirect("/")


def _check_account_switch(request: HttpRequest, person: Person) -> None:
    """Fail as PeeringDB does if another person is logged in.

    Nothing is saved, so the other person stays logged in. Logging out helps.
    """
    others_session = request.user.is_authenticated and request.user.pk != person.pk
    if others_session or settings.SANDBOX.faults.take("account_switch"):
        raise PeeringDBFails(
            "PeeringDB cannot log a person in while another one is logged in. Log out at PeeringDB"
            " first, and then start the login at the application again."
        )


def _finish_login(
    request: HttpRequest, person: Person, amr: Sequence[str], next_url: str
) -> HttpResponse:
    request.session.pop(_PENDING_PERSON, None)
    login(request, person, backend=_BACKEND)
    request.session[AMR_IN_SESSION] = list(amr)
    response = HttpResponseRedirect(next_url)
    if next_url.startswith(reverse("oauth2_provider:authorize")):
        response.set_signed_cookie(OAUTH_COOKIE, person.username, max_age=_OAUTH_COOKIE_MAX_AGE)
    return response


def _safe_next(request: HttpRequest) -> str:
    """Where the login leads, if that is a URL of this site; otherwise the home page."""
    url = str(request.POST.get("next") or request.GET.get("next") or "/")
    is_safe = url_has_allowed_host_and_scheme(
        url, {request.get_host()}, require_https=request.is_secure()
    )
    return url if is_safe else "/"
