"""PeeringDB as it answers here and now: its metadata, keys and clock, and our secret.

Nothing here can bring the 401 after which PeeringDB refuses the token endpoint to this
address for a minute: the secret is first tried at introspection, where a wrong one gets
a 403.
"""

import secrets
import string
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from peeringdb_oauth.doctor.findings import Finding, ok, skipped
from peeringdb_oauth.errors import InvalidResponse, PeeringDBOAuthError, ProviderError, RateLimited
from peeringdb_oauth.key_set import KeySet
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.responses import successful
from peeringdb_oauth.steps import Flow, send

_SLOW = 2.0  # seconds
_SKEW = 5.0  # seconds that two clocks may differ without a word
_MAX_SKEW = 60.0  # seconds that `verify_id_token` tolerates
_APPLICATIONS = "https://www.peeringdb.com/oauth2/applications/"
_WRONG_SECRET = (
    f"Open {_APPLICATIONS}, give the application a new secret, copy it before you save, and"
    " compare the client id. After saving, the page shows only a hash of the secret."
)


class _Asked(NamedTuple):
    """A request, its answer or why there is none, and how many seconds it took."""

    request: HTTPRequest
    response: HTTPResponse | None
    error: PeeringDBOAuthError | None
    seconds: float


def examine_provider(provider: Provider) -> Flow[list[Finding]]:
    """What PeeringDB answers here and now, without a login."""
    well_known = f"{provider.metadata.issuer}/.well-known"
    first = yield from _ask(provider, f"{well_known}/openid-configuration")
    is_reached = first.response is not None
    return (
        (yield from _examine_rest(provider, first))
        if is_reached
        else [_unreachable(provider, first)]
    )


def _examine_rest(provider: Provider, first: _Asked) -> Flow[list[Finding]]:
    """As `examine_provider`, once PeeringDB has sent its first document."""
    well_known = f"{provider.metadata.issuer}/.well-known"
    second = yield from _ask(provider, f"{well_known}/oauth-authorization-server")
    keys = yield from _ask(provider, provider.metadata.jwks_uri)
    secret = yield from _examine_secret(provider)
    return [
        *_metadata(provider, [first, second]),
        *_keys(keys),
        *_clock(provider, first),
        *secret,
        *_speed([first, second, keys]),
    ]


def _ask(provider: Provider, url: str, form: dict[str, str] | None = None) -> Flow[_Asked]:
    request, start = HTTPRequest(url=url, form=form), provider.monotonic()
    response, error = None, None
    try:
        response = yield from send(request)
        successful(request, response)
    except PeeringDBOAuthError as failure:
        error = failure
    return _Asked(request, response, error, provider.monotonic() - start)


def _unreachable(provider: Provider, asked: _Asked) -> Finding:
    return Finding(
        check="reachable",
        status="problem",
        seen=f"{provider.config.base_url} gives no answer: {asked.error}.",
        why="Nobody can log in.",
        remedy="Look at the name, the network, the firewall, the proxy and the certificates of"
        " this machine. curl -v shows more.",
    )


def _metadata(provider: Provider, asked: list[_Asked]) -> Iterator[Finding]:
    """One finding for the metadata documents, or one for each that is broken."""
    is_fine = True
    for each in asked:
        if each.response is None or each.error is not None:
            is_fine = False
            yield _failed("metadata", each)
            continue
        issuer = None
        with suppress(InvalidResponse):
            issuer = each.response.json_object().get("issuer")
        if issuer != provider.metadata.issuer:
            is_fine = False
            yield Finding(
                check="issuer",
                status="problem",
                seen=f"{each.request.url} does not name {provider.metadata.issuer} as the issuer.",
                why="ID tokens of another issuer are refused, and secrets would go elsewhere.",
                remedy="Set base_url to https://auth.peeringdb.com, or to the sandbox's own"
                " address.",
            )
    if is_fine:
        yield ok("metadata", f"PeeringDB answers, and its issuer is {provider.metadata.issuer}.")


def _keys(asked: _Asked) -> Iterator[Finding]:
    if asked.response is None or asked.error is not None:
        yield _failed("keys", asked)
        return
    try:
        KeySet.from_jwks(asked.response.json_object())
    except PeeringDBOAuthError as error:
        yield Finding(
            check="keys",
            status="problem",
            seen=f"PeeringDB's key set is of no use: {error}.",
            why="ID tokens cannot be verified.",
            remedy="Remove openid from the scope until PeeringDB has mended it.",
        )
        return
    yield ok("keys", "PeeringDB's key set has a key for RS256.")


