"""The application's secret keys, from an argument or from the environment."""

from collections.abc import Iterable

from starlette.datastructures import Secret

from peeringdb_oauth.web import secret_keys_of_environment


def read_secret_keys(given: str | Secret | Iterable[str | Secret] | None) -> tuple[str, ...]:
    """The secret keys: ``given``, or those of the environment.

    Raises:
        ConfigurationError: there is none, both variables are set, or the file cannot be
            read.
    """
    if given:
        return tuple(map(str, (given,) if isinstance(given, str | Secret) else given))
    return secret_keys_of_environment()
