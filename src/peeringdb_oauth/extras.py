"""What to install for a part of the library that needs other packages."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str, *packages: str) -> Iterator[None]:
    """Say what to install if the imports inside fail.

    ``extra``: the extra of this distribution. ``packages``: what else to install,
    because it is in no extra.

    Raises:
        ModuleNotFoundError: with the command, instead of the one that was raised.
    """
    try:
        yield
    except ImportError as missing:
        if (missing.name or "").startswith("peeringdb_oauth."):
            raise  # a mistake of ours
        command = " ".join(("pip install", f'"peeringdb-oauth[{extra}]"', *packages))
        raise ModuleNotFoundError(
            f"{missing}. This part of peeringdb_oauth needs more packages: {command}",
            name=missing.name,
            path=missing.path,
        ) from missing
