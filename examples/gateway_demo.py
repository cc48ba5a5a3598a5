"""Starts a static page behind a proxy and the gateway, which only AS64500 sees.

``--once`` opens the page as two people, prints what they get as JSON and ends.
"""

import argparse
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

try:
    import requests
    from demo import interrupt, open_browser

    from peeringdb_oauth import PeeringDBOAuthError
    from peeringdb_oauth.gateway.settings import Settings
    from peeringdb_oauth.gateway.snippets import print_snippet
    from peeringdb_oauth.sandbox import Sandbox, SandboxError
except ModuleNotFoundError as missing:
    sys.exit(f"demo: {missing.name} is not installed: `make gateway-demo` sets everything up")

PATIENCE = 60  # seconds for a program to start
SETTINGS = """
listen = "127.0.0.1:{listen}"
urls = ["{url}"]
allow_http = true
secret_key_file = "secret-key"
sessions = "sqlite:///sessions.db"

[peeringdb]
client_id = "{client_id}"
client_secret_file = "client-secret"
base_url = "{pdb}"

[[rule]]
path = "/members/{{asn}}/"
perms = "update"

[[rule]]
path = "/"
asn = 64500
"""
NGINX = """
daemon off;
{user}
pid {directory}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {site};
}}
"""
CADDY = "{\n\tadmin off\n\tstorage file_system caddy\n}\n"
PAGE = '<!doctype html><html lang="en"><title>Members</title><h1>{text}</h1></html>\n'
WHAT_TO_TRY = """
  The page       {url}   (files behind {proxy}; only people of AS64500 see it)
  PeeringDB      {pdb}/sandbox/   (change people while they are logged in)
  The settings   {directory}/gateway.toml   (kill -HUP {gateway}: read it again)

Open the page, and log in with no password, for example as
  orgadmin       is of AS64500, and may also open {url}/members/64501/
  nonets         is of no network, and is told so
Log out at {url}/_peeringdb/logout, and log in as somebody else.

Ctrl-C ends everything.
"""


