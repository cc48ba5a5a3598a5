"""Groups and staff rights from networks and permissions, by a step of the pipeline."""

import os
import subprocess
import sys

import pytest

from peeringdb_oauth import AccessRule
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.social_core_rights import Rights

SCOPE = ("profile", "email", "networks", "amr")
RIGHTS = {
    "GROUPS": {
        "readers": {"asn": [64500, 64501]},
        "editors": {"asn": 64500, "perms": 2},
        "unmade": {"asn": 64500},
    },
    "STAFF": {"asn": 64500, "perms": 2},
    "SUPERUSER": {"asn": 64500, "perms": 2, "mfa": True},
}


@pytest.fixture(scope="module")
def software(at_sandbox):
    """Software as NetBox is: with groups, staff and superusers."""
    with at_sandbox("social_core", rights=RIGHTS, rule={"asn": [64500, 64501]}) as project:
        project.visit().get("/make-groups/readers,editors,local")
        yield project


@pytest.fixture
def person(pdb):
    """``person(2)``: somebody new with these permissions on AS64500."""
    return lambda perms: pdb.add_person("Robin Reader", networks={64500: perms}).login


def rights_of(visitor):
    return visitor.me["groups"], visitor.me["flags"]


def test_a_login_gives_what_the_rules_say(software, pdb, person):
    for perms, rights in [
        (1, (["readers"], [False, False])),
        (3, (["editors", "readers"], [True, True])),
    ]:
        visitor = software.visit()
        visitor.log_in(pdb, person(perms))
        assert rights_of(visitor) == rights
    assert "there is no group 'unmade'" in software.log


def test_the_next_login_takes_back_what_the_rules_no_longer_say(software, pdb, person):
    robin, visitor = person(3), software.visit()
    visitor.log_in(pdb, robin)
    pdb.change(robin, networks={64501: 1})
    visitor.log_in(pdb, robin)
    assert rights_of(visitor) == (["readers"], [False, False])
    pdb.change(robin, networks={64500: 3})
    visitor.log_in(pdb, robin)
    assert rights_of(visitor) == (["editors", "readers"], [True, True])


def test_what_was_given_by_hand_stays(software, pdb, person):
    robin, visitor = person(1), software.visit()
    visitor.log_in(pdb, robin)
    for name in ("local", "editors", "is_staff"):
        visitor.get(f"/by-hand/give/{name}")
    pdb.change(robin, networks={64500: 3})  # the rules say it too, but give nothing
    visitor.log_in(pdb, robin)
    pdb.change(robin, networks={64501: 1})
    visitor.log_in(pdb, robin)
    assert rights_of(visitor) == (["editors", "local", "readers"], [True, False])


def test_what_was_taken_by_hand_comes_back_while_the_rule_says_so(software, pdb, person):
    robin, visitor = person(3), software.visit()
    visitor.log_in(pdb, robin)
    for name in ("readers", "is_staff"):
        visitor.get(f"/by-hand/take/{name}")
    visitor.log_in(pdb, robin)
    assert rights_of(visitor) == (["editors", "readers"], [True, True])


def test_a_person_who_is_refused_loses_what_logins_gave(software, pdb, person):
    """The account may still have a password, or tokens for an API."""
    robin, visitor = person(3), software.visit()
    visitor.log_in(pdb, robin)
    visitor.get("/by-hand/give/local")
    pdb.change(robin, networks={})
    other = software.visit()
    assert "You are not affiliated" in other.log_in(pdb, robin).text or other.me is None
    assert rights_of(visitor) == (["local"], [False, False])


def test_a_stranger_who_is_refused_changes_nothing(software, pdb):
    visitor = software.visit()
    visitor.log_in(pdb, "nonets")
    assert visitor.me is None


def test_a_disconnected_account_loses_what_logins_gave(software, pdb, person):
    visitor = software.visit()
    visitor.get("/enter")
    visitor.log_in(pdb, person(3))
    assert rights_of(visitor) == (["editors", "readers"], [True, True])
    assert visitor.post("/disconnect/peeringdb/").status_code == 302
    assert rights_of(visitor) == ([], [False, False])


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        ({"GROUPS": ["noc"]}, "GROUPS: must be a dict"),
        ({"STAFF": {}}, "STAFF: must name a network (asn)"),
    ],
)
def test_with_a_wrong_setting_nobody_logs_in(start, rights, said):
    project = start("social_core", rights=rights)
    assert project.visit().post(project.library.login).status_code == 500
    assert said in project.log


def test_a_step_that_stands_too_early_logs_nobody_in(start):
    project = start("social_core", rights={}, too_early=True)
    visitor = project.visit()
    assert visitor.come_back_with(code="a" * 30).status_code == 500
    assert visitor.me is None


# --- the settings ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"groups": ["noc"]}, ["GROUPS: must be a dict of names of groups to AccessRule"]),
        ({"groups": {"noc": True}}, ["GROUPS['noc']: must be an AccessRule"]),
        ({"staff": {"asn": 64500}}, ["STAFF: must be an AccessRule"]),
        (
            {"staff": AccessRule(), "superuser": AccessRule(mfa=True)},
            [
                "STAFF: must name a network (asn), or everybody at PeeringDB gets this right",
                "SUPERUSER: must name a network (asn), or everybody at PeeringDB gets this right",
            ],
        ),
    ],
)
def test_a_wrong_setting_is_named(settings, problems):
    with pytest.raises(ConfigurationError) as error:
        Rights.of(settings, SCOPE)
    assert list(error.value.problems) == problems


def test_a_rule_reads_no_more_than_the_scope_asks_for():
    with pytest.raises(ConfigurationError, match="GROUPS"):
        Rights.of({"groups": {"noc": AccessRule(asn=64500)}}, ("profile", "email"))


def test_without_settings_there_are_no_rights():
    assert Rights.of({"staff": None}, SCOPE) == Rights(groups={}, flags={})


def test_accounts_without_the_attribute_are_told_of(measured):
    """As those of software that has no staff."""
    script = """
from types import SimpleNamespace as N
from django.conf import settings
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(DATABASES={"default": database})
import django; django.setup()
from peeringdb_oauth import AccessRule, User, Network, Permission, ConfigurationError
from peeringdb_oauth.integrations.social_core_rights import Rights
class Groups:
    class model:
        class objects:
            filter = staticmethod(lambda **_: [])
    def values_list(self, *_, **__): return []
    def add(self, *_): pass
    remove = add
user = User(id=7, verified_user=True, verified_email=True,
            networks=(Network(id=1, asn=64500, name="", perms=Permission(1)),))
rights = Rights.of({"staff": AccessRule(asn=64500)}, ("profile", "email", "networks"))
try:
    rights.give(N(groups=Groups(), pk=1), N(extra_data={}), user)
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | measured,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "accounts of this software have no is_staff"
