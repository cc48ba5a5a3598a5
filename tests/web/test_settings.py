"""Settings that the integrations have in common: sessions, origins, names to keep."""

import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.records import MemoryRecords
from peeringdb_oauth.setting_sources import Written
from peeringdb_oauth.web import Change, Sealer, SessionPolicy, SessionStore, Vault
from peeringdb_oauth.web.settings import (
    checked_keep,
    checked_origins,
    read_session_policy,
    read_session_settings,
    read_session_store,
)

SECRETS = ("new-secret-0123456789", "old-secret-0123456789")


@pytest.fixture(autouse=True)
def ini(tmp_path, monkeypatch):
    """``ini("sessions = ...")``: write the lines into the ini file."""
    path = tmp_path / "ours.ini"
    monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", str(path))
    return lambda *lines: path.write_text("\n".join(("[peeringdb_oauth]", *lines)))


@pytest.fixture
def records(clock):
    return MemoryRecords(clock)


@pytest.fixture
def own(records):
    """The stores of a framework."""
    return {"django": lambda: records, "cache": lambda: records}


def problems_of(read, *arguments, **more):
    with pytest.raises(ConfigurationError) as caught:
        read(*arguments, **more)
    return caught.value.problems


[TOO_SHORT] = problems_of(Sealer, "short")


# --- all together ---------------------------------------------------------------------


def test_without_settings_the_sessions_are_in_the_browsers_and_last_as_usual():
    settings = read_session_settings(sessions=None, policy=None, secrets=SECRETS)
    assert (settings.store, settings.policy) == (None, SessionPolicy())
    assert settings.sealer.open("tokens", Sealer(SECRETS[0]).seal("tokens", "x")) == "x"
    assert settings.sealer.open("tokens", Sealer(SECRETS[1]).seal("tokens", "x")) == "x"


def test_the_settings_say_where_the_sessions_are_and_how_long_they_last(own, records):
    settings = read_session_settings(
        sessions="cache", policy={"max_age": 60}, secrets=SECRETS, own=own
    )
    assert settings.policy == SessionPolicy(max_age=60)
    settings.store.vault.change("a", lambda *_: Change(value=1, due_at=0.0))
    assert Vault(records, Sealer(SECRETS[0])).read("a").value == 1


def test_all_problems_are_reported_at_once():
    problems = problems_of(
        read_session_settings,
        sessions=7,
        policy={"max_age": -1},
        secrets=("short",),
        secret_name="SECRET_KEY: ",
    )
    assert problems == (
        f"SECRET_KEY: {TOO_SHORT}",
        "sessions: must be a URL, or from open_session_store",
        "session_policy: max_age: must be seconds, 1 or more, or None",
    )


def test_a_problem_of_the_settings_is_one_without_a_problem_of_the_secrets():
    problems = problems_of(read_session_settings, sessions=7, policy=None, secrets=SECRETS)
    assert problems == ("sessions: must be a URL, or from open_session_store",)


@pytest.mark.parametrize("sessions", [None, "redis://192.0.2.1", "django"])
def test_a_problem_of_the_secrets_is_reported_once(own, sessions):
    problems = problems_of(
        read_session_settings, sessions=sessions, policy=None, secrets=("short",), own=own
    )
    assert problems == (TOO_SHORT,)


# --- the store ------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, "", Written("SESSIONS", None), Written("SESSIONS", "")])
def test_without_a_store_the_sessions_are_in_the_browsers(given):
    assert read_session_store(given, SECRETS) is None


def test_a_store_that_is_open_is_taken_as_it_is(records):
    store = SessionStore(Vault(records, Sealer(*SECRETS)))
    assert read_session_store(store, SECRETS) is store
    assert read_session_store(Written("SESSIONS", store), SECRETS) is store


def test_a_url_opens_a_store_that_seals_with_the_secrets(tmp_path):
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    with read_session_store(url, SECRETS) as store:
        store.vault.change("a", lambda *_: Change(value=1, due_at=0.0))
    with read_session_store(url, SECRETS[:1]) as store:
        assert store.vault.read("a").value == 1


