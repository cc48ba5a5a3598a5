"""The context processor: ``peeringdb`` in every template."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from peeringdb_oauth.integrations.django.visits import page_context


def peeringdb(request: HttpRequest) -> dict[str, object]:
    """Add ``peeringdb``, a `PageContext` with ``peeringdb.user`` and the login's URLs.

    The login and logout buttons need it. It reads the session only when a template uses
    it.
    """
    return {"peeringdb": SimpleLazyObject(lambda: page_context(request))}
