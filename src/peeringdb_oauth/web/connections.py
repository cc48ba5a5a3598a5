"""Connects accounts of an application to people at PeeringDB.

For frameworks without accounts of their own. The application has the accounts, and two
functions that store a connection and delete it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web.failures import CONNECTED_ALREADY, CONNECTED_ELSEWHERE
from peeringdb_oauth.web.login import LoginFlow
from peeringdb_oauth.web.login_context import Admit
from peeringdb_oauth.web.visit import Answer, Visit

# For an `AccessDenied` of the application, which moves nothing between accounts.
OTHER_ACCOUNT = Reason(
    "your PeeringDB account is connected to another account here", code=CONNECTED_ELSEWHERE.code
)
_OTHER_PERSON = Reason("you can have one PeeringDB account here", code=CONNECTED_ALREADY.code)


class LocalAccount(NamedTuple):
    """An account of the application.

    ``key``: what the application knows it by, as text. ``name``: what its owner knows
    it by. ``peeringdb_id``: the id of the person at PeeringDB that it is connected to;
    None for nobody.
    """

    key: str
    name: str
    peeringdb_id: int | None = None


class Connections:
    """The connections of one application's accounts.

    ``on_connect``: called with the account and the user to store their connection;
    raises `AccessDenied` to refuse it. ``on_disconnect``: called with the account to
    delete its connection; raises `AccessDenied` to refuse it.
    """

    def __init__(
        self,
        flow: LoginFlow,
        *,
        on_connect: Callable[[LocalAccount, User], Any],
        on_disconnect: Callable[[LocalAccount], Any],
    ) -> None:
        self._flow = flow
        self._on_connect, self._on_disconnect = on_connect, on_disconnect

    def page(self, visit: Visit, account: LocalAccount | None) -> Answer:
        """The page about the connection of the account that is logged in.

        ``account``: None for nobody.
        """
        if account is None:
            return self._flow.connect_ended(visit)
        return self._flow.connection(visit, account=account.name, user=self._person(visit, account))

    def start(self, visit: Visit, account: LocalAccount | None) -> Answer:
        """Send the browser to PeeringDB, to connect the account that is logged in."""
        if account is None or account.peeringdb_id is not None:
            return self.page(visit, account)
        return self._flow.connect(visit, account.key)

    def callback(self, visit: Visit, admit: Admit, account: LocalAccount | None) -> Flow[Answer]:
        """As `LoginFlow.callback`, which connects the account if it was asked to."""
        if account is None:
            return (yield from self._flow.callback(visit, admit))
        connect = partial(self._connect, account)
        return (yield from self._flow.callback(visit, admit, account=account.key, connect=connect))

    def end(self, visit: Visit, account: LocalAccount | None) -> Flow[Answer]:
        """Disconnect the account, and end the login with PeeringDB in this browser."""
        if account is None:
            return self._flow.connect_ended(visit)
        return (
            yield from self._flow.disconnect(
                visit, partial(self._on_disconnect, account), user=self._person(visit, account)
            )
        )

    def _person(self, visit: Visit, account: LocalAccount) -> User | None:
        """Who the account is connected to, with their name if they are logged in."""
        if account.peeringdb_id is None:
            return None
        login = self._flow.visitors.peek(visit)
        is_known = login is not None and login.user.id == account.peeringdb_id
        return login.user if login and is_known else User(id=account.peeringdb_id)

    def _connect(self, account: LocalAccount, user: User) -> Any:
        if account.peeringdb_id not in (None, user.id):
            raise AccessDenied(_OTHER_PERSON)
        return self._on_connect(account, user)
