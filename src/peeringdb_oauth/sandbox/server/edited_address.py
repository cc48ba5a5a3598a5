"""Authorization requests as if a person had edited the address in the browser.

PeeringDB does not protect an authorization request, so a person may take words off the
scope, or leave the PKCE challenge out. The consent page offers both.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from peeringdb_oauth.sandbox.server.settings import SCOPES

_CHALLENGE = ("code_challenge", "code_challenge_method")


def describe_request(request: HttpRequest) -> dict[str, Any]:
    """What the consent page offers to edit.

    ``query``: the query of the address. ``words``: those of the scope; without a scope
    PeeringDB takes all that it knows. ``has_challenge``: whether there is a
    code_challenge.
    """
    scope = request.GET.get("scope")
    return {
        "query": request.META["QUERY_STRING"],
        "words": list(SCOPES) if scope is None else list(dict.fromkeys(scope.split())),
        "has_challenge": "code_challenge" in request.GET,
    }


@require_POST
def follow_edited_address(request: HttpRequest) -> HttpResponseRedirect:
    """Go to the authorization endpoint with the edited query."""
    kept = request.POST.getlist("word")
    dropped = {"scope", *(() if "challenge" in request.POST else _CHALLENGE)}
    query = parse_qsl(request.POST.get("query", ""), keep_blank_values=True)
    edited = [(name, value) for name, value in query if name not in dropped]
    edited.append(("scope", " ".join(kept)))
    return HttpResponseRedirect(f"{reverse('oauth2_provider:authorize')}?{urlencode(edited)}")
