"""Groups and staff rights of accounts, from what people may do at PeeringDB.

For Django software on python-social-auth. See docs/social-core.md. What a login has
given is noted in the ``extra_data`` of the social account. So what somebody has given
by hand is never taken away.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from peeringdb_oauth.access import AccessRule, missing_scope, scope_of
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User

log = logging.getLogger("peeringdb_oauth")

SETTINGS = ("groups", "staff", "superuser")
_NOTED = "peeringdb_rights"  # in extra_data
_FLAGS = {"staff": "is_staff", "superuser": "is_superuser"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Who gets what: the settings ``GROUPS``, ``STAFF`` and ``SUPERUSER``.

    ``groups``: an `AccessRule` for each name of a group. ``flags``: one for each
    attribute of an account, such as ``is_staff``.
    """

    groups: Mapping[str, AccessRule]
    flags: Mapping[str, AccessRule]

    @classmethod
    def of(cls, settings: Mapping[str, Any], scope: Iterable[str]) -> Self:
        """The rights that the settings describe.

        ``scope``: what PeeringDB is asked for.

        Raises:
            ConfigurationError: a setting is wrong, or the scope lacks what a rule
                reads; all problems are reported at once.
        """
        groups = settings.get("groups", {})
        if not isinstance(groups, Mapping):
            raise ConfigurationError("GROUPS: must be a dict of names of groups to AccessRule")
        rules = {f"GROUPS[{name!r}]": rule for name, rule in groups.items()}
        flags = {name: settings[name] for name in _FLAGS if settings.get(name) is not None}
        rules |= {name.upper(): rule for name, rule in flags.items()}
        problems = [
            problem for name, rule in rules.items() for problem in _problems(name, rule, scope)
        ]
        if problems:
            raise ConfigurationError(*problems)
        return cls(groups=groups, flags={_FLAGS[name]: rule for name, rule in flags.items()})

    def give(self, account: Any, social: Any, user: User) -> None:
        """Give an account what ``user`` has a right to, and take back the rest.

        ``social``: the social account, whose ``extra_data`` says what was given.

        Raises:
            ConfigurationError: the accounts of this software have no such attribute.
        """
        _change(
            account,
            social,
            groups={name for name, rule in self.groups.items() if rule.check(user)},
            flags={name for name, rule in self.flags.items() if rule.check(user)},
        )


def take(account: Any, social: Any) -> None:
    """Take back all that logins have given to an account."""
    _change(account, social, groups=set(), flags=set())


def _problems(name: str, rule: object, scope: Iterable[str]) -> list[str]:
    if not isinstance(rule, AccessRule):
        return [f"{name}: must be an AccessRule"]
    if name in ("STAFF", "SUPERUSER") and rule.asn is None:
        return [f"{name}: must name a network (asn), or everybody at PeeringDB gets this right"]
    return missing_scope(scope_of(rule), scope, where=name)


def _change(account: Any, social: Any, *, groups: set[str], flags: set[str]) -> None:
    # The backend itself works without Django.
    from django.db import transaction  # noqa: PLC0415

    noted = social.extra_data.get(_NOTED) or {}
    with transaction.atomic():
        given = {
            "groups": _change_groups(account, groups, set(noted.get("groups", ()))),
            "flags": _change_flags(account, flags, set(noted.get("flags", ()))),
        }
        if given != noted:
            social.extra_data[_NOTED] = given
            social.save()


def _change_groups(account: Any, due: set[str], given: set[str]) -> list[str]:
    """Change the groups of an account; the names of those that logins have given."""
    model = account.groups.model
    found = {group.name: group for group in model.objects.filter(name__in=due | given)}
    current = set(account.groups.values_list("name", flat=True))
    for name in sorted(due - set(found)):
        log.warning("login with PeeringDB: there is no group %r, so nobody gets it", name)
    added, removed = (due & set(found)) - current, (given - due) & current
    account.groups.add(*(found[name] for name in added))
    account.groups.remove(*(found[name] for name in removed))
    _tell(account, added, removed)
    return sorted((given & due & current) | added)


def _change_flags(account: Any, due: set[str], given: set[str]) -> list[str]:
    """Change the attributes of an account; the names of those that logins have set."""
    missing = [name for name in sorted(due) if not hasattr(account, name)]
    if missing:
        raise ConfigurationError(f"accounts of this software have no {' and no '.join(missing)}")
    current = {name for name in due | given if getattr(account, name, False)}
    added, removed = due - current, (given - due) & current
    for name in added | removed:
        setattr(account, name, name in added)
    if added or removed:
        account.save(update_fields=sorted(added | removed))
    _tell(account, added, removed)
    return sorted((given & due & current) | added)


def _tell(account: Any, added: set[str], removed: set[str]) -> None:
    for what, names in (("gets", added), ("loses", removed)):
        if names:
            names_in_order = ", ".join(sorted(names))
            log.info("login with PeeringDB: account %s %s %s", account.pk, what, names_in_order)
