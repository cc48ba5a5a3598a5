"""Start and stop a sandbox in a process of its own, and drive it while it runs.

It needs neither Django nor any other package in this process.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from peeringdb_oauth.sandbox.browser import Browser
from peeringdb_oauth.sandbox.control_client import send_command, ssl_context
from peeringdb_oauth.sandbox.options import Options
from peeringdb_oauth.sandbox.server_process import ServerProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A registered application.

    ``client_id``, ``client_secret``: its credentials. ``redirect_uris``: where logins
    may return to.
    """

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person that was added with `Sandbox.add_person`.

    ``login``: the login name, as `Sandbox.log_in` and `Sandbox.change` take it. ``id``,
    ``name``, ``email``: what applications are told about the person.
    """

    login: str
    id: int
    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What `Sandbox.issue_tokens` returns.

    ``id_token``: None if the algorithm of the application is not RS256.
    """

    access_token: str = field(repr=False)
    id_token: str | None = field(repr=False)


class Sandbox:
    """A local PeeringDB in a process that ends with this one.

    Use it in a ``with`` statement, or call `start` and `close`::

        with Sandbox() as sandbox:
            application = sandbox.register("https://app.example.net/callback")
            ...  # make an authorization URL that starts with sandbox.url
            callback_url = sandbox.log_in("member", authorization_url)

    The arguments are the fields of `Options`. While the sandbox is not running, only
    `start`, `close` and `wait` can be used; everything else raises `SandboxError`.
    """

    def __init__(
        self,
        *,
        people: str | os.PathLike[str] | None = None,
        tls: bool = True,
        strict: bool = False,
        limits: bool = True,
        port: int = 0,
        database: str | os.PathLike[str] | None = None,
        host: str = "127.0.0.1",
        redirect_uris: Sequence[str] = (),
        hosts: Sequence[str] = (),
        log: bool = False,
    ) -> None:
        self._options = Options(
            host=host,
            port=port,
            tls=tls,
            strict=strict,
            limits=limits,
            people=None if people is None else os.fspath(people),
            database=None if database is None else os.fspath(database),
            redirect_uris=tuple(redirect_uris),
            hosts=tuple(hosts),
            log=log,
        )
        self._process = ServerProcess(self._options)

    def start(self) -> Self:
        """Start the sandbox and wait until it answers. A ``with`` statement does it.

        Raises:
            ConfigurationError: the sandbox cannot run with these options; every reason
                is named.
            SandboxError: it is running already, or its process ends without an answer.
        """
        self._process.start()
        return self

    def close(self) -> None:
        """Stop the sandbox. If it is not running, nothing happens."""
        self._process.close()

    def wait(self) -> None:
        """Wait until the sandbox has ended."""
        self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The base URL for a client, without a slash at the end.

        Raises:
            SandboxError: the sandbox is not running.
        """
        return self._process.started.url

    @property
    def ca_file(self) -> str | None:
        """A PEM file with the certificate authority to trust; None without TLS.

        Raises:
            SandboxError: the sandbox is not running.
        """
        return self._process.started.ca_file

    @property
    def control_token(self) -> str:
        """Opens the JSON control endpoint, as the header ``X-Sandbox-Token``.

        Raises:
            SandboxError: the sandbox is not running.
        """
        return self._process.started.control_token

    @property
    def application(self) -> Application:
        """The application that every sandbox has from the start.

        Raises:
            SandboxError: the sandbox is not running.
        """
        started = self._process.started
        return Application(
            client_id=started.client_id,
            client_secret=started.client_secret,
            redirect_uris=self._options.redirect_uris,
        )

    def register(
        self,
        *redirect_uris: str,
        client_id: str | None = None,
        client_secret: str | None = None,
        confidential: bool = True,
        algorithm: str | None = "RS256",
        hash_client_secret: bool = True,
        name: str = "",
    ) -> Application:
        """Register an application.

        ``client_id``, ``client_secret``: made up if they are None. If there is an
        application with this client id, it is replaced. ``confidential``: False for a
        public client. ``algorithm``: signs the ID tokens: "RS256", "HS256", or None as
        in PeeringDB's form. ``hash_client_secret``: store a hash of the secret only.
        ``name``: shown on the consent page.

        Raises:
            SandboxError: the application cannot be registered so.
        """
        answer = self._command(
            "register",
            redirect_uris=redirect_uris,
            client_id=client_id,
            client_secret=client_secret,
            confidential=confidential,
            algorithm=algorithm,
            hash_client_secret=hash_client_secret,
            name=name,
        )
        return Application(
            client_id=answer["client_id"],
            client_secret=answer["client_secret"],
            redirect_uris=tuple(answer["redirect_uris"]),
        )

    def log_in(
        self,
        person: str,
        authorization_url: str,
        *,
        consent: bool = True,
        second_factor: str = "otp",
    ) -> str:
        """Log a person in and return the callback URL, which is not requested.

        A browser of its own goes through PeeringDB's pages: login, second factor,
        consent. ``person``: the login name. ``consent``: False if the person refuses.
        ``second_factor``: "otp", "backup" (a backup code) or "security-key".

        Raises:
            SandboxError: PeeringDB does not send the person back to the application;
                the message says what its page shows.
        """
        with Browser(self.url, ssl_context(self._process.started)) as browser:
            return browser.log_in(
                person, authorization_url, consent=consent, second_factor=second_factor
            )

    def add_person(
        self,
        name: str,
        *,
        email: str | None = None,
        networks: Mapping[int, int] | None = None,
        manage_peering_sessions: int | Mapping[int, int] | None = None,
        verified_user: bool | None = None,
        verified_email: bool | None = None,
        mfa: bool | None = None,
        active: bool | None = None,
    ) -> Account:
        """Add a person.

        ``name``: given name, a space, family name. ``email``: made up if it is None.
        The other arguments are those of `change`. Without them the person is verified,
        has a second factor, and has no networks.

        Raises:
            SandboxError: there can be no such person; nobody is added.
        """
        switches = {
            "verified_user": verified_user,
            "verified_email": verified_email,
            "mfa": mfa,
            "active": active,
        }
        changes = _as_json(networks, manage_peering_sessions, switches)
        return Account(**self._command("person", name=name, email=email, **changes))

    def change(
        self,
        person: str,
        *,
        networks: Mapping[int, int] | None = None,
        manage_peering_sessions: int | Mapping[int, int] | None = None,
        verified_user: bool | None = None,
        verified_email: bool | None = None,
        mfa: bool | None = None,
        active: bool | None = None,
    ) -> None:
        """Change a person. What is None stays as it is.

        Applications see the change with their next request.

        ``person``: the login name. ``networks``: ASN to perms (READ 1 + UPDATE 2 +
        CREATE 4 + DELETE 8); they replace all networks that the person had, and
        networks that do not exist are created. ``manage_peering_sessions``: the same
        bits, as one number for all networks or by ASN; with ``networks`` alone it
        becomes what perms is. ``verified_user``: PeeringDB has verified the account.
        ``verified_email``: PeeringDB has confirmed the email address. ``mfa``: the
        person has a second factor. ``active``: the account is enabled.

        Raises:
            SandboxError: nobody has this login name, or a value is out of range;
                nothing is changed.
        """
        switches = {
            "verified_user": verified_user,
            "verified_email": verified_email,
            "mfa": mfa,
            "active": active,
        }
        changes = _as_json(networks, manage_peering_sessions, switches)
        self._command("change", person=person, **changes)

    def fault(
        self, kind: str, *, path: str | None = None, times: int | None = None, seconds: float = 3.0
    ) -> None:
        """Switch a fault on. Control pages and commands keep working.

        ``kind``: one of these:

        - "error_500": PeeringDB's error page.
        - "slow": the answer comes late, by ``seconds``.
        - "cut": the connection ends without an answer.
        - "outage": 503 for everything.
        - "maintenance": 503 for every POST, PUT, PATCH and DELETE. Nothing is consumed:
          the same code or refresh token works afterwards.
        - "account_switch": a login with a second factor ends in the error page, as it
          does if another person is still logged in at PeeringDB.
        - "refresh_race": another refresh with the same refresh token comes first. The
          answer has the tokens that the other one was given, but the ``at_hash`` of its
          ID token does not fit.
        - "refresh_lost": another refresh comes first, and this one gets invalid_grant.

        ``path``: only requests for this path meet the fault; None for all paths. Only
        the first four may have one. ``times``: only so many requests meet it; None
        until `clear_faults`.

        Raises:
            SandboxError: there is no such fault, nothing is at the path, or a value is
                out of range.
        """
        self._command("fault", kind=kind, path=path, times=times, seconds=seconds)

    def clear_faults(self) -> None:
        """Switch all faults off.

        Raises:
            SandboxError: the sandbox is not running.
        """
        self._command("clear-faults")

    def rotate_key(self) -> None:
        """Sign ID tokens with a new key from now on. The old key is gone at once.

        Raises:
            SandboxError: the sandbox is not running.
        """
        self._command("rotate-key")

    def issue_tokens(
        self, person: str, client_id: str, *, amr: Sequence[str] | None = None
    ) -> Tokens:
        """Tokens of a person for an application, with every scope and without a login.

        ``person``: the login name. ``client_id``: of the application. ``amr``: what the
        login proves; None for a login with a second factor, if the person has one.

        Raises:
            SandboxError: there is no such person or application, or the person's
                account is disabled.
        """
        answer = self._command("tokens", person=person, client_id=client_id, url=self.url, amr=amr)
        return Tokens(access_token=answer["access_token"], id_token=answer.get("id_token"))

    def revoke_tokens(self, person: str | None = None) -> int:
        """Revoke the tokens of one person, or of everybody, and return their number.

        Raises:
            SandboxError: nobody has this login name.
        """
        revoked: int = self._command("revoke-tokens", person=person)["revoked"]
        return revoked

    def reset_limits(self) -> None:
        """Forget all remembered refusals and counted requests.

        Raises:
            SandboxError: the sandbox is not running.
        """
        self._command("reset-limits")

    def use_up_limit(self, *, left: int = 0, address: str = "127.0.0.1") -> None:
        """Leave an address only some of its 120 requests, in this minute and the next.

        ``left``: how many. ``address``: that of the client, which is the text of
        ``X-Forwarded-For`` if there is one.

        Raises:
            SandboxError: ``left`` is not from 0 to 120, or the sandbox has no limits.
        """
        self._command("use-limit", left=left, address=address)

    def advance(self, seconds: float) -> None:
        """Let time pass in the sandbox, for codes, tokens, sessions and limits.

        Raises:
            SandboxError: ``seconds`` is not more than 0, or more than ten years.
        """
        self._command("advance", seconds=seconds)

    def reset(self) -> None:
        """Put people, faults, limits and time back as they were at the start.

        All tokens end. Applications and keys stay, so that clients keep working. People
        come from the people file again if there is one, otherwise they are the default
        people.

        Raises:
            SandboxError: the people file cannot be read any more.
        """
        self._command("reset")

    def _command(self, command: str, **arguments: Any) -> dict[str, Any]:
        return send_command(self._process.started, command, arguments)


def _as_json(
    networks: Mapping[int, int] | None,
    manage_peering_sessions: int | Mapping[int, int] | None,
    switches: Mapping[str, bool | None],
) -> dict[str, Any]:
    """The changes that are given, as JSON can hold them."""
    changes = {"networks": networks, "manage_peering_sessions": manage_peering_sessions, **switches}
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in changes.items()
        if value is not None
    }
