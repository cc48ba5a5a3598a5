"""Files that only their owner can read."""

import os
from pathlib import Path

from peeringdb_oauth.errors import ConfigurationError


def write_private(path: str, text: str, *, overwrite: bool) -> None:
    """Write a file that only its owner can read.

    Raises:
        ConfigurationError: the file cannot be written, or it exists already and
            ``overwrite`` is False.
    """
    try:
        if overwrite:  # the old file may be open to others, or a link
            Path(path).unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - Path has no mode
            file.write(text)
    except FileExistsError:
        raise ConfigurationError(
            f"{path} exists already: choose another, or add --overwrite"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
