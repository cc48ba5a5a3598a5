"""What anybody can read in cookies, and which tokens PeeringDB has issued."""

import re
import sqlite3
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import closing
from hashlib import sha256
from urllib.parse import unquote

from peeringdb_oauth.web import Sealer


def readable(values):
    """Return the values of cookies and all that they decode and inflate to."""
    found = []
    for value in map(unquote, values):
        found.append(value)
        for part in re.split('[.:"]', value):
            try:
                decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
                found.append(decoded.decode("latin-1"))
                found.append(zlib.decompress(decoded).decode("latin-1"))
            except (ValueError, zlib.error):
                continue
    return "\n".join(found)


def challenges(text):
    """Return the S256 challenges of all words that could be a code_verifier.

    A code_verifier of ours has 43 characters (RFC 7636 section 4.2).
    """
    words = {
        run[at:][:43]
        for run in re.findall("[A-Za-z0-9_.~-]{43,}", text)
        for at in range(len(run) - 42)
    }
    return {
        urlsafe_b64encode(sha256(word.encode()).digest()).rstrip(b"=").decode() for word in words
    }


def issued(database, *, alive=False):
    """Return the access and refresh tokens that a sandbox has issued.

    ``alive``: only those that are valid.
    """
    with closing(sqlite3.connect(database)) as connection:
        access = connection.execute("SELECT token FROM oauth2_provider_accesstoken").fetchall()
        refresh = connection.execute(
            "SELECT token, revoked FROM oauth2_provider_refreshtoken"
        ).fetchall()
    return [
        *(token for (token,) in access),
        *(token for token, revoked in refresh if not (alive and revoked)),
    ]


def tokens_in(login, config, *secrets):
    """Return the access token and the refresh token that are sealed in a session.

    ``login``: what a session without a store has of a login. ``config``: of the client.
    """
    purpose = f"tokens {config.base_url} {config.client_id}"
    return tuple(Sealer(*secrets).open(purpose, login["tokens"]))
