"""``peeringdb-oauth sessions`` with a store in SQLite."""

import json
import sys
from dataclasses import replace

import pytest
from stored_sessions import begin

from peeringdb_oauth.cli import main
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.web import open_session_store

SECRET = "0123456789abcdef0123456789abcdef"
NONE = "There are no sessions that this secret key can read.\n"
ADA = User(
    id=7,
    name="Ada Admin",
    email="ada@example.net",
    verified_user=True,
    verified_email=True,
    networks=(Network(id=1, asn=64500, name="Example Net", perms=Permission.READ),),
)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/sessions.db"


@pytest.fixture
def store(url):
    with open_session_store(url, secrets=(SECRET,)) as store:
        yield store


@pytest.fixture
def run(monkeypatch, url, capsys):
    """``run("list")``: the exit status, standard output and standard error."""

    def run(*arguments, sessions=url, key=SECRET):
        monkeypatch.delenv("PEERINGDB_OAUTH_SESSIONS", raising=False)
        if sessions is not None:
            monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", sessions)
        if key is not None:
            monkeypatch.setenv("PEERINGDB_OAUTH_SECRET_KEY", key)
        monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "sessions", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return ended.value.code, written.out, written.err

    return run


def test_an_empty_store_has_no_sessions(run, store):
    assert store.all() == []
    assert run("list") == (0, NONE, "")
    assert run("list", "--json") == (0, "[]\n", "")


def test_the_sessions_are_listed(run, store):
    begin(store, ADA)
    status, out, err = run("list")
    assert (status, err) == (0, "")
    [session] = store.all()
    for word in (session.id, "Ada Admin", "192.0.2.7", "Logged in"):
        assert word in out


@pytest.mark.parametrize("name", ["[/bold]", "[link=https://portal.test]Ada[/link]", ":warning:"])
def test_a_name_is_listed_as_it_is(run, store, name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    begin(store, replace(ADA, name=name))
    status, out, _ = run("list")
    assert status == 0
    assert name in out


def test_the_sessions_are_listed_for_programs(run, store):
    begin(store, ADA)
    begin(store, User(id=8, verified_user=True, verified_email=True))
    status, out, _ = run("list", "--user", "7", "--json")
    [session] = json.loads(out)
    assert status == 0
    assert session["user"] == {"id": 7, "name": "Ada Admin", "asns": [64500]}
    assert session["logged_in_at"] == session["last_seen_at"] == session["checked_at"]
    assert (session["stale"], session["address"]) == (False, "192.0.2.7")
    assert session["expires_at"] > session["logged_in_at"]
    assert len(json.loads(run("list", "--json")[1])) == 2


def test_a_session_is_ended_by_its_name(run, store):
    begin(store, ADA)
    [session] = store.of(7)
    assert run("end", session.id) == (0, "Ended 1 session.\n", "")
    assert store.of(7) == []


def test_all_sessions_of_a_person_are_ended(run, store):
    for _ in range(2):
        begin(store, ADA)
    assert run("end", "--user", "7") == (0, "Ended 2 sessions.\n", "")
    assert run("end", "--user", "7", "--json") == (0, '{\n  "ended": 0\n}\n', "")


def test_an_unknown_session_is_said(run, store):
    begin(store, ADA)
    [session] = store.of(7)
    assert run("end", session.id, "unknown") == (
        1,
        "Ended 1 session.\n",
        "There is no session unknown.\n",
    )


@pytest.mark.parametrize("arguments", [(), ("name", "--user", "7")])
def test_either_sessions_or_a_person_is_ended(run, arguments):
    status, _, err = run("end", *arguments)
    assert (status, err) == (2, "peeringdb-oauth: name either sessions or, with --user, a person\n")


def test_purge_says_how_many_it_deleted(run, store):
    assert store.all() == []
    assert run("purge") == (0, "Deleted 0 sessions.\n", "")
    assert run("purge", "--json") == (0, '{\n  "deleted": 0\n}\n', "")


def test_the_key_may_be_in_a_file(run, store, tmp_path):
    begin(store, ADA)
    (tmp_path / "key").write_text(f"a-newer-key-of-16-characters\n{SECRET}\n")
    status, out, _ = run(f"--secret-key-file={tmp_path}/key", "list", "--json", key=None)
    assert (status, len(json.loads(out))) == (0, 1)


def test_a_wrong_key_lists_nothing(run, store):
    begin(store, ADA)
    assert run("list", key="another-key-of-16-characters")[1] == NONE


def test_a_mistyped_path_makes_no_file(run, tmp_path):
    file = tmp_path / "mistyped.db"
    problem = f"peeringdb-oauth: --sessions: there is no file {file}\n"
    assert run("list", sessions=f"sqlite:///{file}") == (2, "", problem)
    assert not file.exists()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sessions": None}, "--sessions: missing; give the URL that the site has"),
        ({"sessions": None, "key": None}, "--sessions: missing"),
        ({"sessions": None, "key": None}, "--secret-key-file: missing"),
        ({"key": None}, "--sessions: there is no file"),
        ({"key": None}, "--secret-key-file: missing; name a file with the site's secret key"),
        ({"key": "short", "sessions": "sqlite://"}, "has fewer than 16 characters"),
        ({"sessions": "mongodb://example.net"}, "sessions: must begin with one of"),
    ],
)
def test_missing_and_wrong_settings_are_said(run, changes, problem, monkeypatch):
    monkeypatch.delenv("PEERINGDB_OAUTH_SECRET_KEY", raising=False)
    status, _, err = run("list", **changes)
    assert status == 2
    assert problem in err


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [("missing", None, "No such file or directory"), ("binary", b"\xff\xfe", "not text in UTF-8")],
)
def test_a_key_file_that_cannot_be_read_is_said_without_its_name(
    run, store, tmp_path, *, name, content, problem
):
    begin(store, ADA)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    status, _, err = run("--secret-key-file", f"{tmp_path}/{name}", "list", key=None)
    assert (status, err) == (2, f"peeringdb-oauth: --secret-key-file: {problem}\n")


def test_a_store_that_does_not_answer_is_said(run):
    status, _, err = run("list", sessions="redis://user:hidden@127.0.0.1:1/0")
    assert status == 3
    assert "the store of the sessions does not answer" in err
    assert "hidden" not in err


def test_no_handle_looks_like_an_option(store):
    for _ in range(50):
        begin(store, ADA)
    assert all(session.id.isalnum() for session in store.all())
