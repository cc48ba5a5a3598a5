"""The settings of an application, from arguments, an ini file and the environment.

All wrong settings are reported at once. No message contains the value of a setting that
may be a secret.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.grammar import CLIENT_CREDENTIAL, URI_REFERENCE
from peeringdb_oauth.setting_sources import (
    CONFIG_VARIABLE,
    Written,
    describe_missing,
    ini_path,
    read_environment,
    read_ini,
    to_value,
)

SCOPES = ("openid", "profile", "email", "networks", "amr")
_MAX_PROCESSES = 50  # more would have fewer than 2 of the 100 requests a minute each

# What guides have in place of a value, and the sample ini file of the original library.
_SAMPLES = {"client_id": ("...", "…", "client-id"), "client_secret": ("...", "…", "megasecret!")}
# PeeringDB answers there too, but not as the issuer https://auth.peeringdb.com/oauth2.
_OTHER_ISSUERS = ("www.peeringdb.com", "peeringdb.com")
# A name without a dot, and RFC 6761 sections 6.2 and 6.3. An IPv6 address has colons.
_HOST_FOR_TESTS = re.compile(r"[^.:]+|.+\.(test|localhost)")
# What to write where nothing is.
_WHAT_IT_IS = {
    "redirect_uri": "; write the URL of your application's callback, as registered at PeeringDB"
}
_EGRESS = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STORED_HASH = re.compile(
    r"(pbkdf2_sha(1|256)|\$?argon2(id)?|bcrypt(_sha256)?|scrypt|(unsalted_)?(md5|sha1)|\$2[aby])\$"
)


def _web_concurrency() -> int:
    """The number of workers that gunicorn, uvicorn and hosting platforms are told."""
    text = os.environ.get("WEB_CONCURRENCY", "")
    return min(max(1, int(text)), _MAX_PROCESSES) if re.fullmatch("[0-9]{1,4}", text) else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """The settings of one application.

    Register it at https://www.peeringdb.com/oauth2/applications/.

    ``client_id``: the id that PeeringDB gave to the application. ``redirect_uri``: the
    URL of the application's callback, as registered. ``client_secret``: the secret, or
    None for a public client. ``base_url``: the address of PeeringDB. ``scope``: what
    the application wants to know, as an iterable or a string with spaces; it must
    contain ``profile``. ``timeout``: how many seconds each part of a request may take,
    such as the connection or the body of the answer. ``allow_http``: whether URLs of
    loopback hosts may be http instead of https. ``ca_file``: a PEM file with
    certificate authorities that replace the usual ones. ``requests_per_minute``: the
    application's share of the 120 requests that PeeringDB allows to one address in a
    minute; None for no limit. ``processes``: how many processes share that; by default
    ``$WEB_CONCURRENCY``, or 1 without it.
    ``egress``: a name for the address from which PeeringDB is asked, where processes
    with one store of sessions leave through several; see `Client.share_budget`.

    >>> from peeringdb_oauth import ClientConfig
    >>> config = ClientConfig(
    ...     client_id="portal",
    ...     client_secret="correct-horse-battery",
    ...     redirect_uri="https://portal.example.net/callback",
    ... )
    >>> config.scope
    ('profile', 'email', 'networks', 'amr')
    >>> config.base_url
    'https://auth.peeringdb.com'

    Raises:
        ConfigurationError: settings are missing or wrong; all problems are reported at
            once.
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
    processes: int = field(default_factory=_web_concurrency)
    egress: str = "default"

    def __post_init__(self) -> None:
        if isinstance(self.base_url, str):
            # The issuer is made from it, and is compared letter for letter.
            object.__setattr__(self, "base_url", self.base_url.lower().removesuffix("/"))
        object.__setattr__(self, "scope", parse_scope(self.scope))
        problems = [
            *_client_problems(self.client_id, self.client_secret),
            *_redirect_uri_problems(self.redirect_uri, allow_http=self.allow_http),
            *_base_url_problems(self.base_url, self.redirect_uri, allow_http=self.allow_http),
            *scope_problems(self.scope),
            *_number_problems(self.timeout, self.requests_per_minute, self.processes),
            *_other_problems(self.allow_http, self.ca_file, self.egress),
        ]
        if problems:
            raise ConfigurationError(*problems)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Self:
        """Read the settings from an ini file and from the environment.

        A variable in the environment overrides the same setting in the file.

        ``path``: the ini file. If it is None, ``$PEERINGDB_OAUTH_CONFIG`` names the
        file; without that variable it is ``/etc/peeringdb_oauth.ini``, the only file
        that may be missing.

        The variables are ``PEERINGDB_OAUTH_CLIENT_ID``, ``_CLIENT_SECRET`` or
        ``_CLIENT_SECRET_FILE``, ``_REDIRECT_URI``, ``_BASE_URL``, ``_SCOPE``,
        ``_TIMEOUT``, ``_CA_FILE``, ``_ALLOW_HTTP``, ``_REQUESTS_PER_MINUTE`` ("none"
        for no limit), ``_PROCESSES`` and ``_EGRESS``.

        Raises:
            ConfigurationError: settings are missing or wrong, or the file cannot be
                read; all problems are reported at once.
        """
        problems: list[str] = []
        ini = ini_path(path)
        is_named = bool(path or os.environ.get(CONFIG_VARIABLE))
        in_file = read_ini(ini, problems, required=is_named)
        in_environment = read_environment(problems)
        if in_file is None:  # the missing settings may stand in that file
            raise ConfigurationError(*problems)
        return cls.of(
            in_file | in_environment, problems, missing=lambda name: describe_missing(name, ini)
        )

    @classmethod
    def of(
        cls, written: Mapping[str, Written], problems: list[str], *, missing: Callable[[str], str]
    ) -> Self:
        """Make the settings of what somebody wrote, where text stands for numbers too.

        ``written``: by the names of the arguments. ``problems``: what is known to be
        wrong. ``missing``: what a message calls a setting that is not in ``written``.

        Raises:
            ConfigurationError: settings are missing or wrong; all problems are reported
                at once, with the names that the settings have where they were written.
        """
        values = {name: to_value(name, setting.value) for name, setting in written.items()}
        try:
            config = cls(**{"client_id": "", "redirect_uri": ""} | values)
        except ConfigurationError as error:
            for problem in error.problems:
                name, colon, text = problem.partition(":")
                where = written[name].where if name in written else missing(name)
                problems.append(f"{where}{colon}{text}")
        if problems:
            raise ConfigurationError(*problems)
        return config


