"""The TLS context of the clients.

A process makes one for each certificate bundle and keeps it: to load a bundle takes
longer than all the rest of a login.
"""

import os
import ssl
from functools import cache
from pathlib import Path

import certifi

from peeringdb_oauth.errors import ConfigurationError


@cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that trusts the certificate authorities in ``ca_file``.

    ``ca_file``: a PEM file, or None for the bundle that requests uses: the one named by
    ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE``, else that of certifi.

    Raises:
        ConfigurationError: the bundle cannot be read, or has no certificates.
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
    except OSError as error:  # including ssl.SSLError
        reason = (
            "has no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        )
        raise ConfigurationError(f"ca_file: {bundle}: {reason}") from error
