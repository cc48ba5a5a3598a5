"""What a visitor gets whom a check has not let pass."""

from dataclasses import replace
from urllib.parse import urlsplit

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.gateway.host import BELOW, PATHS
from peeringdb_oauth.gateway.question import Question
from peeringdb_oauth.web import TRY_AGAIN, Answer, Refused, Visit

SIGN_IN = f"{BELOW}/sign-in"


class Judge:
    """Answers visitors whom a check has not let pass.

    ``sign_in_page``: whether people see a page before they are sent to PeeringDB.
    """

    def __init__(self, client: AsyncClient, *, sign_in_page: bool) -> None:
        self._client = client
        self._sign_in_page = sign_in_page

    async def answer(self, question: Question, visit: Visit) -> Answer:
        """The answer to a visitor's request."""
        before = dict(visit.session)
        try:
            answer = await self._judge(question, visit)
        except Refused as refused:
            answer = refused.answer
        return question.host.with_session(self._via_sign_in_page(answer), visit, before)

    async def _judge(self, question: Question, visit: Visit) -> Answer:
        flow, match = question.host.flow, question.match
        if match.refusal is not None or match.rule is None:
            login = flow.visitors.peek(visit)
            user = None if login is None else login.user
            reasons = () if match.refusal is None else (match.refusal,)
            return _without_login(flow.refusals.fail(visit, AccessDenied(*reasons), user=user))
        if match.rule.is_open:
            return self._allow(question, visit)
        if question.is_foreign:
            return _without_login(flow.refusals.foreign_origin(visit))
        user = await self._client.run(flow.require_login(visit))
        decision = match.rule.check(user, match.asn)
        if decision:
            return self._allow(question, visit)
        rule, asn = match.rule.access(user, match.asn)
        error = AccessDenied(*decision.reasons)
        return flow.refuse(visit, error, user=user, asn=asn, rule=rule)

    def _allow(self, question: Question, visit: Visit) -> Answer:
        """What was refused a moment ago and is not any more.

        Only the proxy can let it pass, so the visitor has to ask once more.
        """
        if visit.method == "GET" and visit.is_navigation:
            location = f"{visit.origin}{visit.address}"
            return Answer(status=302, location=location, headers={"Cache-Control": "no-store"})
        return question.host.flow.refusals.show(visit, TRY_AGAIN, headers={"Retry-After": "1"})

    def _via_sign_in_page(self, answer: Answer) -> Answer:
        location = answer.location or ""
        is_start = urlsplit(location).path == PATHS.login and "&prompt=" not in location
        if not (self._sign_in_page and is_start):
            return answer
        return replace(answer, location=SIGN_IN + location.removeprefix(PATHS.login))


def _without_login(answer: Answer) -> Answer:
    """The answer where no login helps anybody, not even a stranger."""
    if answer.page is None:
        return replace(answer, json={**(answer.json or {}), "login_url": None})
    return replace(answer, page=replace(answer.page, offers_login=False, home_url=PATHS.home))
