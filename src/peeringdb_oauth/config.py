"""What an application must know about itself: arguments, ini file, environment. Reports
every problem at once.
"""

import configparser
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.grammar import CLIENT_CREDENTIAL, URI_REFERENCE

SCOPES = ("openid", "profile", "email", "networks", "amr")
DEFAULT_INI = "/etc/peeringdb_oauth.ini"
_SECTION = "peeringdb_oauth"

# The original library's names for what RFC 6749 calls client_id, client_secret and
# redirect_uri.
_INI_KEYS = {
    "oauth_client_key": "client_id",
    "oauth_client_sec": "client_secret",
    "redirect_to": "redirect_uri",
} | {
    name: name
    for name in ("base_url", "scope", "timeout", "ca_file", "allow_http", "requests_per_minute")
}
_ENVIRONMENT_KEYS = {f"PEERINGDB_OAUTH_{name.upper()}": name for name in _INI_KEYS.values()}
_SECRET_FILE = "PEERINGDB_OAUTH_CLIENT_SECRET_FILE"  # noqa: S105 - the name of a variable
_SAMPLES = {
    "client_id": {"client-id"},
    "client_secret": {"megasecret!"},
}  # as shipped in the original's ini
_STORED_HASH = re.compile(
    r"(pbkdf2_sha(1|256)|\$?argon2(id)?|bcrypt(_sha256)?|scrypt|(unsalted_)?(md5|sha1)|\$2[aby])\$",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """One application as registered at PeeringDB
    (https://www.peeringdb.com/oauth2/applications/).

    ``client_secret``: None for a public client. ``base_url``: where PeeringDB is.
    ``scope``: what is asked of the person; ``profile`` is always needed. ``timeout``:
    seconds, for connecting and for reading. ``allow_http``: for loopback hosts only.
    ``ca_file``: a PEM file instead of the usual certificate authorities.
    ``requests_per_minute``: this client's share of the 120 that PeeringDB grants to one
    address; None for no limit. Raises: `ConfigurationError` with every problem at once.
    """

    client_id: str
    redirect_uri: str
    client_secret: str | None = field(default=None, repr=False)
    base_url: str = "https://auth.peeringdb.com"
    scope: tuple[str, ...] = ("profile", "email", "networks", "amr")
    timeout: float = 10.0
    allow_http: bool = False
    ca_file: str | None = None
    requests_per_minute: int | None = 100

    def __post_init__(self) -> None:
        if isinstance(self.base_url, str):
            object.__setattr__(
                self,
                "base_url",
                self.base_url.lower().removesuffix("/"),
            )  # the issuer is compared letter for letter
        object.__setattr__(self, "scope", parse_scope(self.scope))
        problems = [
            *_client_problems(self.client_id, self.client_secret),
            *_redirect_uri_problems(self.redirect_uri, allow_http=self.allow_http),
            *_base_url_problems(self.base_url, allow_http=self.allow_http),
            *scope_problems(self.scope),
            *_number_problems(self.timeout, self.requests_per_minute),
            *_other_problems(self.allow_http, self.ca_file),
        ]
        if problems:
            raise ConfigurationError(*problems)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> "ClientConfig":
        """The configuration from an ini file and the environment, the later winning.

        The file is ``path``, else ``$PEERINGDB_OAUTH_CONFIG``, else
        ``/etc/peeringdb_oauth.ini`` (the only one that may be missing); the variables
        are ``PEERINGDB_OAUTH_CLIENT_ID``, ``_CLIENT_SECRET`` or
        ``_CLIENT_SECRET_FILE``, ``_REDIRECT_URI``, ``_BASE_URL``, ``_SCOPE``,
        ``_TIMEOUT``, ``_CA_FILE``, ``_ALLOW_HTTP`` and ``_REQUESTS_PER_MINUTE`` ("none"
        for no limit).
        """
        problems: list[str] = []
        named = path or os.environ.get("PEERINGDB_OAUTH_CONFIG")
        ini = Path(named or DEFAULT_INI)
        in_file, in_environment = (
            _read_ini(ini, problems, required=bool(named)),
            _read_environment(os.environ, problems),
        )
        if in_file is None:  # what it would have said is not missing
            raise ConfigurationError(*problems)
        settings = {"client_id": "", "redirect_uri": ""} | in_file | in_environment
        arguments = {name: _convert(name, text, problems) for name, text in settings.items()}
        try:
            config = cls(**arguments)
        except ConfigurationError as error:
            problems.extend(_located(problem, ini) for problem in error.problems)
        if problems:
            raise ConfigurationError(*problems)
        return config


def parse_scope(scope: Any) -> tuple[str, ...]:
    """Scope words without repetition, from an iterable or from RFC 6749's
    space-separated string.
    """
    words = scope.split() if isinstance(scope, str) else scope
    try:
        return tuple(dict.fromkeys(words))
    except TypeError:
        return (repr(words),)  # no scope word: reported as unknown


def scope_problems(scope: tuple[str, ...]) -> list[str]:
    """What is wrong with a scope, if anything, in sentences."""
    problems = [
        f"scope: PeeringDB has no {word!r} (it has: {' '.join(SCOPES)})"
        for word in scope
        if word not in SCOPES
    ]
    if "profile" not in scope:
        problems.append(
            "scope: 'profile' is missing, and without it PeeringDB does not tell who logged in",
        )
    return problems


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost":  # not its subdomains: some resolvers ask the world for them
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _client_problems(client_id: Any, client_secret: Any) -> list[str]:
    problems = []
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if name == "client_secret" and value is None:
            continue
        if not isinstance(value, str) or not value.strip():
            problems.append(
                f"{name}: missing or empty; copy it from your application's page at"
                " www.peeringdb.com/oauth2/applications/",
            )
        elif value in _SAMPLES[name]:
            problems.append(
                f"{name}: still the sample value; copy the real one from your application's page at"
                " PeeringDB",
            )
        elif value[0] == value[-1] and value[0] in "'\"":
            problems.append(f"{name}: has quotes around it; write it without them")
        elif not CLIENT_CREDENTIAL.fullmatch(value):
            problems.append(
                f"{name}: has a character that none has, or a space at an end (RFC 6749 appendix A"
                " allows printable ASCII)",
            )
        elif name == "client_secret" and _STORED_HASH.match(value):
            problems.append(
                "client_secret: this is the hash that PeeringDB shows after saving, not the secret;"
                " make a new secret and copy it before you save the application",
            )
    return problems


def _split(url: Any) -> SplitResult | None:
    """A URL's parts, or None when it is none. A wrong port shows only when it is asked
    for.
    """
    if not isinstance(url, str) or not URI_REFERENCE.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _url_problems(name: str, url: Any, *, allow_http: bool) -> tuple[SplitResult | None, list[str]]:
    parts = _split(url)
    if not url:
        return None, [f"{name}: missing or empty"]
    if parts is None or not parts.hostname:
        return None, [f"{name}: not a URL with a host, such as https://portal.example.net/"]
    problems = []
    loopback = is_loopback(parts.hostname)
    if parts.scheme == "http" and allow_http and not loopback:
        problems.append(
            f"{name}: must be https (allow_http covers loopback hosts only, and {parts.hostname} is"
            " none)",
        )
    elif parts.scheme != "https" and not (parts.scheme == "http" and allow_http):
        problems.append(
            f"{name}: must be https"
            + (" (or set allow_http, since this is a loopback host)" if loopback else ""),
        )
    if "@" in parts.netloc:
        problems.append(f"{name}: must not have a user name or password in it")
    if "#" in url:
        problems.append(f"{name}: must not have a fragment (#...)")
    return parts, problems


def _redirect_uri_problems(redirect_uri: Any, *, allow_http: bool) -> list[str]:
    return _url_problems("redirect_uri", redirect_uri, allow_http=allow_http)[1]


def _base_url_problems(base_url: Any, *, allow_http: bool) -> list[str]:
    parts, problems = _url_problems("base_url", base_url, allow_http=allow_http)
    if parts is not None and (parts.path or "?" in base_url):
        problems.append(
            "base_url: must be scheme and host only, such as https://auth.peeringdb.com",
        )
    return problems


def _number_problems(timeout: Any, requests_per_minute: Any) -> list[str]:
    problems = []
    if (
        isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 300
    ):  # five minutes
        problems.append("timeout: must be a number of seconds above 0 and at most 300")
    if requests_per_minute is not None and (
        not isinstance(requests_per_minute, int) or requests_per_minute < 2
    ):
        problems.append(
            "requests_per_minute: must be a whole number of at least 2 (one login takes 2), or"
            " none",
        )
    return problems


def _other_problems(allow_http: Any, ca_file: Any) -> list[str]:
    problems = []
    if not isinstance(allow_http, bool):
        problems.append("allow_http: must be True or False")
    if ca_file is not None and not (isinstance(ca_file, str) and ca_file):
        problems.append("ca_file: must be a str, the path of a PEM file")
    return problems


def _located(problem: str, ini: Path) -> str:
    """A problem of a setting, with the places where it can be set."""
    name, colon, rest = problem.partition(":")
    key = next(key for key, argument in _INI_KEYS.items() if argument == name)
    return f"{name} ({key} in {ini} or PEERINGDB_OAUTH_{name.upper()}){colon}{rest}"


def _read_ini(path: Path, problems: list[str], *, required: bool) -> dict[str, str] | None:
    """The file's settings, or None when it is there and cannot be read."""
    # a secret may have a % in it
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
    except (
        configparser.Error,
        UnicodeDecodeError,
    ) as error:  # whose messages quote the file's lines, and one of them is the secret
        problems.append(f"{path}: {_what_is_wrong(error)}")
        return None
    if not parser.has_section(_SECTION):
        problems.append(f"{path}: has no section [{_SECTION}]")
        return None
    for key in set(parser[_SECTION]) - set(
        _INI_KEYS,
    ):  # not quoted: it may be the rest of a secret that was broken into two lines
        meant = get_close_matches(key, _INI_KEYS, 1)
        advice = f"; did you mean {meant[0]}?" if meant else f" (there are: {', '.join(_INI_KEYS)})"
        problems.append(f"{path}: has a setting that does not exist{advice}")
    return {_INI_KEYS[key]: text for key, text in parser[_SECTION].items() if key in _INI_KEYS}


def _what_is_wrong(error: configparser.Error | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not text in UTF-8"
    if isinstance(error, configparser.DuplicateOptionError | configparser.DuplicateSectionError):
        return f"line {error.lineno} repeats a setting or a section"
    lines = [number for number, _ in getattr(error, "errors", ())] or [
        getattr(error, "lineno", "?"),
    ]
    return f"line {lines[0]} is neither a [section] nor a setting"


def _read_environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    settings = {
        name: environ[variable]
        for variable, name in _ENVIRONMENT_KEYS.items()
        if variable in environ
    }
    secret_file = environ.get(_SECRET_FILE)
    if secret_file is None:
        return settings
    if "client_secret" in settings:
        problems.append(f"{_SECRET_FILE} and PEERINGDB_OAUTH_CLIENT_SECRET are both set: keep one")
    try:
        settings["client_secret"] = Path(secret_file).read_text("utf-8").strip()
    except (
        OSError
    ) as error:  # the path is not quoted: it may be the secret itself, put into the wrong variable
        problems.append(f"{_SECRET_FILE}: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{_SECRET_FILE}: not text")
    return settings


def _convert(name: str, text: str, problems: list[str]) -> Any:
    """A setting's text as the type of its argument; text that does not fit is left for
    `ClientConfig` to refuse.
    """
    word = text.strip().lower()
    if name == "allow_http":
        if word not in configparser.ConfigParser.BOOLEAN_STATES:
            problems.append("allow_http: must be yes or no")
        return configparser.ConfigParser.BOOLEAN_STATES.get(word, False)
    if name == "requests_per_minute" and word == "none":
        return None
    if name in ("timeout", "requests_per_minute"):
        with suppress(ValueError):
            return float(word) if name == "timeout" else int(word)
    if name == "ca_file" and not word:
        return None
    return text
