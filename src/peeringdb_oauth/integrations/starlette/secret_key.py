"""The application's secret keys, from an argument or from the environment."""

import os
from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import Secret

from peeringdb_oauth.errors import ConfigurationError

VARIABLE = "PEERINGDB_OAUTH_SECRET_KEY"
FILE_VARIABLE = f"{VARIABLE}_FILE"


def read_secret_keys(given: str | Secret | Iterable[str | Secret] | None) -> tuple[str, ...]:
    """The secret keys: ``given``, or those of the environment.

    The file of the environment has a key a line.

    Raises:
        ConfigurationError: there is none, both variables are set, or the file cannot be
            read.
    """
    key, file = os.environ.get(VARIABLE), os.environ.get(FILE_VARIABLE)
    if given:
        return tuple(map(str, (given,) if isinstance(given, str | Secret) else given))
    if key and file:
        raise ConfigurationError(f"{FILE_VARIABLE} and {VARIABLE} are both set: remove one")
    if file:
        return _read(file)
    if key:
        return (key,)
    raise ConfigurationError(
        f"secret_key: missing; it signs the sessions. Set {VARIABLE}, and keep it secret. This"
        " makes one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    )


def _read(file: str) -> tuple[str, ...]:
    try:
        return tuple(Path(file).read_text("utf-8").split())
    except OSError as error:
        # The message leaves the path out: it may be the key, in the wrong variable.
        raise ConfigurationError(f"{FILE_VARIABLE}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{FILE_VARIABLE}: not text in UTF-8") from None
