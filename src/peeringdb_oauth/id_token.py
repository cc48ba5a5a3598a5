"""ID tokens: from the text that PeeringDB signed to claims that may be trusted. Knows
one algorithm, RS256, and reads no key from a token.

Sources: OpenID Connect Core 1.0 sections 2 and 3.1.3.7 ("Core"), RFC 7515 (JWS), RFC
7519 (JWT), RFC 8725 (their best practices).
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from peeringdb_oauth.errors import InvalidIDToken
from peeringdb_oauth.key_set import KeySet, decode_base64url
from peeringdb_oauth.messages import parse_json

MAX_SIZE = 256 * 1024  # characters; somebody with 200 networks has 22,000
MAX_HEADER = 4096  # characters; PeeringDB's has 115
# the last second of the year 9999: no later use of a time can overflow
MAX_DATE = 253402300799


class UnknownKey(InvalidIDToken):
    """The key set has no key for this ID token: fetch the set once more, then verify
    again.
    """


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class IDTokenClaims(Mapping[str, Any]):
    """The claims of an ID token as `verify_id_token`, which alone makes them, found
    them right. A read-only mapping.

    The mapping has the specification's names, the attributes have words for the most
    used ones. Times are Unix seconds.
    """

    _claims: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self._claims[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    def __repr__(self) -> str:
        return (
            f"IDTokenClaims(issuer={self.issuer!r}, subject={self.subject!r},"
            f" expires_at={self.expires_at})"
        )

    @property
    def issuer(self) -> str:
        """Who signed it."""
        return str(self._claims["iss"])

    @property
    def subject(self) -> str:
        """Who it is: at PeeringDB the decimal form of the user's ``id``."""
        return str(self._claims["sub"])

    @property
    def audience(self) -> tuple[str, ...]:
        """The client ids of the applications it is meant for."""
        return tuple(_audiences(self._claims))

    @property
    def expires_at(self) -> int:
        """From when on it is not valid."""
        return int(self._claims["exp"])

    @property
    def issued_at(self) -> int:
        """When it was signed."""
        return int(self._claims["iat"])

    @property
    def auth_time(self) -> int | None:
        """When the person last logged in: at PeeringDB the account's last login from
        any browser.
        """
        return int(self._claims["auth_time"]) if "auth_time" in self._claims else None

    @property
    def nonce(self) -> str | None:
        """What ties it to one login; None where the login sent none, as after a
        refresh.
        """
        return self._claims.get("nonce")


def verify_id_token(
    id_token: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    now: float,
    nonce: str | None = None,
    max_age: int | None = None,
    access_token: str | None = None,
    leeway: int = 60,
) -> IDTokenClaims:
    """The claims of an ID token that ``issuer`` signed for ``client_id``, valid at
    ``now``, give or take ``leeway`` seconds.

    ``nonce``: the login's, which the token must then carry; without it a token's nonce
    is not looked at. ``max_age``: the most seconds since the person logged in.
    ``access_token``: the one that came with it.

    Raises: `UnknownKey` if the key set may be outdated, `InvalidIDToken` for everything
    else; ``check`` says what failed.
    """
    claims = _parse_claims(verify_jws(id_token, keys))
    _check_issuer(claims, issuer)
    _check_audience(claims, client_id)
    _check_subject(claims)
    _check_times(claims, now, leeway)
    _check_auth_time(claims, now, leeway, max_age)
    _check_nonce(claims, nonce)
    _check_at_hash(claims, access_token)
    return IDTokenClaims(claims)


def read_subject(id_token: str) -> str:
    """Whom an ID token that was verified earlier is about; this verifies nothing.
    Raises: `InvalidIDToken`.
    """
    try:
        payload = decode_base64url(id_token.encode("ascii").split(b".")[1])
    except (ValueError, IndexError):
        raise InvalidIDToken("The earlier ID token is not one", check="structure") from None
    claims = _parse_claims(payload)
    _check_subject(claims)
    return str(claims["sub"])


