"""Says which rule decides about a request, what it asks, and what a person lacks."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.addresses import Host
from peeringdb_oauth.gateway.paths import OddPath, parse
from peeringdb_oauth.gateway.rules import Match, Rule, roles_of
from peeringdb_oauth.gateway.settings import Reloadable, Settings
from peeringdb_oauth.gateway.toml_file import did_you_mean
from peeringdb_oauth.profile import Network, Permission, User, is_asn
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.remedies import remedy_for

_URL = re.compile(r"(https?://[^/?#\s]+)(.*)", re.IGNORECASE | re.DOTALL)
_MAX_SHOWN = 5  # networks in one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a request is allowed or refused.

    ``allowed``: whether the gateway lets it pass. ``rule``: the name of the rule that
    decides; None if there is none. ``asks``: what the rule asks. ``has``: what the
    person has. ``reasons``: why it is refused. ``advice``: what to change, and whom to
    ask. ``headers``: what the application is told of the person.
    """

    allowed: bool
    rule: str | None
    asks: tuple[str, ...]
    has: tuple[str, ...]
    reasons: tuple[Reason, ...]
    advice: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]


def explain(settings: Settings, method: str, url: str, user: User | None) -> Explanation:
    """Why a request is allowed or refused.

    ``url``: as in the address bar of a browser. ``user``: who asks; None for somebody
    who is not logged in.

    Raises:
        ConfigurationError: the URL is wrong, or its host is not one of the settings.
    """
    origin, rest = parse_url(url)
    host = _host(settings.hosts, origin)
    try:
        match = settings.reloadable.rules.match(host.name, method, parse(rest))
    except OddPath as odd:
        reason = Reason(odd.reason, code="odd_path")
        return _refusal(Match(refusal=reason), ["No rule can allow such an address."], user)
    if match.refusal is not None or match.rule is None:
        return _refusal(match, _operator_advice(settings, match), user)
    return _judged(settings.reloadable, match.rule, match.asn, user)


def parse_url(url: str) -> tuple[str, str]:
    """The origin in a URL, and its path with the query as a proxy would send them.

    Raises:
        ConfigurationError: it is no whole URL.
    """
    found = _URL.fullmatch(url)
    if not found:
        raise ConfigurationError(f"{url}: must be a whole URL, such as https://lg.example.net/")
    rest = found[2] if found[2].startswith("/") else f"/{found[2]}"
    # A byte of the command line that is not UTF-8 is a lone surrogate here.
    return found[1].lower(), rest.encode("utf-8", "surrogatepass").decode("latin-1")


def _host(hosts: Iterable[Host], origin: str) -> Host:
    by_origin = {host.origin: host for host in hosts}
    usual_port = ":443" if origin.startswith("https:") else ":80"
    host = by_origin.get(origin.removesuffix(usual_port))
    if host is None:
        advice = did_you_mean(origin, by_origin)
        raise ConfigurationError(f"{origin} is not in urls of the settings; {advice}")
    return host


def _refusal(match: Match, advice: Iterable[str], user: User | None) -> Explanation:
    """Why nobody can pass."""
    return Explanation(
        allowed=False,
        rule=match.rule.name if match.rule else None,
        asks=(),
        has=tuple(_has(user, ())),
        reasons=(match.refusal,) if match.refusal else (),
        advice=tuple(advice),
        headers=(),
    )


def _operator_advice(settings: Settings, match: Match) -> list[str]:
    reason = match.refusal
    if reason is not None and reason.cause:
        return [_sentence(reason.cause)]
    if match.rule is not None:
        return ["Check the number in the address."]
    return [f"To open it, add a [[rule]] to {settings.path}."]


def _judged(reloadable: Reloadable, rule: Rule, asn: object, user: User | None) -> Explanation:
    """What a rule says to a person."""
    headers: list[tuple[bytes, bytes]] = []
    reasons: tuple[Reason, ...] = ()
    if user is not None:
        reasons = rule.check(user, asn).reasons
        headers = reloadable.headers.of(user, roles_of(user, reloadable.roles))
    elif not rule.is_open:
        reasons = (Reason("nobody is logged in", code="login_required"),)
    return Explanation(
        allowed=not reasons,
        rule=rule.name,
        asks=tuple(describe(rule, asn)),
        has=tuple(_has(user, _networks_of(rule, asn))),
        reasons=reasons,
        advice=tuple(_advice(reasons, user)),
        headers=()
        if reasons
        else tuple((name.decode(), value.decode()) for name, value in headers),
    )


