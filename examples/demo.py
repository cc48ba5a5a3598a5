"""Starts the portal of an exchange and a local PeeringDB to log in with.

``--once`` logs in once, prints the user as JSON and ends.
"""

import argparse
import json
import logging
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress

try:
    import requests
    from portals import FRAMEWORKS, serving

    from peeringdb_oauth import ClientConfig, PeeringDBOAuthError
    from peeringdb_oauth.sandbox import Sandbox, SandboxError
except ModuleNotFoundError as missing:
    sys.exit(f"demo: {missing.name} is not installed: `make demo` sets everything up")

WHAT_TO_TRY = """
  The portal     {portal}   (in {framework}; the others: --framework)
  PeeringDB      {pdb}/sandbox/   (change people while they are logged in)
                 {pdb}/sandbox/faults/   (let PeeringDB fail)

Log in at the portal, with no password, for example as
  orgadmin       may do everything: request peering, act as a member, switch its port
  limited        has different rights on each network: AS64501 is refused, with the reason
  manynets       speaks for 300 networks, of which twelve are members
  superuser      has no network at PeeringDB: the exchange linked them to AS64500 by hand
  unverified, emailunconf, nonets, nomfa: do not get in, and are told why

Then give Lim Ited the right to update AS64501: {pdb}/sandbox/people/limited/
and press the button at the portal again; log in with a backup code, and go to the port;
take AS64501 from somebody who acts as it; cancel at PeeringDB; or switch on an outage.

Ctrl-C ends both.
"""


class LoginFailed(Exception):
    """The login did not end at the portal; the message says where it ended."""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return the exit status."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument(
        "--framework",
        choices=FRAMEWORKS,
        default="flask",
        help="which of the portals (default: flask)",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="log in once, without a browser, and print the user as JSON",
    )
    parser.add_argument("--user", help="whom --once logs in (default: orgadmin)")
    options = parser.parse_args(arguments)
    if options.user is not None and not options.once:
        parser.error("--user goes with --once")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, interrupt)
    if options.once:
        # Our message says what the portal's warnings say.
        logging.disable(logging.WARNING)
    try:
        with Sandbox(tls=False) as pdb, running_portal(pdb, options.framework) as portal:
            if options.once:
                print(json.dumps(log_in(pdb, portal, options.user or "orgadmin"), indent=2))  # noqa: T201
                return 0
            print(  # noqa: T201
                WHAT_TO_TRY.format(portal=portal, pdb=pdb.url, framework=options.framework),
                flush=True,
            )
            open_browser(portal)
            pdb.wait()
    except KeyboardInterrupt:
        return 130 if options.once else 0
    except ModuleNotFoundError as missing:
        print(  # noqa: T201
            f"demo: {missing.name} is not installed: `make demo` sets everything up",
            file=sys.stderr,
        )
        return 1
    except (PeeringDBOAuthError, SandboxError, LoginFailed, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print("demo: the local PeeringDB has ended", file=sys.stderr)  # noqa: T201
    return 1


def interrupt(number: int, _: object) -> None:
    """End as with Ctrl-C, once.

    A terminal that closes may send the signal twice. The second must not interrupt the
    clean-up.
    """
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def running_portal(pdb: Sandbox, framework: str = "flask") -> Iterator[str]:
    """Run a portal that is registered at this PeeringDB; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        application = pdb.register(
            f"{address}/login/peeringdb/callback", name="Example-IX peering portal"
        )
        config = ClientConfig(
            client_id=application.client_id,
            client_secret=application.client_secret,
            redirect_uri=application.redirect_uris[0],
            base_url=pdb.url,
            allow_http=True,
        )
        with serving(framework, config, listener):
            yield address


def log_in(pdb: Sandbox, portal: str, person: str) -> dict[str, object]:
    """Log in over the portal's pages and return the user that the portal sees.

    Raises:
        LoginFailed: the login did not end at the portal.
    """
    with requests.Session() as browser:
        browser.trust_env = False  # no proxy: everything is on this machine
        browser.headers["Accept"] = "text/html"  # a login starts only with a page
        started = step(browser, f"{portal}/login/peeringdb").headers["Location"]
        callback = pdb.log_in(person, started)
        browser.headers["Accept"] = "application/json"
        home = step(browser, callback).headers["Location"]
        step(browser, portal + home)
        return step(browser, f"{portal}/me").json()


def step(browser: requests.Session, url: str) -> requests.Response:
    """Get one page of the portal.

    Raises:
        LoginFailed: the portal refuses; the message has its reasons.
    """
    answer = browser.get(url, allow_redirects=False, timeout=30)
    if not answer.ok:
        failure = (
            answer.json()
            if "json" in answer.headers["Content-Type"]
            else {"title": answer.reason, "reasons": [], "advice": "it does not say why"}
        )
        reasons = "; ".join(reason["text"] for reason in failure["reasons"])
        raise LoginFailed(
            f"the portal answers {answer.status_code}, {failure['title']}:"
            f" {reasons or failure['advice']}"
        )
    return answer


def open_browser(address: str) -> None:
    """Open the portal in a browser, if there is a screen.

    The demo also works without a browser.
    """
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


if __name__ == "__main__":
    sys.exit(main())
