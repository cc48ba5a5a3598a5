"""The environment and the ini file: which settings they have, and under which names.

It also reads text, so that a setting means the same wherever somebody wrote it. The
checks of the values are in `config`.
"""

import configparser
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

DEFAULT_INI = "/etc/peeringdb_oauth.ini"
SECTION = "peeringdb_oauth"
PREFIX = "PEERINGDB_OAUTH_"

# The names of the settings in the ini file. The first three are the original library's
# names for client_id, client_secret and redirect_uri (RFC 6749).
INI_KEYS = {
    "oauth_client_key": "client_id",
    "oauth_client_sec": "client_secret",
    "redirect_to": "redirect_uri",
} | {
    name: name
    for name in (
        *("base_url", "scope", "timeout", "ca_file", "allow_http"),
        *("requests_per_minute", "processes", "egress"),
    )
}
_INI_KEY_OF = {name: key for key, name in INI_KEYS.items()}
# Settings of the ini file and the environment that are not about the client.
OTHER_SETTINGS = ("sessions", "session_policy")
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
SECRET_FILE = f"{PREFIX}CLIENT_SECRET_FILE"
SECRET_KEY = f"{PREFIX}SECRET_KEY"
SECRET_KEY_FILE = f"{SECRET_KEY}_FILE"
# The others are in no ini file.
VARIABLES = (
    *(f"{PREFIX}{name.upper()}" for name in (*INI_KEYS.values(), *OTHER_SETTINGS)),
    *(CONFIG_VARIABLE, SECRET_FILE, SECRET_KEY, SECRET_KEY_FILE, f"{PREFIX}GATEWAY_CONFIG"),
)
# What Kubernetes sets in every container for a service named peeringdb-oauth or
# peeringdb-oauth-portal, such as PEERINGDB_OAUTH_PORT_443_TCP_ADDR.
_SERVICE_LINK = re.compile(rf"{PREFIX}(\w+_)?(PORT|SERVICE_HOST|SERVICE_PORT)(_\w+)?")

log = logging.getLogger("peeringdb_oauth")


@dataclass(frozen=True, slots=True)
class Written:
    """A setting as somebody wrote it.

    ``where``: the name that it has there, for messages. ``value``: perhaps a secret.
    """

    where: str
    value: Any = field(repr=False)


def ini_path(path: str | os.PathLike[str] | None = None) -> Path:
    """The ini file: ``path``, or the one that the environment names, or the default."""
    return Path(path or os.environ.get(CONFIG_VARIABLE) or DEFAULT_INI)


def read_ini(path: Path, problems: list[str], *, required: bool) -> dict[str, Written] | None:
    """The settings of the file, or None if it exists and cannot be read.

    ``required``: whether a missing file is a problem.
    """
    section = _read_section(path, problems, required=required)
    if section is None:
        return None
    known = (*INI_KEYS, *OTHER_SETTINGS)
    problems.extend(
        f"{path}: {_describe_unknown(key, known)}" for key in section if key not in known
    )
    return {
        name: Written(f"{key} in {path}", section[key])
        for key, name in INI_KEYS.items()
        if key in section
    }


def _describe_unknown(key: str, known: Iterable[str]) -> str:
    if key in _INI_KEY_OF:
        return f"{key} is called {_INI_KEY_OF[key]} here"
    # The message leaves the key out: it may be the second line of a secret.
    advice = did_you_mean(key, known) or f"; the settings are {', '.join(known)}"
    return f"has an unknown setting{advice}"


def read_environment(problems: list[str]) -> dict[str, Written]:
    """The settings of the client in the environment."""
    warn_of_unknown_variables()
    settings = {
        name: Written(variable, os.environ[variable])
        for name in INI_KEYS.values()
        if (variable := f"{PREFIX}{name.upper()}") in os.environ
    }
    secret_file = os.environ.get(SECRET_FILE)
    if secret_file is None:
        return settings
    if "client_secret" in settings:
        problems.append(f"{SECRET_FILE} and {PREFIX}CLIENT_SECRET are both set: remove one")
    try:
        secret = Path(secret_file).read_text("utf-8").strip()
        settings["client_secret"] = Written(SECRET_FILE, secret)
    except OSError as error:
        # The message leaves the path out: it may be the secret, in the wrong variable.
        problems.append(f"{SECRET_FILE}: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{SECRET_FILE}: not text in UTF-8")
    return settings


