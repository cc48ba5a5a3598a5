"""Reads the rules and roles of the settings, and finds rules that make no sense."""

import re
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import product
from operator import or_
from typing import Any

from peeringdb_oauth.access import missing_scope, scope_of
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.addresses import read_hosts
from peeringdb_oauth.gateway.asn_file import ASNFile
from peeringdb_oauth.gateway.paths import TRICKS
from peeringdb_oauth.gateway.rules import ASN, Conditions, Role, Rule
from peeringdb_oauth.gateway.toml_file import Table, did_you_mean
from peeringdb_oauth.gateway.values import one_or_several, switch, text, word
from peeringdb_oauth.profile import MAX_ASN, Permission, is_asn

OWN_PATHS = "_peeringdb"  # the gateway answers below it

_CONDITION_KEYS = ("asn", "asn_file", "perms", "manage_sessions", "mfa")
RULE_KEYS = (
    *("path", "host", "methods", "allow"),
    *_CONDITION_KEYS,
    *("own_asn", "allow_in_path", "origins"),
)
ROLE_KEYS = ("name", *_CONDITION_KEYS)

_METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"),
    *("COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "UNLOCK", "REPORT", "SEARCH"),
)
_PERMS = {permission.name.lower(): permission for permission in Permission if permission.name}
# Some servers read a plus as a blank, and end a path at the others.
_NOT_IN_PATH = re.compile(r"[%?#;\\+\s]|//")
_DOTS = re.compile(r"\.+")
_NO_ROLE_CHARACTER = re.compile(r"[\s,]")


def read_rules(
    tables: Iterable[Table], hosts: Sequence[str], scope: Sequence[str], files: dict[str, ASNFile]
) -> list[Rule]:
    """The rules of ``[[rule]]``.

    ``hosts``: the names of the gateway's hosts. ``scope``: what PeeringDB is asked for.
    ``files``: the files with AS numbers that were read, by their names.
    """
    rules: list[Rule] = []
    for index, table in enumerate(tables, 1):
        rule = Rule(
            index=index,
            host=table.read("host", lambda value: _host(value, hosts), None),
            path=table.read("path", _path, "/"),
            methods=table.read("methods", _methods, None),
            allow=table.read("allow", lambda value: word(value, ("everybody", "verified")), None),
            conditions=_conditions(table, files),
            own_asn=table.read("own_asn", _asn, None),
            allow_in_path=table.read("allow_in_path", _tricks, frozenset()),
            origins=table.read("origins", _origins, ()),
        )
        if table.is_wrong:
            continue
        _check_sense(table, rule)
        _check_reach(table, rule, rules, hosts)
        if not rule.is_open:
            _check_scope(table, rule.name, rule.conditions, scope, names_network=rule.has_asn)
        rules.append(rule)
    return rules


def read_roles(
    tables: Iterable[Table], scope: Sequence[str], files: dict[str, ASNFile]
) -> list[Role]:
    """The roles of ``[[role]]``. The arguments are those of `read_rules`."""
    roles = []
    for table in tables:
        name = table.read("name", _role_name, "without a name")
        role = Role(name=name, conditions=_conditions(table, files))
        if "name" not in table:
            table.problem("name", "missing; it is what the application is told")
        if "asn" not in table and "asn_file" not in table:
            table.problem("asn", "missing; a role needs asn or asn_file")
        _check_scope(table, f"the role {role.name}", role.conditions, scope)
        roles.append(role)
    return roles


def _check_scope(
    table: Table,
    where: str,
    conditions: Conditions,
    scope: Sequence[str],
    *,
    names_network: bool = False,
) -> None:
    """Note what the scope lacks, so that nobody could meet the conditions."""
    is_about_network = names_network or conditions.asns or conditions.asn_file
    needed = scope_of(conditions.at((1,) if is_about_network else None))
    for problem in missing_scope(needed, scope, where=where):
        table.file.problem(problem, table.where)


def _conditions(table: Table, files: dict[str, ASNFile]) -> Conditions:
    if "asn" in table and "asn_file" in table:
        table.problem("asn_file", "write either asn or asn_file, not both")
    return Conditions(
        asns=table.read("asn", _asns, None),
        asn_file=table.read("asn_file", lambda value: _asn_file(table, value, files), None),
        perms=table.read("perms", _perms, Permission.READ),
        manage_sessions=table.read("manage_sessions", switch, default=False),
        mfa=table.read("mfa", switch, default=False),
    )


def _asn_file(table: Table, value: Any, files: dict[str, ASNFile]) -> ASNFile:
    name = text(value)
    if name not in files:
        files[name] = ASNFile(table.file.resolve(name))
    return files[name]


