"""Views of every kind that the integration protects."""
# ruff: noqa: ARG001, ARG002 - views get arguments that they do not need

from django.contrib import auth
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from peeringdb_oauth import AccessRule, Permission
from peeringdb_oauth.integrations.django import (
    RequireASNMixin,
    peeringdb_user,
    require_asn,
    require_peeringdb,
)

OF_SESSION = {1: 64500, 2: 64499}  # the ASN of each peering session


def home(request):
    return render(request, "members_area/home.html")


def plain(request):
    return HttpResponse("for everybody")


def form(request):
    return render(request, "members_area/form.html")


@permission_required("auth.add_user")
def permitted(request):
    return HttpResponse("for people with the permission")


@require_peeringdb
def me(request):
    user = peeringdb_user(request)
    assert user == request.peeringdb
    return JsonResponse(
        {
            "id": user.id,
            "name": user.name,
            "asns": user.asns,
            "amr": user.amr,
            "account": request.user.username,
        }
    )


@login_required
def account(request):
    return JsonResponse({"username": request.user.username})


@require_peeringdb(max_age=0)
def fresh(request):
    return JsonResponse({"asns": request.peeringdb.asns})


@require_peeringdb(mfa=True)
def mfa(request):
    return HttpResponse("with a second factor")


@require_asn  # the argument is forgotten
def forgotten(request):
    """Not reached."""


@require_asn
async def forgotten_async(request):
    """Not reached."""


@require_asn("asn")
def named(request, asn):
    return HttpResponse(f"AS{asn} of {request.peeringdb.name}")


@require_asn("asn", perms=Permission.UPDATE, max_age=0)
def text(request, asn):
    return HttpResponse(f"{request.peeringdb.name} may change AS{asn}")


@require_asn("asn", perms=Permission.UPDATE, manage_sessions=True)
def edit(request, asn):
    return HttpResponse(f"changed AS{asn}")


@csrf_exempt
@require_asn("asn")
def exempt(request, asn):
    return HttpResponse(f"changed AS{asn}")


@require_asn([64499, 64500])
def constant(request):
    return HttpResponse("one of ours")


@require_asn(lambda request: OF_SESSION.get(request.resolver_match.kwargs["pk"]))
def found(request, pk):
    return HttpResponse(f"session {pk}")


@require_asn("asn")
async def asynchronous(request, asn):
    return HttpResponse(f"AS{asn} of {request.peeringdb.name}")


@require_asn("asn")
def text_by_kwargs(request, **kwargs):
    return HttpResponse("seen by everybody")


class ByAttribute(RequireASNMixin, View):
    perms = Permission.UPDATE

    def get(self, request, asn):
        return HttpResponse(f"AS{asn} of {request.peeringdb.name}")


class Asynchronous(RequireASNMixin, View):
    async def get(self, request, asn):
        return HttpResponse(f"AS{asn} of {request.peeringdb.name}")


class ByConstant(RequireASNMixin, View):
    asn = (64500,)

    def get(self, request):
        return HttpResponse("ours")


class ByMethod(RequireASNMixin, View):
    def get_asn(self):
        return OF_SESSION.get(self.kwargs["pk"])

    def get(self, request, pk):
        return HttpResponse(f"session {pk}")


def checks_itself(request: HttpRequest, asn: int) -> HttpResponse:
    user = peeringdb_user(request, max_age=0)
    if user is None:
        return HttpResponse("nobody")
    AccessRule(perms=Permission.UPDATE).require(user, asn=asn)
    return HttpResponse("yes")


def crash(request):
    raise LookupError("an error of the project")


saved = []  # the notes that people have sent


@require_peeringdb
def save(request):
    saved.append(request.POST.get("note"))
    return HttpResponse("saved")


@require_peeringdb
async def save_async(request):
    return save.__wrapped__(request)


@login_required
def save_with_account(request):
    return save.__wrapped__(request)


class Save(RequireASNMixin, View):
    asn = 64500

    def post(self, request):
        return save.__wrapped__(request)


def _show(info):
    if info is None:
        return HttpResponse("nobody")
    return JsonResponse({"name": info.user.name, "id": info.id, "stale": info.stale})


def session(request):
    return _show(request.peeringdb_login)


@require_peeringdb
async def session_async(request):
    return _show(request.peeringdb_login)


def leave(request):
    auth.logout(request)
    return HttpResponse("left")


def flush(request):
    """Empty the session, as some projects do in place of a logout."""
    request.session.flush()
    return HttpResponse()


def become(request, username):
    """Log in as another account, as tools for support do."""
    auth.login(
        request,
        auth.get_user_model().objects.get(username=username),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return HttpResponse(username)
