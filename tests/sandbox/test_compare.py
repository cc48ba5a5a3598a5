"""The script that compares the sandbox with another server."""

import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from compared_servers import totp
from odd_requests import odd_sequences

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
        names = "^(jwks|token-error-expired-code|minute|token-get)$"
        done = compare(stand_in.url, "--match", names, "--odd", "0")
    assert done.stdout.splitlines() == [
        "left out: token-error-expired-code: the file of people has no orgadmin",
        "left out: minute: it needs the forms and switches of the sandbox",
        "2 answers compared, 0 differ, 2 cases left out.",
    ]
    assert done.returncode == 0


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