def _check_sense(table: Table, rule: Rule) -> None:
    """Note conditions that contradict each other, or that nobody can meet."""
    about_network = [key for key in ("asn", "asn_file") if key in table]
    if rule.has_asn:
        about_network.append(ASN)
    if not about_network and "allow" not in table:
        table.file.problem(
            'a rule needs one of allow, asn, asn_file, or {asn} in its path; allow = "verified"'
            " lets everybody in whom PeeringDB has verified",
            table.where,
        )
    if about_network and "allow" in table:
        table.problem("allow", f"does not go with {about_network[0]}; remove one of them")
    if not about_network and "allow" in table:
        for key in ("perms", "manage_sessions"):
            if key in table:
                table.problem(key, "is about a network, and the rule names none: add asn")
    if rule.is_open and "mfa" in table:
        table.problem(
            "mfa",
            'does not go with allow = "everybody", because strangers have no second factor; write'
            ' allow = "verified"',
        )
    if rule.own_asn is not None and not rule.has_asn:
        table.problem("own_asn", "is only for a path with {asn}; here add the number to asn")


def _check_reach(table: Table, rule: Rule, earlier: Sequence[Rule], hosts: Sequence[str]) -> None:
    """Note that earlier rules take all that a rule is for."""
    takers: list[str] = []
    for host, method in product(
        [rule.host] if rule.host else hosts or [""], sorted(rule.methods or {""})
    ):
        takes = next((one for one in earlier if _takes(one, host, method, rule)), None)
        if takes is None:
            return
        takers.append(takes.name)
    names = dict.fromkeys(takers)
    others = " and ".join(names)
    text = "comes before it and takes all its requests"
    if len(names) > 1:
        text = "come before it and take all its requests"
    table.file.problem(
        f"{rule.name} can never be reached: {others} {text}; move rule {rule.index} up, or"
        " remove it",
        table.where,
    )


def _takes(earlier: Rule, host: str, method: str, rule: Rule) -> bool:
    """Whether an earlier rule decides about all paths of a rule, for a host and method.

    ``method``: empty for any.
    """
    return (
        (earlier.host is None or earlier.host == host)
        and (earlier.methods is None or method in earlier.methods)
        and len(earlier.segments) <= len(rule.segments)
        and all(
            own in (ASN, other) for own, other in zip(earlier.segments, rule.segments, strict=False)
        )
    )


def _host(value: Any, hosts: Sequence[str]) -> str:
    name = text(value).lower()
    if hosts and name not in hosts:  # without hosts another problem says so
        raise ConfigurationError(f"{name} is not in urls; {did_you_mean(name, hosts)}")
    return name


def _path(value: Any) -> str:
    path = text(value)
    if not path.startswith("/"):
        raise ConfigurationError("must begin with a slash, such as /members/{asn}/")
    if "*" in path:
        raise ConfigurationError("must not have *; a rule is for all that begins with its path")
    if _NOT_IN_PATH.search(path) or not path.isprintable():
        raise ConfigurationError(
            r"must be a path as people read it, without // % ? # ; \ + and blanks; servers read"
            " these in different ways"
        )
    segments = path.split("/")[1:]
    if any(_DOTS.fullmatch(segment) for segment in segments):
        raise ConfigurationError("must not have . or .. between slashes")
    if segments[0] == OWN_PATHS:
        raise ConfigurationError(
            f"the gateway itself answers below /{OWN_PATHS}/, and no rule can change that"
        )
    braces = [segment for segment in segments if "{" in segment or "}" in segment]
    if any(segment != ASN for segment in braces):
        raise ConfigurationError(
            "{asn} is the only placeholder, and stands between slashes, as in /members/{asn}/"
        )
    if len(braces) > 1:
        raise ConfigurationError("must not have {asn} twice")
    return path


def _methods(value: Any) -> frozenset[str]:
    return frozenset(one_or_several(value, lambda one: word(one, _METHODS)))


def _asn(value: Any) -> int:
    if isinstance(value, str):
        raise ConfigurationError("must be an AS number without quotes, such as 64500")
    if not is_asn(value):
        raise ConfigurationError(f"must be an AS number, from 1 to {MAX_ASN}")
    return value


def _asns(value: Any) -> tuple[int, ...]:
    return tuple(dict.fromkeys(one_or_several(value, _asn)))


def _perms(value: Any) -> Permission:
    words = one_or_several(value, lambda one: word(one, _PERMS))
    return reduce(or_, (_PERMS[one] for one in words))


def _tricks(value: Any) -> frozenset[str]:
    return frozenset(one_or_several(value, _trick))


def _origins(value: Any) -> tuple[str, ...]:
    return tuple(host.origin for host in read_hosts(value, allow_http=True))


def _trick(value: Any) -> str:
    name = text(value).upper()
    if name == "%5C":
        return "\\"
    return name if name in TRICKS else str(word(value, TRICKS))


def _role_name(value: Any) -> str:
    name = text(value)
    if _NO_ROLE_CHARACTER.search(name) or not name.isprintable():
        raise ConfigurationError("must be a word without blanks and commas, such as Editor")
    return name
