"""The sandbox in the foreground: ``python -m peeringdb_oauth.sandbox`` and `serve`."""

import contextlib
import http.client
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit


@contextlib.contextmanager
def run(*arguments: str):
    command = [sys.executable, "-m", "peeringdb_oauth.sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_foreground_logs_requests_without_secrets():
    with run("--no-limits", "--redirect-uri", "http://localhost:1/cb") as process:
        told = dict(process.stdout.readline().decode().strip().split(": ", 1) for _ in range(4))
        connection = http.client.HTTPConnection(urlsplit(told["url"]).netloc, timeout=10)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for method, path, body, headers in (
            (
                "POST",
                "/oauth2/token/?code=in-the-query",
                "client_secret=in-the-body",
                form | {"Authorization": "Bearer in-a-header"},
            ),
            (
                "POST",
                "/oauth2/token/",
                "grant_type=password&username=in-the-body&client_id=sandbox-client",
                form,
            ),
            (
                "GET",
                "/profile/v1?access_token=in-the-query",
                None,
                {"Cookie": "oauth_session=in-a-header"},
            ),
        ):
            connection.request(method, path, body, headers)
            connection.getresponse().read()
        connection.close()
        process.terminate()
        _, log = process.communicate(timeout=10)
    assert (told["client_id"], set(told)) == (
        "sandbox-client",
        {"url", "client_id", "client_secret", "control_token"},
    )
    assert log.decode().splitlines()[0] == "POST /oauth2/token/ 400"
    assert not [
        word
        for word in (b"in-the-query", b"in-the-body", b"in-a-header", b"Traceback")
        if word in log
    ]
    assert process.returncode == 0


def test_the_foreground_ends_with_its_terminal_and_removes_its_file():
    with run("--tls") as process:
        told = dict(process.stdout.readline().decode().strip().split(": ", 1) for _ in range(5))
        process.send_signal(signal.SIGHUP)
        _, log = process.communicate(timeout=10)
    assert (process.returncode, log, Path(told["ca_file"]).exists()) == (0, b"", False)


def test_an_interruption_before_the_first_request_ends_it_quietly():
    code = (
        "import signal; from peeringdb_oauth.sandbox import Options, serve;"
        " serve(options=Options(), ready=lambda started: signal.raise_signal(signal.SIGINT))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_foreground_says_why_it_cannot_start():
    with run("--host", "0.0.0.0") as process:  # noqa: S104 - refused
        _, log = process.communicate(timeout=10)
    assert process.returncode == 2
    assert log.decode().startswith("sandbox: host must be a loopback address")