def verify_jws(token: str, keys: KeySet) -> bytes:
    """The payload of a compact JWS with an RS256 signature by one of ``keys`` (RFC 7515
    section 5.2). Raises: as `verify_id_token`.
    """
    if len(token) > MAX_SIZE:
        raise InvalidIDToken(f"The ID token is longer than {MAX_SIZE} characters", check="size")
    try:
        message, _, encoded_signature = token.encode("ascii").rpartition(b".")
        encoded_header, encoded_payload = message.split(
            b".",
            1,
        )  # a fourth part would put a dot into the payload: not base64url
        payload, signature = decode_base64url(encoded_payload), decode_base64url(encoded_signature)
    except ValueError:
        raise InvalidIDToken(
            "The ID token does not consist of three parts in base64url without padding",
            check="structure",
        ) from None
    key = keys.select(_read_header(encoded_header))
    if key is None:
        raise UnknownKey(
            "The ID token is signed with a key that is not in PeeringDB's key set",
            check="kid",
        )
    if not key.verify(signature, message):  # Core 3.1.3.7 item 6
        raise InvalidIDToken("The signature of the ID token is wrong", check="signature")
    return payload


@lru_cache(maxsize=16)  # all tokens of one key have the same header; a header is public
def _read_header(encoded: bytes) -> str | None:
    """The ``kid`` of a header that asks for nothing but RS256."""
    if len(encoded) > MAX_HEADER:
        raise InvalidIDToken(
            f"The header of the ID token is longer than {MAX_HEADER} characters",
            check="header",
        )
    try:
        decoded = decode_base64url(encoded)
    except ValueError:
        raise InvalidIDToken(
            "The header of the ID token is not base64url",
            check="structure",
        ) from None
    header = _parse_object(decoded, _parse_header, check="header")
    _check_algorithm(header.get("alg"))
    # RFC 7515 4.1.11: we understand no extension. Core 2: keys come from the key set,
    # never from the token.
    for name in ("crit", "jwk", "jku", "x5u", "x5c"):
        if name in header:
            raise InvalidIDToken(
                f"The header of the ID token has {name!r}, which is not accepted",
                check=name,
            )
    # RFC 8725 3.11: other kinds of JWT have other types. RFC 7515 4.1.9: media types
    # ignore case, "application/" may be left out.
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in {"jwt", "application/jwt"}:
        raise InvalidIDToken("The ID token is another kind of token", check="typ")
    kid = header.get("kid")
    if not isinstance(kid, str) and "kid" in header:  # RFC 7515 4.1.4
        raise InvalidIDToken(
            "The name of the key in the header of the ID token is not a string",
            check="kid",
        )
    return kid


def _check_algorithm(alg: object) -> None:
    """Core 3.1.3.7 items 7 and 8, RFC 8725 3.1: the algorithm is ours to choose."""
    if alg == "RS256":
        return
    # HS256 is known by its name: PeeringDB signs it with a hash of the client secret,
    # which no client has.
    found = (
        "HS256, which nobody but PeeringDB can verify"
        if alg == "HS256"
        else "something else than RS256"
    )
    remedy = "choose RS256 as the algorithm on the application's page at PeeringDB"
    raise InvalidIDToken(f"The ID token is signed with {found}: {remedy}", check="alg")


def _parse_claims(payload: bytes) -> dict[str, Any]:
    """The claims of a payload. Of claims with the same name the last one counts, as RFC
    7519 section 4 allows.
    """
    return _parse_object(payload, parse_json, check="payload")


def _parse_header(text: bytes) -> Any:
    """As `parse_json`, but refuses an object that names a member twice (RFC 7515
    section 4).
    """
    return _strict_decoder.decode(text.decode("utf-8"))


