"""The application's secret key, from an argument or from the environment."""

import os
from pathlib import Path

from starlette.datastructures import Secret

from peeringdb_oauth.errors import ConfigurationError

VARIABLE = "PEERINGDB_OAUTH_SECRET_KEY"
FILE_VARIABLE = f"{VARIABLE}_FILE"


def read_secret_key(given: str | Secret | None) -> str:
    """The secret key: ``given``, or that of the environment.

    Raises:
        ConfigurationError: there is none, there are two, or its file cannot be read.
    """
    key, file = os.environ.get(VARIABLE), os.environ.get(FILE_VARIABLE)
    if given:
        return str(given)
    if key and file:
        raise ConfigurationError(f"{FILE_VARIABLE} and {VARIABLE} are both set: remove one")
    if file:
        return _read(file)
    if key:
        return key
    raise ConfigurationError(
        f"secret_key: missing; it signs the sessions. Set {VARIABLE}, and keep it secret. This"
        " makes one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    )


def _read(file: str) -> str:
    try:
        return Path(file).read_text("utf-8").strip()
    except OSError as error:
        # The message leaves the path out: it may be the key, in the wrong variable.
        raise ConfigurationError(f"{FILE_VARIABLE}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{FILE_VARIABLE}: not text in UTF-8") from None
