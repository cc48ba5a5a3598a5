"""Send a command to the JSON control endpoint of a running sandbox."""

import json
import ssl
import urllib.request
from typing import Any
from urllib.error import HTTPError

from peeringdb_oauth.sandbox.errors import SandboxError
from peeringdb_oauth.sandbox.options import Started

_TIMEOUT = 30  # seconds


def send_command(started: Started, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Send one command and return the JSON object of the answer.

    Raises:
        SandboxError: the sandbox refuses the command.
    """
    url = f"{started.url}/sandbox/api/{command}"
    headers = {"Content-Type": "application/json", "X-Sandbox-Token": started.control_token}
    request = urllib.request.Request(url, json.dumps(arguments).encode(), headers)  # noqa: S310 - the sandbox's own URL
    # The environment may name a proxy, but the sandbox is on this machine.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl_context(started))
    )
    try:
        with opener.open(request, timeout=_TIMEOUT) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except HTTPError as error:
        with error:
            raise SandboxError(json.load(error)["error"]) from None


def ssl_context(started: Started) -> ssl.SSLContext | None:
    """A context that trusts the sandbox's certificate authority; None without TLS."""
    return ssl.create_default_context(cafile=started.ca_file) if started.ca_file else None