def _networks_of(rule: Rule, asn: object) -> tuple[int, ...]:
    """The networks that a rule is about."""
    conditions = rule.conditions
    listed = conditions.asn_file.asns if conditions.asn_file else conditions.asns or ()
    return ((asn,) if is_asn(asn) else listed) + ((rule.own_asn,) if rule.own_asn else ())


def describe(rule: Rule, asn: object = None) -> Iterator[str]:
    """What a rule asks, a line for each thing.

    ``asn``: the AS number in the path; None if it is not known.
    """
    if rule.is_open:
        yield "nothing: everybody may pass, also without a login"
        return
    conditions = rule.conditions
    yield "an account that PeeringDB has verified, with a confirmed email address"
    if conditions.mfa:
        yield "a second factor at the login"
    if rule.allow == "verified":
        return
    yield f"affiliation with {_which(rule, asn)}"
    yield f"the right to {_words(conditions.perms)} it"
    if conditions.manage_sessions:
        yield "the right to manage its peering sessions"
    if rule.own_asn is not None:
        yield f"or the same at AS{rule.own_asn}, with any number in the path"


def _which(rule: Rule, asn: object) -> str:
    """The networks of a rule in words."""
    conditions = rule.conditions
    listed = _names(conditions.asns) if conditions.asns else ""
    if conditions.asn_file:
        count = len(conditions.asn_file.asns)
        listed = f"one of the {count} networks in {conditions.asn_file.path}"
    if not rule.has_asn:
        return listed
    in_path = f"AS{asn}, the network in the path" if is_asn(asn) else "the network in the path"
    return f"{in_path}, which must be {listed}" if listed else in_path


def _has(user: User | None, asns: tuple[int, ...]) -> Iterator[str]:
    """What a person has. ``asns``: the networks that a rule is about."""
    if user is None:
        return
    yield "a verified account" if user.verified_user else "an account that is not verified"
    yield _email(user)
    yield _second_factor(user)
    shown = [network for network in user.networks if network.asn in asns][:_MAX_SHOWN]
    yield from map(_network, shown)
    others = len(user.networks) - len(shown)
    if others or not shown:
        yield f"{others or 'no'} {'other ' if shown else ''}network{'' if others == 1 else 's'}"


def _email(user: User) -> str:
    if user.email is None:
        return "no email address that PeeringDB told us"
    return f"an email address that is {'' if user.verified_email else 'not '}confirmed"


def _second_factor(user: User) -> str:
    if user.amr is None:
        return "perhaps a second factor: PeeringDB did not say"
    return "a second factor" if "mfa" in user.amr else "no second factor"


def _network(network: Network) -> str:
    sessions = network.manage_peering_sessions
    return (
        f"AS{network.asn} ({network.name}): {_words(network.perms)}; peering sessions:"
        f" {'unknown' if sessions is None else _words(sessions)}"
    )


def _advice(reasons: tuple[Reason, ...], user: User | None) -> Iterator[str]:
    if user is None:
        if reasons:
            yield "The gateway leads people to the login. Add --as to see what it says then."
        return
    if reasons:
        yield remedy_for(reasons).advice
    yield from (_sentence(reason.cause) for reason in reasons if reason.cause)
    for asn in dict.fromkeys(reason.asn for reason in reasons if reason.asn):
        yield f"The contacts of its organisation: https://www.peeringdb.com/asn/{asn}"


def _sentence(cause: str) -> str:
    return f"{cause[0].upper()}{cause[1:]}."


def _names(asns: tuple[int, ...]) -> str:
    names = [f"AS{asn}" for asn in asns[:_MAX_SHOWN]]
    if len(asns) > _MAX_SHOWN:
        names.append(f"{len(asns) - _MAX_SHOWN} others")
    return _join(names, "or")


def _words(permission: Permission) -> str:
    return _join([str(one.name).lower() for one in permission] or ["nothing"], "and")


def _join(words: list[str], last_word: str) -> str:
    *most, last = words
    return f"{', '.join(most)} {last_word} {last}" if most else last
