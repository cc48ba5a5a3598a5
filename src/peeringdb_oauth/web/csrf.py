"""Did a page of this site send the form? Against cross-site request forgery."""

from hmac import compare_digest

from peeringdb_oauth.web.answer_builder import AnswerBuilder
from peeringdb_oauth.web.sessions import Visitors
from peeringdb_oauth.web.visit import Visit

CSRF_FIELD = "peeringdb_csrf"  # of a form
CSRF_HEADER = "X-PeeringDB-CSRF"


def is_own(visit: Visit, visitors: Visitors) -> bool:
    """Whether a page of this site sent the form of somebody who is logged in.

    Either the browser says so (Fetch Metadata), or the form has the token of the
    session.
    """
    if visit.headers.get("Sec-Fetch-Site") == "same-origin" or visitors.takes_all_forms:
        return True
    csrf_token = visitors.csrf_token(visit)
    if csrf_token is None:
        return False
    given = visit.headers.get(CSRF_HEADER) or visit.csrf_token()
    expected = csrf_token.encode()
    return compare_digest(expected, given.encode("utf-8", "surrogatepass"))


def is_own_without_login(visit: Visit, visitors: Visitors, builder: AnswerBuilder) -> bool:
    """Whether a page of this site sent the form, also if nobody is logged in.

    Somebody who is not logged in with PeeringDB has no token. Browsers send the header
    Origin with every form.
    """
    return visit.is_trusted and (is_own(visit, visitors) or not builder.is_foreign(visit))
