"""The plugin in pytest: what it imports, when the sandbox runs, what a test leaves."""

import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest

pytest_plugins = ["pytester"]
INSTALL = (
    'the sandbox needs more packages (django is missing): pip install "peeringdb-oauth[sandbox]"'
)


@pytest.fixture
def run(pytester):
    """``run(tests, *arguments)``: run pytest with these tests in a file.

    ``in_process=False``: in a process of its own.
    """

    def run(tests, *arguments, in_process=True):
        pytester.makepyfile(tests)
        return (pytester.runpytest_inprocess if in_process else pytester.runpytest_subprocess)(
            "-W", "error", *arguments
        )

    return run


def is_refused_within(seconds, url):
    """Whether nobody listens at this URL any more, within this time.

    It is about another process, so there is nothing to wait for except time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", urlsplit(url).port)) != 0:
                return True
        threading.Event().wait(0.02)
    return False


def test_importing_the_plugin_imports_nothing_else():
    code = """if True:
        import sys, pytest
        before = set(sys.modules)
        import peeringdb_oauth.pytest_plugin
        new = set(sys.modules) - before
        new = {name for name in new if name.partition(".")[0] not in sys.stdlib_module_names}
        print(*sorted(new))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = ["peeringdb_oauth", "peeringdb_oauth._version", "peeringdb_oauth.pytest_plugin"]
    assert done.stdout.split() == ours


def test_without_the_extra_only_tests_with_the_fixture_fail(run, pytester, monkeypatch):
    stub = pytester.mkdir("without") / "django"
    stub.mkdir()
    (stub / "__init__.py").write_text("raise ModuleNotFoundError(name='django')", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(stub.parent))
    result = run("""
        def test_without_it():
            pass

        def test_with_it(peeringdb):
            pass

        def test_with_it_again(peeringdb):
            pass
        """)
    result.assert_outcomes(passed=1, errors=2)
    told = [line for line in result.outlines if INSTALL in line and not line.startswith("ERROR")]
    assert told == [INSTALL] * 2
    assert "traceback" not in str(result.stdout).lower()


def test_a_test_does_not_affect_the_next(run):
    result = run("""
        import time
        import pytest
        from peeringdb_oauth import Client
        from peeringdb_oauth.sandbox import SandboxError

        @pytest.fixture
        def log_in(peeringdb):
            config = peeringdb.client_config(scope="openid profile email networks amr")
            with Client(config) as client:
                def log_in(person):
                    request = client.authorization_request()
                    return client.log_in(request, peeringdb.sandbox.log_in(person, request.url))

                yield log_in

        left = {}

        def test_first(peeringdb, log_in):
            left["member"] = log_in("member").user
            left["ada"] = peeringdb.person("Ada Admin", networks={64511: 15})
            left["token"] = log_in(left["ada"].login).token.access_token
            rights = {"networks": {64511: 15}, "verified_user": False, "verified_email": False}
            peeringdb.change("member", **rights, active=False)
            peeringdb.advance(86_400)
            for path in ("/", "/profile/v1"):
                peeringdb.outage(path=path)
            peeringdb.error_500(times=100)

        def test_second(peeringdb, log_in):
            login = log_in("member")
            assert login.user == left["member"]
            assert abs(login.claims.issued_at - time.time()) < 60
            with pytest.raises(SandboxError, match="nobody here is called 'ada-admin'"):
                log_in(left["ada"].login)
            assert peeringdb.revoke_tokens() == 2, "those of this test"
            assert peeringdb.person("Ada Admin").id > left["ada"].id
        """)
    result.assert_outcomes(passed=2)


def test_a_session_has_one_sandbox_for_fixtures_of_every_scope(run, pytester):
    result = run("""
        import pathlib
        import pytest
        from peeringdb_oauth import Client

        @pytest.fixture(scope="session")
        def client(peeringdb_sandbox):
            with Client(peeringdb_sandbox.client_config()) as client:
                yield client

        @pytest.mark.parametrize("n", [1, 2])
        def test_login(peeringdb, client, n):
            ada = peeringdb.person("Ada Admin")
            request = client.authorization_request()
            callback = peeringdb.sandbox.log_in(ada.login, request.url)
            assert client.log_in(request, callback).user.id == ada.id
            with pathlib.Path("urls").open("a") as file:
                print(peeringdb.url, file=file)
        """)
    result.assert_outcomes(passed=2)
    one, two = (pytester.path / "urls").read_text("utf-8").split()
    assert one == two
    assert is_refused_within(0.01, one)


@pytest.mark.parametrize("end", ["assert False", "raise KeyboardInterrupt", "os._exit(3)"])
def test_the_sandbox_ends_with_the_tests_however_they_end(run, pytester, end):
    run(
        f"""
        import os
        import pathlib

        def test_it(peeringdb):
            pathlib.Path("url").write_text(peeringdb.url)
            {end}
        """,
        in_process=False,
    )
    assert is_refused_within(5, (pytester.path / "url").read_text("utf-8"))


def test_each_worker_of_xdist_has_a_sandbox_of_its_own(run, pytester):
    result = run(
        """
        import os
        import pathlib
        import pytest
        from peeringdb_oauth import Client

        @pytest.mark.parametrize("perms", range(1, 9))
        def test_login(peeringdb, perms):
            ada = peeringdb.person("Ada Admin", networks={64500: perms})
            peeringdb.change("member", networks={64500: perms})
            with Client(peeringdb.client_config()) as client:
                for login in (ada.login, "member"):
                    request = client.authorization_request()
                    user = client.log_in(request, peeringdb.sandbox.log_in(login, request.url)).user
                    assert [network.perms for network in user.networks] == [perms]
            pathlib.Path(f"{os.environ['PYTEST_XDIST_WORKER']}-{perms}").write_text(peeringdb.url)
        """,
        "-n2",
        in_process=False,
    )
    result.assert_outcomes(passed=8)
    urls = {
        worker: {path.read_text("utf-8") for path in pytester.path.glob(f"{worker}-*")}
        for worker in ("gw0", "gw1")
    }
    assert [len(of_worker) for of_worker in urls.values()] == [1, 1]
    assert urls["gw0"] != urls["gw1"]
    assert all(is_refused_within(5, url) for of_worker in urls.values() for url in of_worker)


def test_an_error_is_shown_at_the_line_of_the_test(run):
    result = run("""
        from flask import Flask

        def test_it(peeringdb):
            peeringdb.log_in(Flask("empty").test_client(), "member")
        """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*peeringdb.log_in(*",
            "E*SandboxError: GET /login/peeringdb does not lead to the sandbox at *",
            "E*",
            "",
            "test_*",
        ]
    )
    for file in ("application_login.py", "pytest_plugin.py"):
        result.stdout.no_fnmatch_line(f"*{file}*")


def test_a_test_with_a_login_takes_less_than_a_second(peeringdb, make_portal, in_framework):
    taken = []
    for _ in range(3):  # the machine may be busy
        began = time.monotonic()
        peeringdb.log_in(in_framework(make_portal()), peeringdb.person("Ada Admin"))
        peeringdb.sandbox.reset()
        taken.append(time.monotonic() - began)
    assert min(taken) < 1
