"""The TLS context of the clients.

A process makes one for each certificate bundle and keeps it: to load a bundle takes
longer than all the rest of a login.
"""

import os
import ssl
import time
from functools import cache
from pathlib import Path

import certifi
from urllib3.util.wait import wait_for_socket

from peeringdb_oauth.after_fork import no_fork
from peeringdb_oauth.errors import ConfigurationError

# They replace the usual authorities, as they do for requests.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# OpenSSL reads them by itself, and adds them to the system's authorities.
_FILE, _DIRECTORY = "SSL_CERT_FILE", "SSL_CERT_DIR"


class _Socket(ssl.SSLSocket):
    """A socket during whose handshake the process can be forked.

    OpenSSL then holds locks of the whole process. So the process is forked between the
    steps of the handshake, in which nobody waits for the network.
    """

    def do_handshake(self, block: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - as the base class
        """Do all steps within the timeout of the socket."""
        timeout = self.gettimeout()
        deadline = None if timeout is None else time.monotonic() + timeout
        self.settimeout(0)
        try:
            while (wanted := self._step()) is not None:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                is_write = isinstance(wanted, ssl.SSLWantWriteError)
                if not wait_for_socket(self, not is_write, is_write, left):
                    raise TimeoutError("the TLS handshake timed out")
        finally:
            self.settimeout(timeout)

    def _step(self) -> ssl.SSLError | None:
        """Go on as far as possible; what it waits for, None at the end."""
        try:
            with no_fork:
                super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as wanted:
            return wanted
        return None


@cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that trusts the certificate authorities in ``ca_file``.

    ``ca_file``: a PEM file, or a directory as OpenSSL wants it. None for the usual
    authorities: those of ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` only, or else the
    system's together with those of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``; without any
    of these variables the system's and certifi's.

    Raises:
        ConfigurationError: the bundle cannot be read, or has no certificates.
    """
    context = _load_context(ca_file)
    if context.sslsocket_class.__module__ == "ssl":  # gevent has another one
        context.sslsocket_class = _Socket
    return context


def _load_context(ca_file: str | None) -> ssl.SSLContext:
    if ca_file:
        return _load("ca_file", ca_file)
    for name in _BUNDLES:
        if path := os.environ.get(name):
            return _load(name, path)
    if path := os.environ.get(_FILE):
        context = _load(_FILE, path)
    elif os.environ.get(_DIRECTORY):
        return ssl.create_default_context()
    else:
        context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


def _load(name: str, bundle: str) -> ssl.SSLContext:
    """A context with the authorities of a bundle. ``name``: of the setting."""
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
        raise ConfigurationError(f"{name}: {bundle}: {reason}") from error
