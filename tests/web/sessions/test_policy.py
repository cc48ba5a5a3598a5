import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.web import SessionPolicy


def test_the_defaults_are_those_of_the_documentation():
    policy = SessionPolicy()
    assert (policy.recheck_every, policy.stale_for, policy.idle_timeout, policy.max_age) == (
        900,
        3600,
        7200,
        43200,
    )


def test_a_second_is_enough():
    policy = SessionPolicy(recheck_every=1, stale_for=1, idle_timeout=1, max_age=1)
    assert policy.recheck_every == policy.stale_for == policy.idle_timeout == policy.max_age == 1


def test_there_may_be_no_limits():
    policy = SessionPolicy(recheck_every=None, stale_for=0, idle_timeout=None, max_age=None)
    assert (policy.recheck_every, policy.stale_for) == (None, 0)


@pytest.mark.parametrize("value", ["900", True, float("nan"), float("inf"), -1, 0, 0.5, [900]])
def test_nonsense_is_refused_with_every_problem(value):
    with pytest.raises(ConfigurationError) as caught:
        SessionPolicy(recheck_every=value, idle_timeout=value, max_age=value)
    assert caught.value.problems == (
        "recheck_every: must be seconds, 1 or more, or None",
        "idle_timeout: must be seconds, 1 or more, or None",
        "max_age: must be seconds, 1 or more, or None",
    )


def test_no_limit_of_one_kind_does_not_hide_what_is_wrong_with_another():
    with pytest.raises(ConfigurationError) as caught:
        SessionPolicy(recheck_every=None, stale_for=-1, idle_timeout=None, max_age=0)
    assert caught.value.problems == (
        "stale_for: must be seconds, 0 or more",
        "max_age: must be seconds, 1 or more, or None",
    )


@pytest.mark.parametrize("value", [None, -1, "60", False])
def test_rights_cannot_stay_stale_for_ever(value):
    with pytest.raises(ConfigurationError) as refused:
        SessionPolicy(stale_for=value)
    assert str(refused.value) == "stale_for: must be seconds, 0 or more"


@pytest.mark.parametrize("settings", [{"recheck_every": 300}, {"RECHECK_EVERY": 300}])
def test_settings_make_a_policy(settings):
    assert SessionPolicy.of(settings) == SessionPolicy(recheck_every=300)


def test_no_settings_make_the_default():
    assert SessionPolicy.of(None) == SessionPolicy()


def test_a_policy_stays_as_it_is():
    policy = SessionPolicy(max_age=60)
    assert SessionPolicy.of(policy) is policy


def test_wrong_settings_are_refused_all_at_once():
    with pytest.raises(ConfigurationError) as caught:
        SessionPolicy.of({"idle": 5, "max_age": 0})
    assert caught.value.problems == (
        (
            "idle: there is no such setting; there are recheck_every, stale_for, idle_timeout,"
            " max_age"
        ),
        "max_age: must be seconds, 1 or more, or None",
    )


def test_an_unknown_setting_alone_is_refused():
    with pytest.raises(ConfigurationError) as refused:
        SessionPolicy.of({"idle": 5})
    assert str(refused.value) == (
        "idle: there is no such setting; there are recheck_every, stale_for, idle_timeout, max_age"
    )


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        ("recheck_every=300 max_age=none", {"recheck_every": 300, "max_age": None}),
        ("IDLE_TIMEOUT=60,stale_for=0", {"idle_timeout": 60, "stale_for": 0}),
        ({"recheck_every": "300", "max_age": " None"}, {"recheck_every": 300, "max_age": None}),
        ("", {}),
    ],
)
def test_settings_may_be_text(settings, policy):
    assert SessionPolicy.of(settings) == SessionPolicy(**policy)


@pytest.mark.parametrize(
    "text", ["900", "max_age=soon", "max_age", "stale_for=none", "max_age=60=60"]
)
def test_text_that_says_no_policy_is_refused(text):
    with pytest.raises(ConfigurationError) as refused:
        SessionPolicy.of(text)
    assert str(refused.value).startswith(f"{text.partition('=')[0]}: ")


@pytest.mark.parametrize("settings", [900, [("max_age", 60)]])
def test_settings_must_be_a_mapping(settings):
    with pytest.raises(ConfigurationError) as refused:
        SessionPolicy.of(settings)
    assert str(refused.value) == (
        'must be a SessionPolicy, or a dict such as {"idle_timeout": 3600}'
    )
