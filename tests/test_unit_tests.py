"""The fast part of the tests stays fast: no test in it starts a server."""

import subprocess
import sys

import pytest

MODULE = [sys.executable, "-m", "platform"]


def test_a_test_without_the_mark_server_starts_no_process():
    with pytest.raises(pytest.fail.Exception, match="needs the mark server"):
        subprocess.run(MODULE, check=True)


def test_a_test_without_the_mark_may_run_a_short_command_in_python():
    assert subprocess.check_output([sys.executable, "-c", "print(1)"]) == b"1\n"


@pytest.mark.server
def test_a_test_with_the_mark_may_start_a_process():
    assert subprocess.check_output(MODULE)