class DemoFailed(Exception):
    """A program is missing or did not start; the message says which."""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return the exit status."""
    parser = argparse.ArgumentParser(prog="gateway-demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="open the page as two people, without a browser"
    )
    parser.add_argument("--proxy", choices=PROXIES, help="by default the one that is installed")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, interrupt)
    logging.disable(logging.WARNING)
    try:
        with Sandbox(tls=False) as pdb, running(pdb, options.proxy) as (url, about):
            if options.once:
                results = {person: status(pdb, url, person) for person in ("orgadmin", "nonets")}
                print(json.dumps({"proxy": about["proxy"], **results}, indent=2))  # noqa: T201
                return 0
            print(WHAT_TO_TRY.format(url=url, pdb=pdb.url, **about), flush=True)  # noqa: T201
            open_browser(url)
            pdb.wait()
    except KeyboardInterrupt:
        return 130 if options.once else 0
    except (PeeringDBOAuthError, SandboxError, DemoFailed, OSError) as error:
        print(f"gateway-demo: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print("gateway-demo: the local PeeringDB has ended", file=sys.stderr)  # noqa: T201
    return 1


@contextmanager
def running(pdb: Sandbox, proxy: str | None) -> Iterator[tuple[str, dict[str, object]]]:
    """Run the gateway and a proxy; yields the address of the page, and what to say."""
    name = proxy or next(filter(program, PROXIES), None)
    if name is None or program(name) is None:
        raise DemoFailed(f"{name or 'nginx'} is missing: apt-get install {name or 'nginx'}")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="gateway-")))
        directory.chmod(0o755)  # nginx that root starts reads the files as somebody else
        listen, port = free_ports()
        url = f"http://127.0.0.1:{port}"
        write_files(directory, pdb, url, listen)
        command = str(Path(sys.executable).with_name("peeringdb-oauth"))
        gateway = stack.enter_context(
            process([command, "gateway", "--config", "gateway.toml"], directory, listen)
        )
        settings = Settings.load(directory / "gateway.toml")
        snippet = print_snippet(settings, name, [str(directory / "files")])
        stack.enter_context(process(PROXIES[name](directory, snippet), directory, port))
        yield url, {"proxy": name, "directory": directory, "gateway": gateway.pid}


def write_files(directory: Path, pdb: Sandbox, url: str, listen: int) -> None:
    """Write the settings of the gateway and the pages."""
    application = pdb.register(f"{url}/_peeringdb/callback", name="Example-IX members")
    values = {"listen": listen, "url": url, "pdb": pdb.url, "client_id": application.client_id}
    (directory / "gateway.toml").write_text(SETTINGS.format(**values))
    for name, secret in (
        ("secret-key", secrets.token_urlsafe(32)),
        ("client-secret", application.client_secret),
    ):
        (directory / name).touch(0o600)
        (directory / name).write_text(secret)
    for asn in (64500, 64501):
        page = directory / "files" / "members" / str(asn)
        page.mkdir(parents=True)
        (page / "index.html").write_text(PAGE.format(text=f"Only who may update AS{asn}"))
    (directory / "files" / "index.html").write_text(PAGE.format(text="Only people of AS64500"))


def nginx(directory: Path, snippet: str) -> list[str]:
    """The command that runs nginx."""
    (directory / "site.conf").write_text(snippet)
    user = "user nobody nogroup;" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(
        NGINX.format(directory=directory, site=directory / "site.conf", user=user)
    )
    return [str(program("nginx")), "-e", "stderr", "-c", str(directory / "nginx.conf")]


def caddy(directory: Path, snippet: str) -> list[str]:
    """The command that runs Caddy."""
    (directory / "Caddyfile").write_text(CADDY + snippet)
    return [str(program("caddy")), "run", "--adapter", "caddyfile", "--config", "Caddyfile"]


PROXIES: dict[str, Callable[[Path, str], list[str]]] = {"nginx": nginx, "caddy": caddy}


def program(name: str) -> str | None:
    """The file of a proxy; None if it is not installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def free_ports() -> list[int]:
    """Two ports of this machine on which nobody listens."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return [listener.getsockname()[1] for listener in (one, two)]


@contextmanager
def process(command: list[str], directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end of the block; it is ready when it listens.

    A session of its own keeps Ctrl-C from it: it ends after us, not with us.
    """
    kept = ["setpriv", "--pdeathsig=TERM"] if shutil.which("setpriv") else []
    log = directory / f"{Path(command[0]).name}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - our own command
            [*kept, *command], cwd=directory, stdout=output, stderr=output, start_new_session=True
        ) as running,
    ):
        try:
            wait_for(port, running, log)
            yield running
        finally:
            running.terminate()


def wait_for(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the program listens.

    Raises:
        DemoFailed: it has ended, or takes too long.
    """
    started = time.monotonic()
    while running.poll() is None and time.monotonic() - started < PATIENCE:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise DemoFailed(f"{log.stem} did not start:\n{log.read_text(errors='replace')}")


def status(pdb: Sandbox, url: str, person: str) -> dict[str, object]:
    """What a person gets who opens the page and logs in."""
    with requests.Session() as browser:
        browser.trust_env = False  # no proxy: everything is on this machine
        browser.headers["Accept"] = "text/html"
        login = browser.get(url, allow_redirects=False, timeout=30)
        started = browser.get(
            url + login.headers["Location"].removeprefix(url), allow_redirects=False, timeout=30
        )
        page = browser.get(pdb.log_in(person, started.headers["Location"]), timeout=30)
        heading = page.text.partition("<h1")[2].partition(">")[2].partition("</h1>")[0]
        return {"status": page.status_code, "page": " ".join(heading.split())}


if __name__ == "__main__":
    sys.exit(main())
