import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import Permission
from peeringdb_oauth.web.view_rule import view_rule

PLAIN = {"perms": Permission.READ, "manage_sessions": False, "mfa": False}


def test_who_must_be_verified_is_as_for_the_login():
    login = AccessRule(
        verified_user=False,
        verified_email=False,
        asn=64500,
        mfa=True,
        perms=Permission.UPDATE,
    )
    assert view_rule(login, None, **PLAIN) == AccessRule(verified_user=False, verified_email=False)
    assert view_rule(AccessRule(), None, **PLAIN) == AccessRule()


@pytest.mark.parametrize(
    ("asn", "in_the_rule"),
    [(64500, (64500,)), ([64500, 64501], (64500, 64501)), ("asn", None), (lambda: 64500, None)],
)
def test_constants_are_part_of_the_rule(asn, in_the_rule):
    rule = view_rule(
        AccessRule(asn=64511),
        asn,
        perms=Permission.UPDATE,
        manage_sessions=True,
        mfa=True,
    )
    assert rule == AccessRule(
        asn=in_the_rule,
        perms=Permission.UPDATE,
        manage_sessions=True,
        mfa=True,
    )


@pytest.mark.parametrize("conditions", [{"perms": Permission.UPDATE}, {"manage_sessions": True}])
def test_rights_on_no_network_are_a_mistake(conditions):
    with pytest.raises(ConfigurationError, match="asn: missing"):
        view_rule(AccessRule(asn=64500), None, **PLAIN | conditions)


@pytest.mark.parametrize("asn", [0, [], (64500, "64501"), 1.5])
def test_what_is_no_as_number_is_a_mistake(asn):
    with pytest.raises(ConfigurationError, match="asn must be"):
        view_rule(AccessRule(), asn, **PLAIN)
