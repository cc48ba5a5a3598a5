"""The examples in docs/api-tokens.md work together."""

import os
import re
from pathlib import Path

import pytest
from canned_server import running_server

from peeringdb_oauth import TokenRejected
from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server

PAGE = (Path(__file__).parent.parent / "docs" / "api-tokens.md").read_text()
CALLER, API = re.findall(
    r"<!-- run by tests/test_api_tokens_page.py -->\n```python\n(.*?)```", PAGE, re.DOTALL
)
REDIRECT_URI = "https://localhost:8000/callback"


def test_a_caller_without_a_secret_opens_the_api(monkeypatch, authority):
    """The caller's program, the API's verifier, and PeeringDB between them."""
    with Sandbox() as pdb, running_server(authority, tls=False) as api:
        application = pdb.register(REDIRECT_URI, confidential=False)
        for name in os.environ:
            if name.startswith("PEERINGDB_OAUTH_"):
                monkeypatch.delenv(name)
        settings = {"CLIENT_ID": application.client_id, "REDIRECT_URI": REDIRECT_URI}
        settings |= {"SCOPE": "openid profile email networks"}
        settings |= {"BASE_URL": pdb.url, "CA_FILE": pdb.ca_file}
        for name, value in settings.items():
            monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)
        api.answer("/api/networks/64500", b"the network")
        printed = []
        caller = {
            "print": lambda *words: printed.append(" ".join(map(str, words))),
            "input": lambda _: pdb.log_in("member", printed[-1]),
        }
        exec(CALLER.replace("https://portal.example.net", api.url), caller)  # noqa: S102 - ours
        assert printed[-1] == "200 the network"
        sent = api.received[-1].headers["authorization"].removeprefix("Bearer ")

        code = API.replace("the-id-that-you-published", application.client_id)
        code = code.replace(
            "    scope=", f'    base_url="{pdb.url}",\n    ca_file="{pdb.ca_file}",\n    scope='
        )
        names = {}
        exec(code, names)  # noqa: S102 - ours
        assert names["verifier"].verify(sent, asn=64500).id == 2
        with pytest.raises(TokenRejected, match="only ID tokens are accepted here"):
            names["verifier"].verify(caller["login"].token.access_token)
        assert caller["client"].refresh(caller["login"].token).id_token
        caller["client"].close()
