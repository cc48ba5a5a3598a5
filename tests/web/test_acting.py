"""`ActingVisitors` and `ActingVerifier`, which stand in for logins in tests."""

import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.web import ActingVerifier, ActingVisitors, Sealer, Visitors

from .conftest import SECRET
from .test_answer_builder import visit

ADA = User(
    id=7,
    name="Ada Admin",
    verified_user=True,
    verified_email=True,
    networks=(Network(id=1, asn=64500, name="Net", perms=Permission.READ),),
)


@pytest.fixture
def run(make_driver):
    return make_driver({}).run


@pytest.fixture
def act(provider):
    """``act(rule)``: the visitors of an application with a rule, all of them Ada."""

    def act(rule):
        return ActingVisitors(Visitors(provider, rule=rule, sealer=Sealer(SECRET)), ADA)

    return act


@pytest.fixture
def acting(act):
    return act(AccessRule())


def test_every_visit_is_one_of_the_user(acting, run):
    login = acting.peek(visit())
    assert login.user == ADA
    assert run(acting.current(visit(), max_age=0)) is login
    assert run(acting.load(visit())) is login
    assert acting.takes_all_forms


def test_the_login_is_one_at_the_applications_provider_without_tokens(acting, provider):
    login = acting.peek(visit())
    assert login.application == [provider.config.base_url, provider.config.client_id]
    assert login.tokens == ""


def test_the_login_is_new_and_lasts_as_long_as_an_access_token(acting, clock):
    login = acting.peek(visit())
    assert (login.logged_in_at, login.seen_at, login.checked_at) == (clock(), clock(), clock())
    assert login.expires_at == clock() + 36000
    assert login.prompted


def test_the_forms_have_a_token_as_ever(acting):
    assert acting.peek(visit()).csrf_token


def test_the_applications_rule_counts(act, run):
    acting = act(AccessRule(asn=64511))
    with pytest.raises(AccessDenied, match="AS64511"):
        run(acting.current(visit()))
    assert acting.peek(visit()).user == ADA


def test_after_a_logout_nobody_is_logged_in(acting, run):
    assert run(acting.end(visit(), "logout")) == (ADA, ())
    assert acting.peek(visit()) is None
    assert run(acting.current(visit())) is None
    assert run(acting.load(visit())) is None
    assert run(acting.end(visit(), "logout")) is None


def test_every_bearer_token_is_the_users(run):
    verifier = ActingVerifier(ADA)
    assert run(verifier.verify_flow("any", address="198.51.100.7", max_age=0)) == ADA
    rule = AccessRule()
    assert run(verifier.verify_flow("", asn=64500, rule=rule)) == ADA


def test_the_rule_of_a_view_counts_for_a_bearer_token(run):
    verifier = ActingVerifier(ADA)
    with pytest.raises(AccessDenied, match="AS64511"):
        run(verifier.verify_flow("any", asn=64511, rule=AccessRule()))
    with pytest.raises(AccessDenied, match="update"):
        run(verifier.verify_flow("any", asn=64500, rule=AccessRule(perms=Permission.UPDATE)))
