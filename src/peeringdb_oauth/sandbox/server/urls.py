"""The paths: PeeringDB's own, and those of the sandbox below /sandbox/."""

from django.urls import include, path, re_path
from oauth2_provider import views

from peeringdb_oauth.sandbox.server import (
    control_endpoint,
    control_pages,
    edited_address,
    error_pages,
    login_pages,
    oauth_endpoints,
)

_OPENID_CONFIGURATION = re_path(
    r"^\.well-known/openid-configuration/?$",
    views.ConnectDiscoveryInfoView.as_view(),
    name="oidc-connect-discovery-info",
)
_AUTHORIZATION_SERVER_METADATA = re_path(
    r"^\.well-known/oauth-authorization-server/?$",
    oauth_endpoints.AuthorizationServerMetadata.as_view(),
)

_oauth2 = [
    # As at PeeringDB without an end: more may follow.
    re_path(r"^authorize/", oauth_endpoints.Authorize.as_view(), name="authorize"),
    path("token/", oauth_endpoints.Token.as_view(), name="token"),
    path("revoke_token/", views.RevokeTokenView.as_view(), name="revoke-token"),
    path("introspect/", views.IntrospectTokenView.as_view(), name="introspect"),
    path(
        "device-authorization/",
        oauth_endpoints.DeviceAuthorization.as_view(),
        name="device-authorization",
    ),
    path("userinfo/", views.UserInfoView.as_view(), name="user-info"),
    path("logout/", views.RPInitiatedLogoutView.as_view(), name="rp-initiated-logout"),
    path(".well-known/jwks.json", views.JwksInfoView.as_view(), name="jwks-info"),
    _OPENID_CONFIGURATION,
    _AUTHORIZATION_SERVER_METADATA,
]

_control = [
    path("", control_pages.overview_page, name="control"),
    path("people/<str:login>/", control_pages.person_page, name="control-person"),
    path("people/<str:login>/profile", control_pages.person_profile, name="control-profile"),
    path("applications/", control_pages.applications_page, name="control-applications"),
    path("edited-address/", edited_address.follow_edited_address, name="edited-address"),
    path("faults/", control_pages.faults_page, name="control-faults"),
    path("api/<slug:command>", control_endpoint.run_command, name="control-api"),
    path("style.css", control_pages.style_sheet, name="style"),
]

handler400 = error_pages.bad_request
handler500 = error_pages.server_error
urlpatterns = [
    path("", login_pages.home_page, name="home"),
    path("account/login/", login_pages.login_page, name="login"),
    path("account/login/second-factor/", login_pages.second_factor_page, name="second-factor"),
    path("account/two_factor/", login_pages.two_factor_page, name="two-factor"),
    path("logout", login_pages.logout_page, name="logout"),
    path("profile/v1", oauth_endpoints.profile_v1, name="profile"),
    path("oauth2/", include((_oauth2, "oauth2_provider"))),
    path("sandbox/", include(_control)),
    _OPENID_CONFIGURATION,
    _AUTHORIZATION_SERVER_METADATA,
]
