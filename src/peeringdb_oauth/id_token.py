"""The verification of ID tokens.

This file knows one algorithm, RS256. It takes no key from a token.

Sources: OpenID Connect Core 1.0 sections 2 and 3.1.3.7 ("Core" in the comments),
RFC 7515 (JWS), RFC 7519 (JWT), and RFC 8725 (best practices for JWT).
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

MAX_SIZE = 256 * 1024  # characters; a token with 200 networks has 22,000
MAX_HEADER = 4096  # characters; PeeringDB's header has 115
# The last second of the year 9999, so that no later use of a time overflows.
MAX_DATE = 253402300799


class UnknownKey(InvalidIDToken):
    """The key set lacks the key of this ID token: fetch the key set, then try again.

    ``kid``: the name of the key.
    """

    def __init__(self, kid: str | None) -> None:
        self.kid = kid
        super().__init__(
            "the ID token is signed with a key that is not in PeeringDB's key set", check="kid"
        )


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class IDTokenClaims(Mapping[str, Any]):
    """The verified claims of an ID token, as a read-only mapping.

    The keys are the names in the specification, such as ``claims["email"]``. The most
    used claims are attributes too. Only `verify_id_token` makes these. All times are
    Unix seconds.
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
        """The provider that issued the ID token."""
        return str(self._claims["iss"])

    @property
    def subject(self) -> str:
        """The user: at PeeringDB the decimal form of the user's ``id``."""
        return str(self._claims["sub"])

    @property
    def audience(self) -> tuple[str, ...]:
        """The client ids of the applications that the ID token is for."""
        return tuple(_audiences(self._claims))

    @property
    def expires_at(self) -> int:
        """When the ID token expires."""
        return int(self._claims["exp"])

    @property
    def issued_at(self) -> int:
        """When the ID token was issued."""
        return int(self._claims["iat"])

    @property
    def auth_time(self) -> int | None:
        """When the user last logged in, None if unknown.

        At PeeringDB this is the last login of the account, in whatever browser.
        """
        return int(self._claims["auth_time"]) if "auth_time" in self._claims else None

    @property
    def nonce(self) -> str | None:
        """The nonce of the login, None if it had none, as after a refresh."""
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
    """The claims of an ID token, after all checks of Core 3.1.3.7.

    ``keys``: the keys of the provider. ``issuer``: who must have issued it.
    ``client_id``: the application that it must be for. ``now``: the time in Unix
    seconds. ``nonce``: the nonce of the login, which the ID token must then have.
    ``max_age``: the most seconds since the user logged in. ``access_token``: the access
    token that came in the same response. ``leeway``: by how many seconds the two clocks
    may differ.

    Raises:
        UnknownKey: the key set lacks the key, perhaps because it is outdated.
        InvalidIDToken: a check failed, and ``check`` names it.
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
    """The ``sub`` of an ID token that was verified before. This verifies nothing.

    Raises:
        InvalidIDToken: the text is not an ID token.
    """
    try:
        payload = decode_base64url(id_token.encode("ascii").split(b".")[1])
    except (ValueError, IndexError):
        raise InvalidIDToken("the earlier ID token is not an ID token", check="structure") from None
    claims = _parse_claims(payload)
    _check_subject(claims)
    return str(claims["sub"])


def verify_jws(token: str, keys: KeySet) -> bytes:
    """The payload of a compact JWS that one of the keys signed (RFC 7515 section 5.2).

    Raises:
        UnknownKey: the key set lacks the key, perhaps because it is outdated.
        InvalidIDToken: the form, the header or the signature is wrong.
    """
    if len(token) > MAX_SIZE:
        raise InvalidIDToken(f"the ID token is longer than {MAX_SIZE} characters", check="size")
    try:
        message, _, encoded_signature = token.encode("ascii").rpartition(b".")
        encoded_header, encoded_payload = message.split(b".")
        payload, signature = decode_base64url(encoded_payload), decode_base64url(encoded_signature)
    except ValueError:
        raise InvalidIDToken(
            "the ID token does not consist of three parts in base64url without padding",
            check="structure",
        ) from None
    kid = _read_header(encoded_header)
    key = keys.select(kid)
    if key is None:
        raise UnknownKey(kid)
    if not key.verify(signature, message):  # Core 3.1.3.7 item 6
        raise InvalidIDToken("the signature of the ID token is wrong", check="signature")
    return payload


# All ID tokens of a key have the same header. A header holds no secret.
@lru_cache(maxsize=16)
def _read_header(encoded: bytes) -> str | None:
    """The ``kid`` of a header, after all checks of the header."""
    if len(encoded) > MAX_HEADER:
        raise InvalidIDToken(
            f"the header of the ID token is longer than {MAX_HEADER} characters", check="header"
        )
    try:
        decoded = decode_base64url(encoded)
    except ValueError:
        raise InvalidIDToken(
            "the header of the ID token is not base64url", check="structure"
        ) from None
    header = _parse_object(decoded, _parse_header, check="header")
    _check_algorithm(header.get("alg"))
    _check_extensions(header)
    _check_type(header.get("typ", "JWT"))
    kid = header.get("kid")
    if not isinstance(kid, str) and "kid" in header:  # RFC 7515 section 4.1.4
        raise InvalidIDToken("the kid in the header of the ID token is not a string", check="kid")
    return kid


def _check_algorithm(alg: object) -> None:
    """The recipient chooses the algorithm (Core 3.1.3.7 items 7, 8; RFC 8725 3.1)."""
    if alg == "RS256":
        return
    # PeeringDB signs HS256 with a hash of the client secret, which no client has.
    found = (
        "HS256, which nobody but PeeringDB can verify"
        if alg == "HS256"
        else "something other than RS256"
    )
    remedy = "choose RS256 as the algorithm on the application's page at PeeringDB"
    raise InvalidIDToken(f"the ID token is signed with {found}: {remedy}", check="alg")


def _check_extensions(header: dict[str, Any]) -> None:
    """We know no extension (RFC 7515 4.1.11), and a token brings no key (Core 2)."""
    for name in ("crit", "jwk", "jku", "x5u", "x5c"):
        if name in header:
            raise InvalidIDToken(
                f"the header of the ID token has {name}, which is not accepted", check=name
            )


def _check_type(typ: object) -> None:
    """Other kinds of JWT have other types (RFC 8725 section 3.11)."""
    # RFC 7515 section 4.1.9: case does not matter, "application/" may be left out.
    if not isinstance(typ, str) or typ.lower() not in {"jwt", "application/jwt"}:
        raise InvalidIDToken("the ID token is another kind of token", check="typ")


def _parse_claims(payload: bytes) -> dict[str, Any]:
    """The claims of a payload.

    Of claims with the same name the last one counts, as RFC 7519 section 4 allows.
    """
    return _parse_object(payload, parse_json, check="payload")


def _parse_header(text: bytes) -> Any:
    """The value of a header, in which no member is named twice (RFC 7515 section 4)."""
    return _strict_decoder.decode(text.decode("utf-8"))


def _parse_object(text: bytes, parse: Callable[[bytes], Any], *, check: str) -> dict[str, Any]:
    try:
        value = parse(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidIDToken(f"the {check} of the ID token is not a JSON object", check=check)
    return value


def _without_duplicates(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        raise InvalidIDToken("the header of the ID token names a member twice", check="header")
    return value


def _no_constant(_: str) -> NoReturn:
    raise ValueError  # NaN and Infinity are not JSON


_strict_decoder = json.JSONDecoder(
    parse_constant=_no_constant, object_pairs_hook=_without_duplicates
)


def _check_issuer(claims: dict[str, Any], issuer: str) -> None:
    if claims.get("iss") != issuer:  # Core 3.1.3.7 item 2
        raise InvalidIDToken(
            f"the ID token was not issued by {issuer} but by {claims.get('iss')!r:.200}",
            check="iss",
        )


def _audiences(claims: dict[str, Any]) -> list[str]:
    """The ``aud`` claim, a string or a list of strings (RFC 7519 section 4.1.3)."""
    audience = claims.get("aud")
    audiences: list[Any] = audience if isinstance(audience, list) else [audience]
    return audiences if all(isinstance(item, str) for item in audiences) else []


def _check_audience(claims: dict[str, Any], client_id: str) -> None:
    audiences = _audiences(claims)
    if client_id not in audiences:  # Core 3.1.3.7 item 3
        raise InvalidIDToken("the ID token is for another application", check="aud")
    # Items 3 and 4: with several audiences it must say which of them asked for it.
    if len(audiences) > 1 and "azp" not in claims:
        raise InvalidIDToken(
            "the ID token is for several applications and does not say which of them asked for it",
            check="azp",
        )
    if claims.get("azp", client_id) != client_id:  # item 5
        raise InvalidIDToken("another application asked for the ID token", check="azp")


def _check_subject(claims: dict[str, Any]) -> None:
    subject = claims.get("sub")
    if not (isinstance(subject, str) and subject.isascii() and 0 < len(subject) <= 255):  # Core 2
        raise InvalidIDToken(
            "the sub of the ID token is not a string of 1 to 255 ASCII characters", check="sub"
        )


def _check_times(claims: dict[str, Any], now: float, leeway: int) -> None:
    # Core 3.1.3.7 item 9, RFC 7519 section 4.1.4.
    if now >= _required_date(claims, "exp") + leeway:
        raise InvalidIDToken("the ID token has expired, or the clock here is fast", check="exp")
    # Core 2 and item 10. No limit for the age: PeeringDB sets it with "exp".
    if _required_date(claims, "iat") > now + leeway:
        raise InvalidIDToken(
            "the ID token was issued in the future, or the clock here is slow", check="iat"
        )
    not_before = _numeric_date(claims, "nbf")
    if not_before is not None and not_before > now + leeway:  # RFC 7519 section 4.1.5
        raise InvalidIDToken(
            "the ID token is not valid yet, or the clock here is slow", check="nbf"
        )


def _check_auth_time(claims: dict[str, Any], now: float, leeway: int, max_age: int | None) -> None:
    auth_time = _numeric_date(claims, "auth_time")
    if max_age is None:
        return
    # Core 3.1.3.7 item 13.
    if auth_time is None or not -leeway <= now - auth_time <= max_age + leeway:
        raise InvalidIDToken(
            f"the user did not log in within the last {max_age} seconds", check="auth_time"
        )


def _numeric_date(claims: dict[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2), None if absent."""
    if name not in claims:
        return None
    date: float = claims[name]
    # Not isinstance(), for which true is an int. The bounds exclude infinity (1e999).
    if type(date) not in (int, float) or not 0 <= date <= MAX_DATE:
        raise InvalidIDToken(f"the {name} of the ID token is not a time", check=name)
    return date