def parse_scope(scope: Any) -> tuple[str, ...]:
    """Return the scope as a tuple without repetitions.

    ``scope``: an iterable of words, or a string of words separated by spaces (RFC 6749
    section 3.3).
    """
    words = scope.split() if isinstance(scope, str) else scope
    try:
        return tuple(dict.fromkeys(words))
    except TypeError:
        return (repr(words),)  # `scope_problems` reports it as unknown


def scope_problems(scope: tuple[str, ...]) -> list[str]:
    """Return one sentence for each problem of a scope."""
    problems = [
        f"scope: PeeringDB has no scope {word!r}; its scopes are {' '.join(SCOPES)}"
        for word in scope
        if word not in SCOPES
    ]
    if "profile" not in scope:
        problems.append(
            "scope: 'profile' is missing; without it PeeringDB does not say who logged in"
        )
    return problems


def is_loopback(host: str) -> bool:
    """Whether ``host`` is a name or an address of this machine only."""
    if host == "localhost":  # its subdomains are refused: DNS may resolve them elsewhere
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
        if value is not None and not isinstance(value, str):
            problems.append(f"{name}: must be text; write it in quotes")
        elif not value or not value.strip():
            problems.append(
                f"{name}: missing or empty; copy it from your application's page at"
                " www.peeringdb.com/oauth2/applications/"
            )
        elif value in _SAMPLES[name]:
            problems.append(
                f"{name}: still the sample value; copy the real one from your application's page at"
                " PeeringDB"
            )
        elif value[0] == value[-1] and value[0] in "'\"":
            problems.append(f"{name}: has quotes around it; write it without them")
        elif not CLIENT_CREDENTIAL.fullmatch(value):
            problems.append(
                f"{name}: contains a character outside printable ASCII (RFC 6749 appendix A), or"
                " begins or ends with a space"
            )
        elif name == "client_secret" and _STORED_HASH.match(value):
            problems.append(
                "client_secret: this is the hash that PeeringDB shows after saving, not the secret;"
                " create a new secret, and copy it before you save the application"
            )
    return problems