def _clock(provider: Provider, asked: _Asked) -> Iterator[Finding]:
    text = "" if asked.response is None else asked.response.headers.get("date", "")
    try:
        theirs = parsedate_to_datetime(text).timestamp()
    except ValueError:
        yield skipped("clock-skew", "PeeringDB's answer has no date.")
        return
    skew = provider.clock() - theirs
    if abs(skew) <= _SKEW:
        yield ok("clock-skew", "This machine's clock agrees with PeeringDB's.")
        return
    yield Finding(
        check="clock-skew",
        status="problem" if abs(skew) > _MAX_SKEW else "warning",
        seen=f"This machine's clock is {abs(skew):.0f} seconds"
        f" {'ahead of' if skew > 0 else 'behind'} PeeringDB's.",
        why=f"With more than {_MAX_SKEW:.0f} seconds ID tokens are refused.",
        remedy="Let chrony or systemd-timesyncd keep the clock.",
    )


def _examine_secret(provider: Provider) -> Flow[list[Finding]]:
    config = provider.config
    if config.client_secret is None:
        return [
            skipped(
                "token-endpoint",
                "Only a login shows whether the client id is good, without a secret.",
            )
        ]
    credentials = {"client_id": config.client_id, "client_secret": config.client_secret}
    # With a query of its own: PeeringDB remembers a refusal of a URL for ten seconds.
    url = f"{provider.metadata.introspection_endpoint}?doctor={secrets.token_hex(8)}"
    asked = yield from _ask(provider, url, {"token": _no_token()} | credentials)
    if asked.response is not None and asked.response.status in (401, 403):
        return [
            Finding(
                check="client-secret",
                status="problem",
                seen="PeeringDB does not know this client id with this client secret.",
                why="The first login gets a 401, and then nobody at this address can log in until"
                " nothing has been asked for a minute.",
                remedy=_WRONG_SECRET,
            )
        ]
    if asked.response is None or asked.error is not None:
        return [_failed("client-secret", asked)]
    found = [ok("client-secret", "PeeringDB knows the client id and the client secret.")]
    # The credentials are good, so a code that was never issued gets a 400 and no 401.
    form = {
        "grant_type": "authorization_code",
        "code": _no_token(),
        "redirect_uri": config.redirect_uri,
        "code_verifier": secrets.token_urlsafe(32),
    }
    asked = yield from _ask(provider, provider.metadata.token_endpoint, form | credentials)
    error = asked.error
    if isinstance(error, ProviderError) and error.error == "invalid_grant":
        return [*found, ok("token-endpoint", "The token endpoint answers as it should.")]
    return [*found, _failed("token-endpoint", asked)]


def _no_token() -> str:
    """Text that looks like a token or a code of PeeringDB, and is none."""
    return "".join(secrets.choice(string.ascii_letters) for _ in range(30))


def _failed(check: str, asked: _Asked) -> Finding:
    url = asked.request.url.partition("?")[0]
    status = "no answer" if asked.response is None else str(asked.response.status)
    text = "" if asked.response is None else asked.response.body[:2000].decode(errors="replace")
    if isinstance(asked.error, RateLimited):
        return Finding(
            check="rate-limit",
            status="problem",
            seen=f"PeeringDB refuses this address for a while ({status} from {url}).",
            why=str(asked.error),
            remedy="Find what asks so much or is refused so often: all that leaves through this"
            " address counts. Ask nothing meanwhile.",
        )
    if "non_field_errors" in text and status == "503":
        return Finding(
            check="maintenance",
            status="problem",
            seen=f"PeeringDB is in maintenance: it answers 503 to every POST ({url}).",
            why="Nobody can log in meanwhile. Nothing is lost: codes and tokens stay good.",
            remedy="Wait. Sessions go on for the time that stale_for says.",
        )
    return Finding(
        check=check,
        status="problem",
        seen=f"{url}: {status}. {asked.error or ''}".strip(),
        why="Logins need it.",
        remedy="Try again in some minutes. If it stays, ask support@peeringdb.com.",
    )


def _speed(asked: list[_Asked]) -> Iterator[Finding]:
    slowest = max(asked, key=lambda each: each.seconds)
    if slowest.seconds > _SLOW:
        yield Finding(
            check="speed",
            status="warning",
            seen=f"PeeringDB took {slowest.seconds:.1f} seconds to answer {slowest.request.url}.",
            why="A login asks it twice while the person waits.",
            remedy="If it stays so, look at the network between.",
        )
