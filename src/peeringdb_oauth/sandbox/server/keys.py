"""The sandbox's keys: Django's secret, the ID token signing key, the TLS authority.
They survive a restart with the database.
"""

import secrets
import ssl

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from oauth2_provider.settings import oauth2_settings

from peeringdb_oauth.sandbox.server.models import StoredKey

_SIGNING_KEY = "signing_key"


def load_keys() -> None:
    """Put the stored keys in place, new ones where there are none."""
    settings.SECRET_KEY = _stored("secret_key") or _store("secret_key", secrets.token_urlsafe(48))
    oauth2_settings.OIDC_RSA_PRIVATE_KEY = _stored(_SIGNING_KEY) or _store(
        _SIGNING_KEY,
        _new_signing_key(),
    )


def rotate_signing_key() -> None:
    """A new signing key. The old one disappears from the key set at once: PeeringDB has
    no way to list a retired one.
    """
    oauth2_settings.OIDC_RSA_PRIVATE_KEY = _store(_SIGNING_KEY, _new_signing_key())


def ssl_context(names: tuple[str, ...], ca_file: str) -> ssl.SSLContext:
    """A server's context for these names; the certificate of its authority is written
    to `ca_file`.
    """
    if certificate := _stored("ca_certificate"):
        ca = trustme.CA.from_pem(certificate.encode(), _stored("ca_key").encode())
    else:
        ca = trustme.CA(organization_name="PeeringDB sandbox")
        _store("ca_certificate", ca.cert_pem.bytes().decode())
        _store("ca_key", ca.private_key_pem.bytes().decode())
    ca.cert_pem.write_to_path(ca_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*names).configure_cert(context)
    return context


def _new_signing_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key.private_bytes(*pem).decode()


def _stored(name: str) -> str:
    stored = StoredKey.objects.filter(name=name).first()
    return str(stored.value) if stored else ""


def _store(name: str, value: str) -> str:
    StoredKey.objects.update_or_create(name=name, defaults={"value": value})
    return value
