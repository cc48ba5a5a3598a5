"""The pytest fixture ``peeringdb``: a PeeringDB of one's own, for the tests of an
application.

::

    def test_an_admin_may_change_the_peering_of_the_network(peeringdb, client):
        peeringdb.log_in(client, peeringdb.person("Ada Admin", networks={64500: 15}))
        assert client.get("/networks/64500/edit").status_code == 200

It needs ``pip install "peeringdb-oauth[sandbox]"``. pytest loads this file at each
start, so it loads nothing else until a test asks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from peeringdb_oauth.config import ClientConfig
    from peeringdb_oauth.sandbox import Sandbox

__tracebackhide__ = True  # pytest shows the line of the test, not ours

REDIRECT_URI = "https://testserver/login/peeringdb/callback"
_ADMIN_OF_ONE = MappingProxyType({64500: 15})
_WITH_SECOND_FACTOR = ("pwd", "otp", "mfa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody to log in. ``id``, ``name`` and ``email`` are what the application is
    told, ``amr`` is what their logins prove.
    """

    login: str
    id: int
    name: str
    email: str
    amr: tuple[str, ...]


class PeeringDBFixture:
    """What the fixture ``peeringdb`` is. ``sandbox``: the `Sandbox` behind it, for what
    is not here.

    Where a `Person` is asked for, the login name of one of the sandbox's own people
    will do: "member", "orgadmin", "nomfa", ...
    """

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox

    @property
    def url(self) -> str:
        """Where it answers: the ``base_url`` of a client."""
        return self.sandbox.url

    def client_config(self, redirect_uri: str = REDIRECT_URI, **changes: Any) -> "ClientConfig":
        """A configuration that works as it is, of an application that was registered
        for it.

        `log_in` needs of the redirect URI only scheme and path: whatever its host, the
        callback goes to the test client. ``changes``: other fields of `ClientConfig`;
        ``client_secret=None`` makes the application a public one.
        """
        from peeringdb_oauth.config import ClientConfig  # noqa: PLC0415

        secret = changes.get("client_secret", "")
        application = self.sandbox.register(
            redirect_uri,
            client_id=changes.get("client_id"),
            client_secret=secret or None,
            confidential=secret is not None,
        )
        fields = {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "redirect_uri": redirect_uri,
            "base_url": self.sandbox.url,
            "ca_file": self.sandbox.ca_file,
            "allow_http": redirect_uri.startswith("http:"),
            "requests_per_minute": None,  # tests are faster than people
        }
        return ClientConfig(**fields | changes)

    def person(
        self,
        name: str,
        *,
        networks: Mapping[int, int] = _ADMIN_OF_ONE,
        manage_peering_sessions: int | Mapping[int, int] | None = None,
        verified_user: bool = True,
        verified_email: bool = True,
        email: str | None = None,
        amr: Sequence[str] = _WITH_SECOND_FACTOR,
    ) -> Person:
        """Somebody new, until the end of the test.

        ``networks``: ASN to ``perms`` (READ 1 + UPDATE 2 + CREATE 4 + DELETE 8);
        networks that do not exist yet are made. ``manage_peering_sessions``: the same
        bits, for all or by ASN; without it, they follow ``perms``, as at PeeringDB.
        ``amr``: after a backup code PeeringDB says ``("pwd",)`` only. Raises
        `SandboxError` for one that PeeringDB does not send.
        """
        from peeringdb_oauth.sandbox.application_login import second_factor_for  # noqa: PLC0415

        second_factor_for(amr)  # or a mistake in it would show only at the login
        account = self.sandbox.add_person(
            name,
            email=email,
            networks=networks,
            manage_peering_sessions=manage_peering_sessions,
            verified_user=verified_user,
            verified_email=verified_email,
        )
        return Person(**asdict(account), amr=tuple(amr))

    def change(
        self,
        person: Person | str,
        *,
        networks: Mapping[int, int] | None = None,
        manage_peering_sessions: int | Mapping[int, int] | None = None,
        verified_user: bool | None = None,
        verified_email: bool | None = None,
        mfa: bool | None = None,
        active: bool | None = None,
    ) -> None:
        """Change somebody at PeeringDB, until the end of the test; what is not given
        stays. The application hears of it when it asks.
        """
        self.sandbox.change(
            _login_of(person),
            networks=networks,
            manage_peering_sessions=manage_peering_sessions,
            verified_user=verified_user,
            verified_email=verified_email,
            mfa=mfa,
            active=active,
        )

    def log_in(
        self,
        client: Any,
        person: Person | str,
        path: str = "/login/peeringdb",
        *,
        method: str = "GET",
        consent: bool = True,
    ) -> Any:
        """Log somebody in as a browser would; the application's last response.

        ``client``: the test client of Flask, Starlette, FastAPI or Django. It asks for
        ``path``, `person` walks through PeeringDB's pages (``consent=False``: and says
        no), the client gets the callback, and redirects within the application are
        followed. An httpx client, such as Starlette's, then stays at https if that is
        where the login led: there its cookies are. Raises `SandboxError` if the
        application does not send the person to this sandbox, or PeeringDB does not send
        them back.
        """
        from peeringdb_oauth.sandbox import application_login  # noqa: PLC0415

        return application_login.log_in(
            client,
            path,
            self._visit_peeringdb(person, consent=consent),
            method=method,
            sandbox_url=self.url,
        )

    async def alog_in(
        self,
        client: Any,
        person: Person | str,
        path: str = "/login/peeringdb",
        *,
        method: str = "GET",
        consent: bool = True,
    ) -> Any:
        """`log_in` with a client whose requests are awaited: ``httpx.AsyncClient`` or
        Django's ``AsyncClient``.
        """
        from peeringdb_oauth.sandbox import application_login  # noqa: PLC0415

        return await application_login.alog_in(
            client,
            path,
            self._visit_peeringdb(person, consent=consent),
            method=method,
            sandbox_url=self.url,
        )

    def outage(self, *, path: str | None = None, times: int | None = None) -> None:
        """PeeringDB answers 503: on one path or all, some times or until the end of the
        test.
        """
        self.sandbox.fault("outage", path=path, times=times)

    def error_500(self, *, path: str | None = None, times: int | None = None) -> None:
        """PeeringDB answers with its page for internal errors."""
        self.sandbox.fault("error_500", path=path, times=times)

    def slow(
        self,
        *,
        seconds: float = 3.0,
        path: str | None = None,
        times: int | None = None,
    ) -> None:
        """PeeringDB answers late."""
        self.sandbox.fault("slow", path=path, times=times, seconds=seconds)

    def cut(self, *, path: str | None = None, times: int | None = None) -> None:
        """PeeringDB closes the connection without an answer."""
        self.sandbox.fault("cut", path=path, times=times)

    def clear_faults(self) -> None:
        """PeeringDB is well again."""
        self.sandbox.clear_faults()

    def advance(self, seconds: float) -> None:
        """Let time pass at PeeringDB, until the end of the test: tokens and codes grow
        old. The application's clock is its own.
        """
        self.sandbox.advance(seconds)

    def rotate_key(self) -> None:
        """PeeringDB signs ID tokens with a new key from now on."""
        self.sandbox.rotate_key()

    def revoke_tokens(self, person: Person | str | None = None) -> int:
        """End the tokens of somebody, or everybody's; how many that were."""
        return self.sandbox.revoke_tokens(None if person is None else _login_of(person))

    def _visit_peeringdb(self, person: Person | str, *, consent: bool) -> Callable[[str], str]:
        """What happens to an authorization URL there: it becomes a callback URL."""
        from peeringdb_oauth.sandbox.application_login import second_factor_for  # noqa: PLC0415

        amr = person.amr if isinstance(person, Person) else _WITH_SECOND_FACTOR
        return partial(
            self.sandbox.log_in,
            _login_of(person),
            consent=consent,
            second_factor=second_factor_for(amr),
        )


def _login_of(person: Person | str) -> str:
    return person.login if isinstance(person, Person) else person


@pytest.fixture(scope="session")
def peeringdb_sandbox() -> Iterator[PeeringDBFixture]:
    """What `peeringdb` is, for fixtures of a wider scope. Applications stay registered;
    everything else ends with the next test.
    """
    from peeringdb_oauth.errors import ConfigurationError  # noqa: PLC0415
    from peeringdb_oauth.sandbox import Sandbox  # noqa: PLC0415

    # else pytest adds to the sentence below that everything is hidden
    __tracebackhide__ = False
    try:
        sandbox = Sandbox().start()
    except ConfigurationError as error:
        raise pytest.fail.Exception(
            str(error),
            pytrace=False,
        ) from None  # a sentence that says what to install
    with closing(sandbox):
        yield PeeringDBFixture(sandbox)


@pytest.fixture
def peeringdb(peeringdb_sandbox: PeeringDBFixture) -> Iterator[PeeringDBFixture]:
    """A PeeringDB of one's own: people to log in, an application's configuration,
    faults. After the test it is as it was before.
    """
    yield peeringdb_sandbox
    peeringdb_sandbox.sandbox.reset()