def _required_date(claims: dict[str, Any], name: str) -> float:
    date = _numeric_date(claims, name)
    if date is None:
        raise InvalidIDToken(f"the ID token has no {name}", check=name)
    return date


def _check_nonce(claims: dict[str, Any], nonce: str | None) -> None:
    """Core 3.1.3.7 item 11.

    If no nonce is expected, the token may have any: another program may have logged in.
    """
    claim = claims.get("nonce")
    if "nonce" in claims and not isinstance(claim, str):
        raise InvalidIDToken("the nonce of the ID token is not a string", check="nonce")
    if nonce is not None and not (nonce and isinstance(claim, str) and _same(claim, nonce)):
        raise InvalidIDToken("the ID token belongs to another login", check="nonce")


def _check_at_hash(claims: dict[str, Any], access_token: str | None) -> None:
    """Core 3.1.3.8, where ``at_hash`` is optional. PeeringDB always sends it."""
    if access_token is None or "at_hash" not in claims:
        return
    digest = hashlib.sha256(access_token.encode("utf-8", "surrogatepass")).digest()
    expected = urlsafe_b64encode(digest[:16]).rstrip(b"=").decode("ascii")
    if not (isinstance(claims["at_hash"], str) and _same(claims["at_hash"], expected)):
        raise InvalidIDToken("the ID token belongs to another access token", check="at_hash")


def _same(left: str, right: str) -> bool:
    """Whether two texts are equal, in constant time.

    JSON can hold a lone surrogate and UTF-8 cannot. Such a text must cause no error.
    """
    return hmac.compare_digest(
        left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass")
    )
