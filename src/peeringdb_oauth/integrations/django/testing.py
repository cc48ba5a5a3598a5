"""For a project's tests: a user in every request, without PeeringDB and a login.

::

    with logged_in_as(User(id=1, verified_user=True, verified_email=True)):
        assert client.get("/networks/64500").status_code == 200
"""

from collections.abc import Iterator
from contextlib import contextmanager

from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import ActingVerifier, ActingVisitors


@contextmanager
def logged_in_as(user: User) -> Iterator[None]:
    """Every request is one of ``user``, until the block ends.

    The login rule and those of the views decide as ever, also for bearer tokens.
    ``request.user`` is the account that Django's test client logs in with
    ``force_login``, else nobody.
    """
    app = application()
    visitors, verifier = app.visitors, app.verifier
    try:
        app.visitors = app.flow.visitors = ActingVisitors(visitors, user)
        app.verifier = ActingVerifier(user)
        yield
    finally:
        app.visitors = app.flow.visitors = visitors
        app.verifier = verifier
