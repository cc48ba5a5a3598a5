"""The server of a sandbox: a Django project that answers as PeeringDB does.

`startup` starts it. The OAuth endpoints are those of django-oauth-toolkit, which
PeeringDB uses, too; `oauth_endpoints`, `oauth_validator` and `middleware` add what
PeeringDB does differently.
"""
