"""The pages of both projects."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.models import Group, User
from django.http import JsonResponse
from django.template import engines
from django.urls import include, path

from peeringdb_oauth import AccessRule, Permission

if "social_django" in settings.INSTALLED_APPS:
    from social_django.utils import load_backend, load_strategy

    from peeringdb_oauth.integrations.social_core import user_from_extra_data

    def bring(request, token):
        """Log in with a token, as packages for APIs have social-core do it."""
        request.social_strategy = load_strategy(request)
        request.backend = load_backend(request.social_strategy, "peeringdb", redirect_uri="/")
        return JsonResponse({"user": request.backend.do_auth(token)})

    def store(request, first, second):
        """What another backend would have stored."""
        account = request.user.social_auth.get()
        account.set_extra_data({first: "stored", second: "stored"})
        account.save()
        return JsonResponse({})

    LIBRARY = [
        path("bring/<token>", bring),
        path("store/<first>/<second>", store),
        path("", include("social_django.urls", namespace="social")),
    ]
else:
    from peeringdb_oauth.integrations.allauth import user_from_extra_data

    LIBRARY = [path("accounts/", include("allauth.urls"))]


def social_accounts(user):
    return user.social_auth.all() if hasattr(user, "social_auth") else user.socialaccount_set.all()


def describe(user):
    account = social_accounts(user).first()
    addresses = (
        [(address.email, address.verified) for address in user.emailaddress_set.all()]
        if hasattr(user, "emailaddress_set")
        else []
    )
    return {
        "pk": user.pk,
        "username": user.username,
        "email": user.email,
        "name": user.get_full_name(),
        "uid": account and account.uid,
        "extra_data": account and account.extra_data,
        "addresses": addresses,
        "groups": sorted(group.name for group in user.groups.all()),
        "flags": [user.is_staff, user.is_superuser],
    }


def home(request):
    """Who is logged in, and everybody there is."""
    found = {"users": [describe(user) for user in User.objects.order_by("pk")]}
    return JsonResponse(
        found | {"me": describe(request.user) if request.user.is_authenticated else None}
    )


def may_update(request, asn):
    """The access rule of docs/social-core.md."""
    user = user_from_extra_data(social_accounts(request.user).get().extra_data)
    decision = AccessRule(perms=Permission.UPDATE).check(user, asn=asn)
    return JsonResponse({"allowed": decision.allowed, "reasons": decision.reasons})


def form(request):
    """A page with the token that protects forms."""
    return JsonResponse(
        {"token": engines["django"].from_string("{{ csrf_token }}").render({}, request)}
    )


def enter(request):
    """Log in as the account that was there before."""
    login(request, User.objects.get(username="local"), "django.contrib.auth.backends.ModelBackend")
    return JsonResponse({})


def make_groups(request, names):  # noqa: ARG001 - a view gets it
    """Make groups, as an administrator does."""
    for name in names.split(","):
        Group.objects.get_or_create(name=name)
    return JsonResponse({})


def by_hand(request, kind, name):
    """Give or take rights by hand: to be in a group, or to be staff."""
    if name == "is_staff":
        request.user.is_staff = kind == "give"
        request.user.save()
    else:
        group = Group.objects.get(name=name)
        (request.user.groups.add if kind == "give" else request.user.groups.remove)(group)
    return JsonResponse({})


def leave(request):
    logout(request)
    return JsonResponse({})


urlpatterns = [
    path("", home),
    path("may-update/<int:asn>", may_update),
    path("form", form),
    path("enter", enter),
    path("leave", leave),
    path("make-groups/<names>", make_groups),
    path("by-hand/<kind>/<name>", by_hand),
]
urlpatterns += LIBRARY