def _parse_object(text: bytes, parse: Callable[[bytes], Any], *, check: str) -> dict[str, Any]:
    try:
        value = parse(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidIDToken(f"The {check} of the ID token is not a JSON object", check=check)
    return value


def _without_duplicates(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        raise InvalidIDToken("The header of the ID token names a member twice", check="header")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_strict_decoder = json.JSONDecoder(
    parse_constant=_no_constant,
    object_pairs_hook=_without_duplicates,
)


def _check_issuer(claims: dict[str, Any], issuer: str) -> None:
    if claims.get("iss") != issuer:  # Core 3.1.3.7 item 2
        raise InvalidIDToken(
            f"The ID token was not issued by {issuer} but by {claims.get('iss')!r:.200}",
            check="iss",
        )


def _audiences(claims: dict[str, Any]) -> list[str]:
    """The ``aud`` claim, one string or a list of them (RFC 7519 section 4.1.3), as a
    list; empty if it is neither.
    """
    audience = claims.get("aud")
    if isinstance(audience, str):
        return [audience]
    return (
        audience
        if isinstance(audience, list) and all(isinstance(item, str) for item in audience)
        else []
    )


def _check_audience(claims: dict[str, Any], client_id: str) -> None:
    audiences = _audiences(claims)
    if client_id not in audiences:  # Core 3.1.3.7 item 3
        raise InvalidIDToken("The ID token is meant for another application", check="aud")
    if (
        len(audiences) > 1 and "azp" not in claims
    ):  # items 3 and 4: with others in it, it must say that it was made for us
        raise InvalidIDToken(
            "The ID token is meant for several applications and does not say which of them asked"
            " for it",
            check="azp",
        )
    if claims.get("azp", client_id) != client_id:  # item 5
        raise InvalidIDToken("The ID token was given to another application", check="azp")


def _check_subject(claims: dict[str, Any]) -> None:
    subject = claims.get("sub")
    if not (isinstance(subject, str) and subject.isascii() and 0 < len(subject) <= 255):  # Core 2
        raise InvalidIDToken("The ID token does not say who it is about", check="sub")


def _check_times(claims: dict[str, Any], now: float, leeway: int) -> None:
    # Core 3.1.3.7 item 9, RFC 7519 4.1.4
    if now >= _required_date(claims, "exp") + leeway:
        raise InvalidIDToken("The ID token has expired, or the clock here is fast", check="exp")
    # Core 2 and item 10. How old it may be is left to "exp": PeeringDB's ten hours are
    # PeeringDB's to change.
    if _required_date(claims, "iat") > now + leeway:
        raise InvalidIDToken(
            "The ID token is from the future, or the clock here is slow",
            check="iat",
        )
    not_before = _numeric_date(claims, "nbf")
    if not_before is not None and not_before > now + leeway:  # RFC 7519 4.1.5
        raise InvalidIDToken(
            "The ID token is not valid yet, or the clock here is slow",
            check="nbf",
        )


def _check_auth_time(claims: dict[str, Any], now: float, leeway: int, max_age: int | None) -> None:
    auth_time = _numeric_date(claims, "auth_time")
    if max_age is None:
        return
    if (
        auth_time is None or not -leeway <= now - auth_time <= max_age + leeway
    ):  # Core 3.1.3.7 item 13
        raise InvalidIDToken(
            f"The person did not log in within the last {max_age} seconds",
            check="auth_time",
        )


def _numeric_date(claims: dict[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2), None if absent. ``type()``, because
    `isinstance` takes true for 1; 1e999 is infinite.
    """
    if name not in claims:
        return None
    value = claims[name]
    if type(value) not in (int, float) or not 0 <= value <= MAX_DATE:
        raise InvalidIDToken(f"The {name!r} of the ID token is not a time", check=name)
    return value  # type: ignore[no-any-return]


def _required_date(claims: dict[str, Any], name: str) -> float:
    value = _numeric_date(claims, name)
    if value is None:
        raise InvalidIDToken(f"The ID token has no {name!r}", check=name)
    return value


def _check_nonce(claims: dict[str, Any], nonce: str | None) -> None:
    """Core 3.1.3.7 item 11. Without a nonce of ours there is nothing to compare: the
    token may come from another part's login.
    """
    claim = claims.get("nonce")
    if "nonce" in claims and not isinstance(claim, str):
        raise InvalidIDToken("The nonce of the ID token is not a string", check="nonce")
    if nonce is not None and not (nonce and isinstance(claim, str) and _same(claim, nonce)):
        raise InvalidIDToken("The ID token belongs to another login", check="nonce")


def _check_at_hash(claims: dict[str, Any], access_token: str | None) -> None:
    """Core 3.1.3.8. Optional there, as both tokens come in one answer; PeeringDB always
    sends it, and what is sent must be right.
    """
    if access_token is None or "at_hash" not in claims:
        return
    digest = hashlib.sha256(access_token.encode("utf-8", "surrogatepass")).digest()
    expected = urlsafe_b64encode(digest[:16]).rstrip(b"=").decode("ascii")
    if not (isinstance(claims["at_hash"], str) and _same(claims["at_hash"], expected)):
        raise InvalidIDToken("The ID token belongs to another access token", check="at_hash")


def _same(left: str, right: str) -> bool:
    """Equality in constant time, also for strings that JSON can write and UTF-8 cannot."""
    return hmac.compare_digest(
        left.encode("utf-8", "surrogatepass"),
        right.encode("utf-8", "surrogatepass"),
    )
