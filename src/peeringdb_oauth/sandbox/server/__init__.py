"""The server of a sandbox: a Django project that answers as PeeringDB does.

`startup` starts it. PeeringDB uses django-oauth-toolkit for its OAuth endpoints, and so
does the sandbox. `oauth_endpoints`, `oauth_validator`, `middleware` and `caller` add
what PeeringDB does differently.
"""