def test_a_word_opens_the_store_of_the_framework_that_seals_with_the_secrets(own, records):
    store = read_session_store("django", SECRETS, own=own)
    store.vault.change("a", lambda *_: Change(value=1, due_at=0.0))
    assert Vault(records, Sealer(SECRETS[0])).read("a").value == 1


def test_a_framework_with_a_store_of_its_own_takes_urls_too(own):
    [problem] = problems_of(read_session_store, "ftp://192.0.2.1", SECRETS, own=own)
    assert problem.startswith("sessions: must begin with one of")


def test_what_is_neither_a_word_nor_a_url_is_refused_with_the_words_that_there_are(own):
    assert problems_of(read_session_store, Written("SESSIONS", "djang"), SECRETS, own=own) == (
        'SESSIONS: must be "django" or "cache" or the URL of a store',
    )


@pytest.mark.parametrize("given", [None, ""])
def test_the_environment_or_else_the_ini_file_names_the_store(ini, tmp_path, monkeypatch, given):
    ini("sessions = ftp://192.0.2.1")
    [problem] = problems_of(read_session_store, given, SECRETS)
    assert problem.startswith(f"sessions in {tmp_path / 'ours.ini'}: must begin with one of")
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", "ftp://192.0.2.1")
    [problem] = problems_of(read_session_store, given, SECRETS)
    assert problem.startswith("PEERINGDB_OAUTH_SESSIONS: must begin with one of")


def test_an_argument_counts_more_than_the_environment(monkeypatch, own):
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", "ftp://192.0.2.1")
    assert read_session_store("django", SECRETS, own=own) is not None


def test_only_a_problem_of_the_url_names_the_setting():
    given = Written("SESSIONS", "ftp://192.0.2.1")
    url, secret = problems_of(read_session_store, given, ("short",))
    assert url.startswith("SESSIONS: must begin with one of")
    assert secret == TOO_SHORT


# --- the policy -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        SessionPolicy(recheck_every=300, max_age=None),
        {"recheck_every": 300, "max_age": None},
        "recheck_every=300 max_age=none",
        Written("SESSION_POLICY", "recheck_every=300 max_age=none"),
    ],
)
def test_a_policy_is_an_object_a_dict_or_text(given):
    assert read_session_policy(given) == SessionPolicy(recheck_every=300, max_age=None)


def test_the_environment_or_else_the_ini_file_has_the_policy(ini, monkeypatch):
    ini("session_policy = max_age=60")
    assert read_session_policy(None) == SessionPolicy(max_age=60)
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSION_POLICY", "max_age=90")
    assert read_session_policy(None) == SessionPolicy(max_age=90)


@pytest.mark.parametrize(
    ("given", "where"),
    [("max_age=-1 nap=1", "session_policy"), (Written("HERE", "max_age=-1 nap=1"), "HERE")],
)
def test_each_problem_of_a_policy_says_where_it_was_written(given, where):
    unknown, wrong = problems_of(read_session_policy, given)
    assert unknown.startswith(f"{where}: nap: there is no such setting")
    assert wrong == f"{where}: max_age: must be seconds, 1 or more, or None"


# --- origins, and what stays in a session ---------------------------------------------


@pytest.mark.parametrize(
    ("given", "checked"),
    [
        (None, None),
        ("https://app.example.net", ("https://app.example.net",)),
        (["http://127.0.0.1:5000"], ("http://127.0.0.1:5000",)),
        (
            iter(["https://a.example.net", "https://b.example.net"]),
            ("https://a.example.net", "https://b.example.net"),
        ),
    ],
)
def test_the_origins_of_a_websocket(given, checked):
    assert checked_origins(given) == checked


@pytest.mark.parametrize(
    "given",
    [
        (),
        "",
        "app.example.net",
        "ftp://app.example.net",
        "https://",
        "https://app.example.net/",
        "https://app.example.net?a",
        ["https://app.example.net", "app.example.net"],
    ],
)
def test_what_is_no_origin_is_refused(given):
    assert problems_of(checked_origins, given) == (
        "websocket_origins: must be origins, such as https://app.example.net, or None",
    )


def test_several_names_stay_in_a_session():
    assert checked_keep(["cart", "theme"]) == ("cart", "theme")


def test_one_text_is_not_several_names():
    assert problems_of(checked_keep, "cart") == ("keep: must be several names, such as ('cart',)",)