def find_other(name: str) -> Written | None:
    """One of `OTHER_SETTINGS`, from the environment or else from the ini file.

    What is wrong with the file is `ClientConfig.load`'s to say.
    """
    warn_of_unknown_variables()
    variable, path = f"{PREFIX}{name.upper()}", ini_path()
    if os.environ.get(variable):
        return Written(variable, os.environ[variable])
    text = (_read_section(path, [], required=False) or {}).get(name)
    return Written(f"{name} in {path}", text) if text else None


def name_setting(problem: str) -> str:
    """Name the setting in a problem as the environment or the ini file has it.

    ``timeout: must be a number`` becomes ``PEERINGDB_OAUTH_TIMEOUT: must be a number``.
    A problem of a setting that is in neither of them stays as it is.
    """
    name, colon, text = problem.partition(":")
    if name not in _INI_KEY_OF:
        return problem
    written = (read_ini(ini_path(), [], required=False) or {}) | read_environment([])
    return f"{written[name].where}{colon}{text}" if name in written else problem


def describe_missing(name: str, ini: Path) -> str:
    """The places for a setting of the client that is in none of them."""
    return f"{name} ({_INI_KEY_OF[name]} in {ini} or {PREFIX}{name.upper()})"


def is_in_environment() -> bool:
    """Whether the environment has settings of ours."""
    return any(variable in os.environ for variable in VARIABLES)


def warn_of_unknown_variables() -> None:
    """Log a warning for each variable with our prefix that is no setting."""
    for problem in unknown_variables():
        _warn(problem)


@cache  # once in each process
def _warn(problem: str) -> None:
    log.warning("%s", problem)


def unknown_variables() -> Iterator[str]:
    """A sentence for each variable with our prefix that is no setting."""
    for variable in sorted(os.environ):
        is_ours = variable.startswith(PREFIX) and not _SERVICE_LINK.fullmatch(variable)
        if is_ours and variable not in VARIABLES:
            advice = did_you_mean(variable, VARIABLES, prefix=PREFIX)
            yield f"{variable} in the environment: there is no such setting{advice}"


def did_you_mean(name: str, names: Iterable[str], *, prefix: str = "") -> str:
    """The end of a sentence about an unknown name: the most similar one, if any is.

    ``prefix``: what all of them begin with, which makes no two of them similar.
    """
    known = {known.removeprefix(prefix).upper(): known for known in names}
    similar = get_close_matches(name.removeprefix(prefix).upper(), known, 1)
    return f"; did you mean {known[similar[0]]}?" if similar else ""


def to_value(name: str, value: Any) -> Any:
    """The value of a setting of the client, from text or from what JSON made of it.

    What cannot be read stays as it is, and `ClientConfig` refuses it. So does every
    value that is not text.
    """
    if name in ("client_id", "client_secret") and type(value) is int:
        return str(value)  # Flask's from_prefixed_env takes digits for a number
    if name == "allow_http":
        return to_bool(value)
    return _from_text(name, value) if isinstance(value, str) else value


def to_bool(value: Any) -> Any:
    """The bool that text such as ``yes``, ``off`` and ``1`` means.

    So do the numbers 0 and 1. Anything else stays as it is.
    """
    is_word = isinstance(value, str) or type(value) is int
    word = str(value).strip().lower() if is_word else ""
    return configparser.ConfigParser.BOOLEAN_STATES.get(word, value)


def _from_text(name: str, text: str) -> Any:
    word = text.strip().lower()
    if name == "requests_per_minute" and word == "none":
        return None
    if name in ("timeout", "requests_per_minute", "processes"):
        with suppress(ValueError):
            return float(word) if name == "timeout" else int(word)
    if name == "ca_file" and not word:
        return None
    return text


def _read_section(path: Path, problems: list[str], *, required: bool) -> Mapping[str, str] | None:
    # Without interpolation: a secret may contain a %.
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text("utf-8-sig"), str(path))
    except FileNotFoundError:
        if required:
            problems.append(f"{path}: no such file")
        return {}
    except OSError as error:
        problems.append(f"{path}: {error.strerror}")
        return None
    except (configparser.Error, UnicodeDecodeError) as error:
        # Their own messages quote lines of the file, which may contain the secret.
        problems.append(f"{path}: {_what_is_wrong(error)}")
        return None
    if not parser.has_section(SECTION):
        problems.append(f"{path}: has no section [{SECTION}]")
        return None
    return parser[SECTION]


def _what_is_wrong(error: configparser.Error | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not text in UTF-8"
    if isinstance(error, configparser.DuplicateOptionError | configparser.DuplicateSectionError):
        return f"line {error.lineno} repeats a setting or a section"
    lines = [number for number, _ in getattr(error, "errors", ())] or [
        getattr(error, "lineno", "?")
    ]
    return f"line {lines[0]} is neither a [section] nor a setting"
