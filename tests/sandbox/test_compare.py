"""The script that compares the sandbox with another server."""

import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from compared_servers import NotPossible, PeeringDB, totp
from odd_requests import odd_sequences
from sandbox_web import Web
from stated_differences import reason_for
from wire_replay import register_applications, without_tokens

from peeringdb_oauth.sandbox import Sandbox

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare"


def compare(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def with_sandbox(pdb: Sandbox, *arguments: str) -> subprocess.CompletedProcess[str]:
    trust = ("--ca-file", pdb.ca_file) if pdb.ca_file else ()
    return compare(pdb.url, "--control-token", pdb.control_token, *trust, *arguments)


@pytest.fixture
def other():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.server
def test_two_sandboxes_do_not_differ(other):
    names = "^(token-error|refresh-|negcache|account_switch|maintenance|minute_and_memory)"
    done = with_sandbox(other, "--match", names, "--odd", "60", "--seed", "7")
    assert re.fullmatch(r"\d{3} answers compared, 0 differ, 0 cases left out\.\n", done.stdout)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.server
def test_a_difference_is_printed_with_its_request():
    with Sandbox(tls=False, limits=False) as other:
        done = with_sandbox(other, "--match", "^negcache-2", "--odd", "0")
    assert done.stdout.splitlines()[:2] == [
        "negcache-2-right-secret-after-wrong: POST /oauth2/token/",
        "    status: HTTP 400 there, 401 here",
    ]
    assert (done.stdout.splitlines()[-1], done.returncode) == (
        "1 answers compared, 1 differ, 0 cases left out.",
        1,
    )


@pytest.mark.server
def test_at_a_peeringdb_the_steps_that_it_does_not_have_are_left_out():
    with Sandbox(tls=False) as stand_in:
        names = "^(jwks|token-error-expired-code|minute|races|token-get)$"
        done = compare(stand_in.url, "--match", names, "--odd", "0")
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "left out: token-error-expired-code: the file of people has no orgadmin who can log in"
    )
    assert re.fullmatch(r"left out: minute: it needs \d+ seconds of waiting", lines[1])
    assert lines[2:] == [
        "left out: races: the file of people has no limited who can log in",
        "2 answers compared, 0 differ, 3 cases left out.",
    ]
    assert done.returncode == 0


@pytest.mark.server
def test_a_second_run_does_not_meet_what_the_server_remembers_of_the_first():
    with Sandbox(tls=False) as stand_in:
        register_applications(stand_in, Web(stand_in))
        runs = [
            compare(stand_in.url, "--match", "^memory_of_refusals$", "--odd", "0") for _ in range(2)
        ]
    assert [run.stdout for run in runs] == [
        "9 answers compared, 0 differ, 0 cases left out.\n",
        "9 answers compared, 0 differ, 0 cases left out.\n",
    ]


@pytest.mark.parametrize(
    ("name", "request_", "line", "words"),
    [
        ("api-with-oauth-bearer", "GET /api/net/1", "status: 200 there, 404 here", "no /api/"),
        (
            "same_account",
            "login-same-account-3-login-password: POST /account/login/",
            "status: 200 there, 302 here",
            "no passwords",
        ),
        ("odd 1/2", "GET /", "content-language: 'de-de' there, 'en' here", "translations"),
        ("odd 1/2", "GET /", "content-language: None there, 'en' here", ""),
        ("jwks", "GET /oauth2/.well-known/jwks.json", "status: 200 there, 404 here", ""),
    ],
)
def test_only_stated_differences_have_a_reason(name, request_, line, words):
    reason = reason_for(name, request_, line)
    assert words in reason if words else reason is None


@pytest.mark.parametrize("value", ["a1B2c3" * 5, "eyJ0.eyJ1_-.c2ln", "eyJ0.eyJ1_-.other"])
def test_tokens_in_a_redirect_are_not_compared(value):
    assert without_tokens(f"/a?b={value}&state=s") == "/a?b=...&state=s"


@pytest.mark.parametrize(("can_wait", "seconds"), [(False, 1), (True, 63)])
def test_a_peeringdb_is_not_waited_for_against_the_will_or_for_hours(can_wait, seconds):
    with pytest.raises(NotPossible, match=f"{seconds} seconds of waiting"):
        PeeringDB("http://127.0.0.1:1", None, {}, can_wait=can_wait).advance(seconds)


@pytest.mark.server
def test_ends_when_the_time_is_over(other):
    done = with_sandbox(other, "--odd", "20000", "--seconds", "0.01")
    assert "The time was over before the end." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("https://auth.peeringdb.com",), "must be http or https on this machine"),
        (("http://127.0.0.1.example.net/",), "must be http or https on this machine"),
        (("ftp://127.0.0.1/",), "must be http or https on this machine"),
        (("http://127.0.0.1/", "--odd", "20001"), "at most 20000 odd requests"),
        (("http://127.0.0.1/", "--seconds", "0"), "and 3600 seconds"),
    ],
)
def test_takes_addresses_of_this_machine_and_bounded_numbers_only(arguments, words):
    done = compare(*arguments)
    assert (done.returncode, words in done.stderr) == (2, True)


def test_the_odd_requests_are_the_same_for_the_same_seed_and_others_for_another():
    one, same, other = (list(islice(odd_sequences(seed), 200)) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert {len(sequence) for sequence in one} == {1, 2, 3, 4}
    methods = {request.method for sequence in one for request in sequence}
    assert {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"} == methods


@pytest.mark.parametrize(
    ("now", "digits"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_totp_has_the_values_of_rfc_6238(now, digits):
    assert totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", now) == digits
