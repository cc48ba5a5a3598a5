"""The keys of a sandbox: Django's secret, the signing key, the certificate authority.

They are in the database, so they survive a restart if the database is a file.
"""

import secrets
import ssl
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from oauth2_provider.settings import oauth2_settings

from peeringdb_oauth.sandbox.server.models import StoredKey

_SIGNING_KEY = "signing_key"


def load_keys() -> None:
    """Load Django's secret and the signing key; create those that are missing."""
    secret_key = _stored("secret_key") or _store("secret_key", secrets.token_urlsafe(48))
    signing_key = _stored(_SIGNING_KEY) or _store(_SIGNING_KEY, _new_signing_key())
    settings.SECRET_KEY = secret_key
    oauth2_settings.OIDC_RSA_PRIVATE_KEY = signing_key


def rotate_signing_key() -> None:
    """Sign ID tokens with a new key.

    The old key leaves the key set at once, because PeeringDB does not list old keys.
    """
    oauth2_settings.OIDC_RSA_PRIVATE_KEY = _store(_SIGNING_KEY, _new_signing_key())


def ssl_context(names: tuple[str, ...], ca_file: str) -> ssl.SSLContext:
    """A context for a server with these host names.

    ``ca_file``: where to write the certificate of the authority, as PEM.
    """
    if certificate := _stored("ca_certificate"):
        ca = trustme.CA.from_pem(certificate.encode(), _stored("ca_key").encode())
    else:
        ca = trustme.CA(organization_name="PeeringDB sandbox")
        _store("ca_certificate", ca.cert_pem.bytes().decode())
        _store("ca_key", ca.private_key_pem.bytes().decode())
    ca.cert_pem.write_to_path(ca_file)
    Path(ca_file).chmod(0o644)  # it is public: an application may run as another user
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*names).configure_cert(context)
    return context


def _new_signing_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def _stored(name: str) -> str:
    """The stored text; empty if there is none."""
    stored = StoredKey.objects.filter(name=name).first()
    return str(stored.value) if stored else ""


def _store(name: str, value: str) -> str:
    """Store the text and return it."""
    StoredKey.objects.update_or_create(name=name, defaults={"value": value})
    return value
