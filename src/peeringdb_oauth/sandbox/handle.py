"""A sandbox in a process of its own, as its owner sees it: start, drive, stop. Needs
neither Django nor anything else installed here.
"""

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from peeringdb_oauth.sandbox import server_process
from peeringdb_oauth.sandbox.browser import Browser
from peeringdb_oauth.sandbox.control_client import send_command, ssl_context
from peeringdb_oauth.sandbox.errors import SandboxError
from peeringdb_oauth.sandbox.options import Options, Started

_STOP_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A registered application."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who was added: `login` is what `Sandbox.log_in` calls them, the rest is
    what applications are told.
    """

    login: str
    id: int
    name: str
    email: str


class Sandbox:
    """A PeeringDB of one's own, on loopback, in a process that ends with this one. Also
    a context manager.

    ::

        with Sandbox() as pdb:
            app = pdb.register("https://app.example.net/callback")
            ...  # send the person to PeeringDB: an authorization URL that starts with pdb.url
            callback_url = pdb.log_in("member", authorization_url)

    `people` is the path of a JSON or TOML file (format: see the package), `database`
    that of an SQLite file that survives a restart (None: in memory), `redirect_uris`
    are those of `application` (none: it gets loopback ones, by https if `tls` or
    `strict`), `hosts` are further host names that the provider answers to. Raises
    `ConfigurationError` with every reason for which it cannot start.
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
        self._process: subprocess.Popen[bytes] | None = None
        self._started: Started | None = None

    def start(self) -> Self:
        """Start it and wait until it answers. Not needed with ``with``."""
        if self._process is not None:
            raise SandboxError("this sandbox is running already")
        self._process = server_process.start_process()
        try:
            self._started = server_process.wait_until_ready(self._process, self._options)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Stop it. Nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]  # it is a pipe; the end of it is the end of the child
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        if self._started and self._started.ca_file and not self._options.database:
            Path(self._started.ca_file).unlink(missing_ok=True)

    def wait(self) -> None:
        """Return when it has ended."""
        if self._process is not None:
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
        """Where it answers, without slash at the end: the base URL for a client."""
        return self._running.url

    @property
    def ca_file(self) -> str | None:
        """The certificate of the authority that vouches for it; None without TLS."""
        return self._running.ca_file

    @property
    def control_token(self) -> str:
        """Opens the JSON control endpoint, as header ``X-Sandbox-Token``."""
        return self._running.control_token

    @property
    def application(self) -> Application:
        """The application that is there from the start."""
        started = self._running
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
        """A new application, `algorithm` "RS256", "HS256" or None as in PeeringDB's
        form. Client id and secret are made up if not given.
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
        """The callback URL to which PeeringDB sends the browser of `person`; it is not
        fetched.

        A browser of its own walks through the pages: login, second factor ("otp",
        "backup" or "security-key"), consent (False: the person denies it). Raises
        `SandboxError` with the page's words if PeeringDB shows an error instead, or
        keeps the person.
        """
        with Browser(self.url, ssl_context(self._running)) as browser:
            return browser.log_in(
                person,
                authorization_url,
                consent=consent,
                second_factor=second_factor,
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
        """Somebody new: without networks, verified and with a second factor, unless it
        is said otherwise as for `change`.
        """
        switches = {
            "verified_user": verified_user,
            "verified_email": verified_email,
            "mfa": mfa,
            "active": active,
        }
        return Account(
            **self._command(
                "person",
                name=name,
                email=email,
                **_changes(networks, manage_peering_sessions, switches),
            ),
        )

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
        """Change a person while applications run; what is not given stays. It shows
        with the next request.

        `networks` (ASN to perms) takes the place of all the person had,
        `manage_peering_sessions` is for all of them or by ASN; without it, it follows
        perms. A network that does not exist yet is made.
        """
        switches = {
            "verified_user": verified_user,
            "verified_email": verified_email,
            "mfa": mfa,
            "active": active,
        }
        self._command(
            "change",
            person=person,
            **_changes(networks, manage_peering_sessions, switches),
        )

    def fault(
        self,
        kind: str,
        *,
        path: str | None = None,
        times: int | None = None,
        seconds: float = 3.0,
    ) -> None:
        """Switch a fault on: "error_500", "slow" (by `seconds`), "cut" or "outage"; for
        one path or all, some times or until cleared.
        """
        self._command("fault", kind=kind, path=path, times=times, seconds=seconds)

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self._command("clear-faults")

    def rotate_key(self) -> None:
        """Sign ID tokens with a new key from now on; the old one leaves the key set."""
        self._command("rotate-key")

    def revoke_tokens(self, person: str | None = None) -> int:
        """Revoke the tokens of one person, or everybody's; how many that were."""
        revoked: int = self._command("revoke-tokens", person=person)["revoked"]
        return revoked

    def reset_limits(self) -> None:
        """Forget all refusals and requests."""
        self._command("reset-limits")

    def advance(self, seconds: float) -> None:
        """Let time pass in the sandbox: codes, tokens, sessions and limits all see it."""
        self._command("advance", seconds=seconds)

    def reset(self) -> None:
        """Begin anew: people (of the file, else the default ones), faults, limits and
        time as they were at first, and no tokens.

        Applications and keys stay, so that clients that know them keep working.
        """
        self._command("reset")

    @property
    def _running(self) -> Started:
        if self._started is None or self._process is None:
            raise SandboxError(
                "this sandbox is not running: use it in a with statement, or call start()",
            )
        return self._started

    def _command(self, command: str, **arguments: Any) -> dict[str, Any]:
        return send_command(self._running, command, arguments)


def _changes(
    networks: Mapping[int, int] | None,
    manage_peering_sessions: int | Mapping[int, int] | None,
    switches: Mapping[str, bool | None],
) -> dict[str, Any]:
    """What is given, as JSON types."""
    changes = {"networks": networks, "manage_peering_sessions": manage_peering_sessions, **switches}
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in changes.items()
        if value is not None
    }
