"""The pytest fixture ``peeringdb``: a local PeeringDB for the tests of an application.

::

    def test_an_admin_may_change_the_network(peeringdb, client):
        peeringdb.log_in(client, peeringdb.person("Ada Admin", networks={64500: 15}))
        assert client.get("/networks/64500/edit").status_code == 200

It needs ``pip install "peeringdb-oauth[sandbox]"``. pytest imports this file at every
start, so the file imports everything else only when a test uses the fixture.
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
    from peeringdb_oauth.sandbox import Application, Sandbox, Tokens

__tracebackhide__ = True  # pytest shows the line of the test instead of this file

REDIRECT_URI = "https://testserver/login/peeringdb/callback"
_ADMIN_OF_ONE = MappingProxyType({64500: 15})
_WITH_SECOND_FACTOR = ("pwd", "otp", "mfa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person to log in.

    ``login``: the login name in the sandbox. ``id``, ``name``, ``email``: what the
    application is told. ``amr``: the methods that a login of this person proves.
    """

    login: str
    id: int
    name: str
    email: str
    amr: tuple[str, ...]


class PeeringDBFixture:
    """The value of the fixture ``peeringdb``.

    ``sandbox``: the `Sandbox` behind it, for what this class does not offer.

    Instead of a `Person`, each method takes the login name of one of the sandbox's
    default people, such as "member", "orgadmin" or "nomfa".
    """

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self._client_id: str | None = None  # of the application registered last

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return self.sandbox.url

    def client_config(self, redirect_uri: str = REDIRECT_URI, **changes: Any) -> "ClientConfig":
        """Register an application and return its configuration.

        ``redirect_uri``: `log_in` uses its scheme and its path only; the callback goes
        to the test client, whatever the host is. ``changes``: other fields of
        `ClientConfig`; ``client_secret=None`` registers a public client.

        Raises:
            ConfigurationError: a field of `ClientConfig` cannot be used.
            SandboxError: the redirect URI cannot be registered.
        """
        from peeringdb_oauth.config import ClientConfig  # noqa: PLC0415

        secret = changes.get("client_secret", "")
        application = self.sandbox.register(
            redirect_uri,
            client_id=changes.get("client_id"),
            client_secret=secret or None,
            confidential=secret is not None,
        )
        self._client_id = application.client_id
        fields = {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "redirect_uri": redirect_uri,
            "base_url": self.sandbox.url,
            "ca_file": self.sandbox.ca_file,
            "allow_http": redirect_uri.startswith("http:"),
            "requests_per_minute": None,  # tests make more requests than people
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
        """Add a person, until the end of the test.

        ``name``: given name, a space, family name. ``networks``: ASN to perms (READ 1 +
        UPDATE 2 + CREATE 4 + DELETE 8); networks that do not exist are created.
        ``manage_peering_sessions``: the same bits, as one number for all networks or by
        ASN; None for what perms is. ``verified_user``: PeeringDB has verified the
        account. ``verified_email``: PeeringDB has confirmed the email address.
        ``email``: made up if it is None. ``amr``: what a login of this person proves;
        PeeringDB sends ``("pwd",)`` after a backup code, and ``("pwd", "swk", "mfa")``
        after a security key.

        Raises:
            SandboxError: PeeringDB never sends this ``amr``, or another value is out of
                range.
        """
        from peeringdb_oauth.sandbox.application_login import second_factor_for  # noqa: PLC0415

        second_factor_for(amr)  # find a mistake here, and not at the login
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
        """Change a person at PeeringDB, until the end of the test.

        What is None stays as it is. The application sees the change when it asks
        PeeringDB again. The arguments are those of `Sandbox.change`.

        Raises:
            SandboxError: nobody has this login name, or a value is out of range.
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
        """Log a person in like a browser, and return the application's last response.

        ``client``: the test client of Flask, Starlette, FastAPI or Django. ``path``,
        ``method``: the request that starts the login. ``consent``: False if the person
        refuses at PeeringDB.

        The client requests ``path``, the person goes through PeeringDB's pages, the
        client requests the callback URL, and follows redirects within the application.
        If the login leads to https, an httpx client, such as Starlette's, keeps using
        https, because it sends the cookies of the login to https only.

        Raises:
            SandboxError: the application does not send the person to this sandbox, or
                PeeringDB does not send the person back.
            TypeError: this is no such test client, or its requests must be awaited.
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
        """Log a person in like `log_in`, with a client whose requests are awaited.

        ``client``: ``httpx.AsyncClient`` or Django's ``AsyncClient``.

        Raises:
            SandboxError: as in `log_in`.
            TypeError: this is no such test client, or its requests are not awaited.
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
        """Let PeeringDB answer with 503.

        ``path``: only requests for this path; None for all paths. ``times``: only so
        many requests; None until `clear_faults` or the end of the test.

        Raises:
            SandboxError: ``times`` is less than 1, or nothing is at the path.
        """
        self.sandbox.fault("outage", path=path, times=times)

    def error_500(self, *, path: str | None = None, times: int | None = None) -> None:
        """Let PeeringDB answer with its error page. The arguments are as in `outage`.

        Raises:
            SandboxError: ``times`` is less than 1, or nothing is at the path.
        """
        self.sandbox.fault("error_500", path=path, times=times)

    def slow(
        self, *, seconds: float = 3.0, path: str | None = None, times: int | None = None
    ) -> None:
        """Let PeeringDB answer late, by ``seconds``. The rest is as in `outage`.

        Raises:
            SandboxError: ``times`` is less than 1, nothing is at the path, or
                ``seconds`` is not between 0 and 600.
        """
        self.sandbox.fault("slow", path=path, times=times, seconds=seconds)

    def cut(self, *, path: str | None = None, times: int | None = None) -> None:
        """Let PeeringDB close the connection without an answer.

        The arguments are as in `outage`.

        Raises:
            SandboxError: ``times`` is less than 1, or nothing is at the path.
        """
        self.sandbox.fault("cut", path=path, times=times)

    def maintenance(self, *, times: int | None = None) -> None:
        """Let PeeringDB refuse every POST with 503, so nobody logs in or refreshes.

        Nothing is consumed: the same code or refresh token works afterwards. ``times``:
        only so many requests; None until `clear_faults` or the end of the test.

        Raises:
            SandboxError: ``times`` is less than 1.
        """
        self.sandbox.fault("maintenance", times=times)

    def account_switch(self, *, times: int | None = 1) -> None:
        """Let a login end in PeeringDB's error page, so the person never comes back.

        PeeringDB does so if another person is still logged in there. ``times``: only so
        many logins with a second factor; None until `clear_faults`.

        Raises:
            SandboxError: ``times`` is less than 1.
        """
        self.sandbox.fault("account_switch", times=times)

    def lose_refresh_race(self, *, refused: bool = False, times: int | None = 1) -> None:
        """Let another refresh with the same token come just before the next one.

        The answer has the tokens that the other refresh was given. They are good, but
        the ``at_hash`` of the ID token does not fit. ``refused``: the answer is
        invalid_grant instead. ``times``: only so many refreshes; None until
        `clear_faults`.

        Raises:
            SandboxError: ``times`` is less than 1.
        """
        self.sandbox.fault("refresh_lost" if refused else "refresh_race", times=times)

    def use_up_limit(self, *, left: int = 0) -> None:
        """Leave the application only some of its 120 requests a minute.

        ``left``: how many, in this minute and in the next. A login takes two.

        Raises:
            SandboxError: ``left`` is not from 0 to 120.
        """
        self.sandbox.use_up_limit(left=left)

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self.sandbox.clear_faults()

    def advance(self, seconds: float) -> None:
        """Let time pass at PeeringDB, so that tokens and codes expire.

        The clock of the application does not change. At the end of the test PeeringDB
        has the real time again.

        Raises:
            SandboxError: ``seconds`` is not more than 0, or more than ten years.
        """
        self.sandbox.advance(seconds)

    def rotate_key(self) -> None:
        """Let PeeringDB sign ID tokens with a new key from now on."""
        self.sandbox.rotate_key()

    def access_token(
        self, person: Person | str, application: "ClientConfig | Application | None" = None
    ) -> str:
        """An access token of a person, with every scope and without a login.

        ::

            headers = {"Authorization": f"Bearer {peeringdb.access_token(ada)}"}

        ``application``: whose token it is, as `client_config` returned it; None for the
        one that `client_config` registered last.

        Raises:
            SandboxError: there is no such person or application, or the person's
                account is disabled.
        """
        return self._issue_tokens(person, application).access_token

    def id_token(
        self, person: Person | str, application: "ClientConfig | Application | None" = None
    ) -> str:
        """An ID token of a person, as `access_token`.

        Raises:
            SandboxError: as `access_token`, or the application gets no ID tokens.
        """
        from peeringdb_oauth.sandbox import SandboxError  # noqa: PLC0415

        id_token = self._issue_tokens(person, application).id_token
        if id_token is None:
            raise SandboxError("this application gets no ID tokens: its algorithm is not RS256")
        return id_token

    def _issue_tokens(
        self, person: Person | str, application: "ClientConfig | Application | None"
    ) -> "Tokens":
        from peeringdb_oauth.sandbox import SandboxError  # noqa: PLC0415

        client_id = self._client_id if application is None else application.client_id
        if client_id is None:
            raise SandboxError("no application is registered: call peeringdb.client_config() first")
        amr = person.amr if isinstance(person, Person) else None
        return self.sandbox.issue_tokens(_login_of(person), client_id, amr=amr)

    def revoke_tokens(self, person: Person | str | None = None) -> int:
        """Revoke the tokens of one person, or of everybody, and return their number.

        Raises:
            SandboxError: nobody has this login name.
        """
        return self.sandbox.revoke_tokens(None if person is None else _login_of(person))

    def _visit_peeringdb(self, person: Person | str, *, consent: bool) -> Callable[[str], str]:
        """A function that makes a callback URL of an authorization URL."""
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
    """The value of `peeringdb`, for fixtures of a wider scope.

    Applications stay registered until the end of the session. Everything else ends with
    each test that uses `peeringdb`.
    """
    from peeringdb_oauth.errors import ConfigurationError  # noqa: PLC0415
    from peeringdb_oauth.sandbox import Sandbox  # noqa: PLC0415

    # If every line is hidden, pytest adds a note about it to the message below.
    __tracebackhide__ = False
    try:
        sandbox = Sandbox().start()
    except ConfigurationError as error:
        # The message says which packages to install.
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    with closing(sandbox):
        yield PeeringDBFixture(sandbox)


@pytest.fixture
def peeringdb(peeringdb_sandbox: PeeringDBFixture) -> Iterator[PeeringDBFixture]:
    """A local PeeringDB with people to log in, and with faults to switch on.

    After the test it is as it was before.
    """
    yield peeringdb_sandbox
    peeringdb_sandbox.sandbox.reset()
