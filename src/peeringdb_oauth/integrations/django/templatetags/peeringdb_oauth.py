"""A tag for templates that get no context processor, such as the admin's."""

from django import template
from django.template import Context

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.visits import page_context
from peeringdb_oauth.web import PageContext

register = template.Library()


@register.simple_tag(takes_context=True)
def peeringdb_page(context: Context) -> PageContext | None:
    """What the context processor adds as ``peeringdb``.

    None if the login is not set up, because a page has to work without it, too.
    """
    request = context.get("request", getattr(context, "request", None))
    try:
        return None if request is None else page_context(request)
    except ConfigurationError:
        return None
