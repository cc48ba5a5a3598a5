"""What comes before a login: the import, and the URL to send the browser to.

Each import has an interpreter of its own.
"""

import subprocess
import sys
from collections.abc import Iterator

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from measure import Row, Samples, at_most, interleave
from provider import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI

from peeringdb_oauth import Client, ClientConfig

OURS, AUTHLIB, ORIGINAL = "peeringdb_oauth", "Authlib, session kept", "the original"
IMPORTS = {
    "import peeringdb_oauth": "import peeringdb_oauth",
    "import its Client": "from peeringdb_oauth import Client",
    ORIGINAL: "import configparser, random, requests, string, urllib.parse",
}


def measure(rounds: int) -> Iterator[Row]:
    """The rows of this file."""
    client = Client(
        ClientConfig(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, redirect_uri=REDIRECT_URI)
    )
    session = OAuth2Session(
        CLIENT_ID,
        CLIENT_SECRET,
        scope="profile email networks amr",
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
    )
    endpoint = "https://auth.peeringdb.com/oauth2/authorize/"
    samples = interleave(
        {
            OURS: client.authorization_request,
            AUTHLIB: lambda: session.create_authorization_url(
                endpoint, code_verifier=generate_token(48)
            ),
        },
        rounds=rounds,
        calls=100,
    )
    yield at_most(0.2, "authorization_request()", samples, OURS, AUTHLIB)
    samples = _import_times(max(5, rounds // 4))
    yield at_most(0.4, "import", samples, "import peeringdb_oauth", ORIGINAL)
    yield at_most(None, "import, and what a login needs", samples, "import its Client", ORIGINAL)


def _import_times(rounds: int) -> Samples:
    """The CPU seconds of each import, without the start of the interpreter."""
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(rounds):
        for name, statement in IMPORTS.items():
            program = (
                f"import time\nstart = time.process_time()\n{statement}\nprint(time.process_time()"
                " - start)"
            )
            done = subprocess.run(  # noqa: S603
                [sys.executable, "-c", program], check=True, capture_output=True, text=True
            )
            seconds[name].append(float(done.stdout))
    return Samples(seconds=seconds)
