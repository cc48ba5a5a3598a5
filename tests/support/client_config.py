"""The configuration of the application in the recordings."""

from peeringdb_oauth.config import ClientConfig

CLIENT_ID = "conf-rs256"
CLIENT_SECRET = "secret-rs256-0123456789abcdef0123456789"
REDIRECT_URI = "https://app.test/callback"


def config_of(server, **changes):
    """Return the configuration for a `CannedServer`, with some fields changed."""
    fields = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": REDIRECT_URI,
        "base_url": server.url,
        "allow_http": True,
        "ca_file": server.ca_file,
        "timeout": 5,
    }
    return ClientConfig(**(fields | changes))
