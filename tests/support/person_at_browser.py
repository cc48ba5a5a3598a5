"""Plays a person at a browser: goes through PeeringDB's pages and opens the callback.

The argument is the address that a command opens. $PERSON names the person. $PAGE is the
file for the status and the page that they see last.
"""

import os
import sys
import warnings
from pathlib import Path

import requests

from peeringdb_oauth.sandbox.browser import Browser
from peeringdb_oauth.tls import tls_context

warnings.simplefilter("ignore")  # a person looks past the warning about the certificate
ca_file = os.environ.get("PEERINGDB_OAUTH_CA_FILE")
context = tls_context(ca_file) if ca_file else None
with Browser(os.environ["PEERINGDB_OAUTH_BASE_URL"], context) as browser:
    callback = browser.log_in(
        os.environ["PERSON"],
        sys.argv[1],
        consent=os.environ.get("CONSENT", "yes") == "yes",
        second_factor="otp",
    )
page = requests.get(callback, verify=False, timeout=30)  # noqa: S501 - it was just made
Path(os.environ["PAGE"]).write_text(f"{page.status_code} {page.text}")
