"""The logout: at one host, and after that at all hosts if the person wants it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import RecordsUnavailable
from peeringdb_oauth.gateway.host import PATHS, HostLogin
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web import Answer, Sealer, Visit

END_ALL = "end_all"  # the field of the form that ends all logins of a person
_PURPOSE = "gateway end all 1 at "
_LIFETIME = 600  # seconds in which that form counts

_LABELS = {
    "end_all": Text("End all my logins"),
    "end_all_advice": Text(
        "You may be logged in elsewhere, with other browsers or at other sites behind this login."
        " You can end all of that now."
    ),
}


class EndAll(NamedTuple):
    """The form that ends all logins of a person.

    ``url``: where it is sent. ``field``: the name of its field. ``proof``: the value,
    which only the person who has just logged out gets.
    """

    url: str
    field: str
    proof: str


class Logout:
    """Ends logins.

    ``hosts``: all hosts of the gateway. ``clock``: gives Unix seconds.
    """

    def __init__(
        self,
        client: AsyncClient,
        hosts: Iterable[HostLogin],
        sealer: Sealer,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._hosts = tuple(hosts)
        self._sealer = sealer
        self._clock = clock

    def ask(self, host: HostLogin, visit: Visit) -> Answer:
        """The page with the button that logs out."""
        if host.visitors.peek(visit) is None:
            return _logged_out(
                host, visit, Text("You are not logged in at {host}.", host=host.name)
            )
        advice = Text(
            "This ends your login at {host}. At PeeringDB you stay logged in.", host=host.name
        )
        return host.flow.page(visit, "gateway/log_out.html", Text("Log out"), advice)

    async def end(self, host: HostLogin, visit: Visit) -> tuple[Answer, EndAll | None]:
        """End the login of a browser at this host, and offer to end all others."""
        login = host.visitors.peek(visit)
        if login is None and visit.is_trusted:
            return self.ask(host, visit), None
        answer = await self._client.run(host.flow.log_out(visit))
        if answer.location is None or login is None:  # it says why not
            return answer, None
        proof = self._sealer.seal(_PURPOSE + host.origin, [login.user.id, self._clock()])
        advice = Text(
            "Your login at {host} has ended. At PeeringDB you are still logged in.", host=host.name
        )
        page = replace(_logged_out(host, visit, advice), cookies=answer.cookies)
        return page, EndAll(PATHS.logout, END_ALL, proof)

    async def end_all(self, host: HostLogin, visit: Visit, proof: str) -> Answer:
        """End all logins of the person who has got a proof at their logout."""
        opened = self._sealer.open(_PURPOSE + host.origin, proof)
        user_id, at = opened if isinstance(opened, list) else (None, 0.0)
        if user_id is None or elapsed(at, self._clock()) > _LIFETIME:
            return self.ask(host, visit)
        try:
            counts = [
                await self._client.run(each.visitors.sessions.end_all(user_id, "logout"))
                for each in self._hosts
            ]
        except RecordsUnavailable as error:
            return host.flow.refusals.fail(visit, error)
        advice = Text(
            "Logins that were ended now: {count}. At PeeringDB you are still logged in.",
            count=sum(counts),
        )
        return _logged_out(host, visit, advice, title=Text("All your logins have ended"))


def _logged_out(
    host: HostLogin, visit: Visit, advice: str, *, title: str = Text("You are logged out")
) -> Answer:
    return host.flow.page(visit, "gateway/logged_out.html", title, advice, labels=_LABELS)
