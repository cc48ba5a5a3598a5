"""The context processor: ``peeringdb`` in every template, looked up when it is used."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from peeringdb_oauth.integrations.django.visits import page_context


def peeringdb(request: HttpRequest) -> dict[str, object]:
    """A `PageContext`: ``peeringdb.user``, ``peeringdb.login_url``; the two buttons use
    it too.
    """
    return {"peeringdb": SimpleLazyObject(lambda: page_context(request))}
