"""The application's secret keys, from the environment or from a file."""

import os
from pathlib import Path

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.web.seal import KEY_COMMAND

VARIABLE = "PEERINGDB_OAUTH_SECRET_KEY"
FILE_VARIABLE = f"{VARIABLE}_FILE"


def secret_keys_of_environment() -> tuple[str, ...]:
    """The secret keys that the environment has, or names a file with.

    Raises:
        ConfigurationError: there is none, both variables are set, or the file cannot be
            read.
    """
    key, file = os.environ.get(VARIABLE), os.environ.get(FILE_VARIABLE)
    if key and file:
        raise ConfigurationError(f"{FILE_VARIABLE} and {VARIABLE} are both set: remove one")
    if file:
        return read_key_file(file, FILE_VARIABLE)
    if key:
        return (key,)
    raise ConfigurationError(
        f"secret_key: missing; it signs the sessions. Set {VARIABLE}, and keep it secret. This"
        f" makes one: {KEY_COMMAND}"
    )


def read_key_file(file: str | os.PathLike[str], name: str) -> tuple[str, ...]:
    """The secret keys in a file, which has a key a line.

    ``name``: of the setting, for error messages.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        return tuple(Path(file).read_text("utf-8").split())
    except OSError as error:
        # The message leaves the path out: it may be the key, in the wrong variable.
        raise ConfigurationError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}: not text in UTF-8") from None