def _split(url: Any) -> SplitResult | None:
    """The parts of a URL, or None if ``url`` is not a URL."""
    if not isinstance(url, str) or not URI_REFERENCE.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for a wrong port
    except ValueError:
        return None
    return parts


def url_problems(name: str, url: Any, *, allow_http: bool) -> tuple[SplitResult | None, list[str]]:
    """The parts of a URL, None if it has none, and one sentence for each problem.

    ``name``: of the setting. ``allow_http``: whether http will do for loopback hosts.
    """
    parts = _split(url)
    if not url:
        return None, [f"{name}: missing or empty{_WHAT_IT_IS.get(name, '')}"]
    if parts is None or not parts.hostname or ".." in parts.hostname:
        example = (
            "https://auth.peeringdb.com" if name == "base_url" else "https://portal.example.net/"
        )
        return None, [f"{name}: must be a URL with a host, such as {example}"]
    problems = []
    loopback = is_loopback(parts.hostname)
    if parts.scheme == "http" and allow_http and not loopback:
        problems.append(
            f"{name}: must be https; allow_http is for loopback hosts only, and {parts.hostname} is"
            " not one"
        )
    elif parts.scheme != "https" and not (parts.scheme == "http" and allow_http):
        problems.append(
            f"{name}: must be https"
            + (" (or, for a sandbox, set allow_http: this is a loopback host)" if loopback else "")
        )
    if "@" in parts.netloc:
        problems.append(f"{name}: must not have a user name or password in it")
    if "#" in url:
        problems.append(f"{name}: must not have a fragment (#...)")
    return parts, problems


def _redirect_uri_problems(redirect_uri: Any, *, allow_http: bool) -> list[str]:
    return url_problems("redirect_uri", redirect_uri, allow_http=allow_http)[1]


def _base_url_problems(base_url: Any, redirect_uri: Any, *, allow_http: bool) -> list[str]:
    parts, problems = url_problems("base_url", base_url, allow_http=allow_http)
    if parts is None:
        return problems
    if parts.path or "?" in base_url:
        problems.append(
            "base_url: must be scheme and host only, such as https://auth.peeringdb.com"
        )
    if parts.hostname in _OTHER_ISSUERS:
        problems.append(
            f"base_url: must be https://auth.peeringdb.com; {parts.hostname} is another issuer"
        )
    # A forgotten sandbox. With https a test may use one for a public host.
    if allow_http and is_loopback(parts.hostname or "") and _is_public(redirect_uri):
        problems.append(
            "base_url: leads to this machine, as for a sandbox, but redirect_uri to a public"
            " host; remove base_url and allow_http to log people in at PeeringDB, or set a"
            " redirect_uri on localhost for a test"
        )
    return problems


def _is_public(url: Any) -> bool:
    parts = _split(url)
    host = (parts and parts.hostname) or "localhost"
    return not is_loopback(host) and not _HOST_FOR_TESTS.fullmatch(host)


def _number_problems(timeout: Any, requests_per_minute: Any, processes: Any) -> list[str]:
    problems = []
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not is_number or not 0 < timeout <= 300:  # five minutes
        problems.append("timeout: must be a number of seconds above 0 and at most 300")
    are_processes = type(processes) is int and 1 <= processes <= _MAX_PROCESSES
    if not are_processes:
        problems.append(f"processes: must be a whole number from 1 to {_MAX_PROCESSES}")
    least = 2 * processes if are_processes else 2
    if requests_per_minute is not None and (
        not isinstance(requests_per_minute, int) or requests_per_minute < least
    ):
        problems.append(
            f"requests_per_minute: must be a whole number of at least {least} (one login takes 2,"
            " in each process), or none for no limit"
        )
    return problems


def _other_problems(allow_http: Any, ca_file: Any, egress: Any) -> list[str]:
    problems = []
    if not isinstance(allow_http, bool):
        problems.append("allow_http: must be yes or no; in Python, True or False")
    if ca_file is not None and not (isinstance(ca_file, str) and ca_file):
        problems.append("ca_file: must be the path of a PEM file, as a str")
    if not isinstance(egress, str) or not _EGRESS.fullmatch(egress):
        problems.append(
            "egress: must be a name of at most 64 letters, digits, dots, hyphens and underscores"
        )
    return problems
