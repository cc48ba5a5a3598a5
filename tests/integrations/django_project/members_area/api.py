"""The API of the project, with Django REST framework."""
# ruff: noqa: ARG002 - the framework passes more arguments than are needed

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from peeringdb_oauth import Permission, User
from peeringdb_oauth.integrations.django.rest_framework import PeeringDBAuthentication, RequireASN

looked_for = []


class MayUpdate(RequireASN):
    perms = Permission.UPDATE


class IsOurs(RequireASN):
    asn = (64500, 64499)


class IsFresh(IsOurs):
    max_age = 0


class KnowsItself(RequireASN):
    def get_asn(self, request, view):
        looked_for.append(view.kwargs["pk"])
        return {1: 64500, 2: 64499}.get(view.kwargs["pk"])


class KnowsItselfOfOurs(KnowsItself):
    asn = (64500, 64499)


class Me(APIView):
    authentication_classes = (PeeringDBAuthentication,)
    permission_classes = ()

    def get(self, request):
        return Response(
            {"account": request.user.get_username(), "asns": getattr(request.auth, "asns", None)}
        )


class Network(APIView):
    authentication_classes = (PeeringDBAuthentication, SessionAuthentication)
    permission_classes = (MayUpdate,)

    def get(self, request, asn):
        return Response({"asn": asn})

    post = get


class Constant(APIView):
    authentication_classes = (PeeringDBAuthentication,)
    permission_classes = (IsOurs,)

    def get(self, request):
        return Response("ours")

    post = get


class _Elsewhere(BaseAuthentication):
    def authenticate(self, request):
        return "somebody", "a token of somebody else's"


class Foreign(APIView):
    authentication_classes = (_Elsewhere,)
    permission_classes = (IsOurs,)

    def get(self, request):
        return Response("ours")


class _LookAlike(BaseAuthentication):
    def authenticate(self, request):
        return "somebody", User(id=2, verified_user=True, verified_email=True)


class LookAlike(Foreign):
    authentication_classes = (_LookAlike,)


class Now(APIView):
    authentication_classes = (PeeringDBAuthentication,)
    permission_classes = (IsFresh,)

    def get(self, request):
        return Response(request.auth.asns)


class Fresh(Constant):
    authentication_classes = (SessionAuthentication,)
    permission_classes = (IsFresh,)


class _Careless(SessionAuthentication):
    def enforce_csrf(self, request):
        """Do not check."""


class Exempt(Constant):
    authentication_classes = (_Careless,)


class Found(APIView):
    authentication_classes = (SessionAuthentication,)
    permission_classes = (KnowsItself,)

    def get(self, request, pk):
        return Response("found")


class FoundOurs(Found):
    permission_classes = (KnowsItselfOfOurs,)


class Missing(Constant):
    authentication_classes = (SessionAuthentication,)
    permission_classes = (MayUpdate,)
