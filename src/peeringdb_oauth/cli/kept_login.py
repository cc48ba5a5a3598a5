"""The login of the person at this terminal, in the keyring of their system."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import keyring
from keyring.errors import KeyringError, NoKeyringError, PasswordDeleteError

from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    TokenRejected,
)
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User
from peeringdb_oauth.tokens import TokenResponse

_SERVICE = "peeringdb-oauth"
_LOG_IN = "log in with peeringdb-oauth login"
_SOON = 60  # seconds before its expiry at which an access token is refreshed
_PATIENCE = 60.0  # seconds to wait for another command, which may refresh the token


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLogin:
    """What the keyring holds.

    ``user_id``: of the person, at PeeringDB. ``amr``: how they logged in; a refreshed
    token no longer says it. ``token``: their tokens.
    """

    user_id: int
    amr: tuple[str, ...] | None
    token: TokenResponse


class Keyring:
    """The login for one application, in the keyring of the system.

    All methods raise `ConfigurationError` if the keyring cannot be used.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._name = f"{config.client_id} at {config.base_url}"

    def read(self) -> KeptLogin | None:
        """The login; None if there is none, or none that can be read."""
        with _explained():
            text = keyring.get_password(_SERVICE, self._name)
        return None if text is None else _parse(text)

    def write(self, login: KeptLogin) -> None:
        """Keep a login in place of the one before."""
        with _explained():
            keyring.set_password(_SERVICE, self._name, json.dumps(asdict(login)))

    def delete(self) -> None:
        """Forget the login, if there is one."""
        with _explained():
            try:
                keyring.delete_password(_SERVICE, self._name)
            except PasswordDeleteError:
                return

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one command at a time use the login: a refresh ends its tokens."""
        with closing(_take_lock()):
            yield


class TerminalLogin:
    """The login of the person at this terminal, with tokens that are fresh."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._keyring = Keyring(client.config)

    def check(self) -> None:
        """Do nothing if a login can be kept.

        Raises:
            ConfigurationError: the system has no keyring, or it cannot be used.
        """
        self._keyring.read()

    def keep(self, login: Login) -> None:
        """Keep a new login, and revoke the tokens of the one before."""
        with self._keyring.locked():
            before = self._keyring.read()
            user = login.user
            self._keyring.write(KeptLogin(user_id=user.id, amr=user.amr, token=login.token))
            if before is not None:
                with suppress(PeeringDBOAuthError):  # the new login counts all the same
                    self._client.revoke(before.token)

    def user(self) -> User:
        """The person as PeeringDB describes them now.

        Raises:
            TokenRejected: nobody is logged in, or PeeringDB has ended the login.
            TransportError: PeeringDB cannot be asked now.
        """
        with self._keyring.locked():
            login = self._keyring.read()
            if login is None:
                raise TokenRejected(f"nobody is logged in: {_LOG_IN}")
            if login.token.expires_at - _SOON > time.time():
                try:
                    return self._fetch(login)
                except TokenRejected:
                    pass  # perhaps a refresh helps
            return self._fetch(self._refreshed(login))

    def end(self) -> bool:
        """Revoke the tokens and forget the login; whether there was one."""
        with self._keyring.locked():
            login = self._keyring.read()
            if login is not None:
                self._client.revoke(login.token)
            self._keyring.delete()
        return login is not None

    def _fetch(self, login: KeptLogin) -> User:
        user = self._client.fetch_user(login.token.access_token)
        if user.id != login.user_id:
            raise InvalidResponse("PeeringDB answered with somebody else's profile", check="id")
        return replace(user, amr=login.amr)

    def _refreshed(self, login: KeptLogin) -> KeptLogin:
        try:
            fresh = replace(login, token=self._client.refresh(login.token))
        except (TokenRejected, ProviderError) as error:
            if isinstance(error, ProviderError) and error.error != "invalid_grant":
                raise
            self._keyring.delete()
            raise TokenRejected(f"PeeringDB has ended the login: {_LOG_IN}") from error
        self._keyring.write(fresh)
        return fresh


def _take_lock() -> sqlite3.Connection:
    """A lock that ends when the connection is closed, or with the process."""
    file = Path(click.get_app_dir(_SERVICE)) / "lock"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            f"{file} cannot be locked: {error}; perhaps another peeringdb-oauth is still running"
        ) from error
    return lock


@contextmanager
def _explained() -> Iterator[None]:
    """Say what to do if the keyring cannot be used."""
    try:
        yield
    except NoKeyringError:
        raise ConfigurationError(
            "this system has no keyring, which keeps the login: start the one of your desktop, or"
            " install one (https://pypi.org/project/keyring/ lists them)"
        ) from None
    except KeyringError as error:
        raise ConfigurationError(
            f"the keyring cannot be used ({type(error).__name__}): unlock it, then try again"
        ) from None


def _parse(text: str) -> KeptLogin | None:
    try:
        value: dict[str, Any] = json.loads(text)
        token = TokenResponse(**value["token"] | {"scope": tuple(value["token"]["scope"])})
        amr = value["amr"]
        return KeptLogin(
            user_id=int(value["user_id"]), amr=None if amr is None else tuple(amr), token=token
        )
    except (KeyError, TypeError, ValueError):
        return None
