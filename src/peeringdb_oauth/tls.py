"""The TLS context: one for the process and certificate bundle, because loading the
bundle costs more than the rest of a login.
"""

import os
import ssl
from functools import cache
from pathlib import Path

import certifi

from peeringdb_oauth.errors import ConfigurationError


@cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """A context that trusts ``ca_file``, else the bundle that requests would trust.
    Raises: `ConfigurationError`.
    """
    bundle = (
        ca_file
        or os.environ.get("REQUESTS_CA_BUNDLE")
        or os.environ.get("CURL_CA_BUNDLE")
        or certifi.where()
    )
    try:
        return (
            ssl.create_default_context(capath=bundle)
            if Path(bundle).is_dir()
            else ssl.create_default_context(cafile=bundle)
        )
    except OSError as error:  # ssl.SSLError is one
        reason = (
            "has no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        )
        raise ConfigurationError(f"ca_file: {bundle}: {reason}") from error
