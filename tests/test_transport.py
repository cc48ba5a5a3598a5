"""What both clients share: a body that is bounded, and words for what failed."""

import logging
import ssl
import traceback

import pytest

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import Purpose
from peeringdb_oauth.errors import InvalidResponse, ProviderError, TransportError
from peeringdb_oauth.messages import MAX_BODY
from peeringdb_oauth.transport import (
    BoundedBody,
    Outcome,
    Timeouts,
    budget_timeout,
    certificate_problem,
    flight_timeout,
    log_at_start,
    timeouts_of,
)


def test_a_body_is_its_parts(clock):
    body = BoundedBody(10, clock)
    for chunk in (b"{", b"", b"}"):
        body.add(chunk)
    assert bytes(body) == b"{}"


def test_a_body_may_be_1_mib_and_no_larger(clock):
    body = BoundedBody(10, clock)
    body.add(b" " * MAX_BODY)
    with pytest.raises(InvalidResponse, match="larger than 1048576 bytes") as caught:
        body.add(b" ")
    assert caught.value.check == "size"


def test_a_body_may_take_its_timeout_and_no_longer(clock):
    body = BoundedBody(10, clock)
    clock.now += 10
    body.add(b"{")
    clock.now += 1
    with pytest.raises(TransportError, match="took longer than 10 s"):
        body.add(b"}")


def test_timeouts_say_how_long_they_were():
    assert "for 2.5 s" in str(flight_timeout(2.5))
    assert "for 2.5 s" in str(budget_timeout(2.5))
    assert budget_timeout(2.5).retry_after == 2.5


def wrapped(error):
    """An error that was raised from another one, and that in turn during another."""
    try:
        try:
            try:
                raise error
            except OSError as cause:
                raise ValueError from cause
        except ValueError:
            raise RuntimeError  # noqa: B904 - as some libraries do
    except RuntimeError as outer:
        return outer


def test_finds_openssls_words_anywhere_in_the_chain_of_errors():
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_message = "certificate has expired"
    said = ": certificate has expired; if you trust the certificate's authority, name its file as"
    for each in (error, wrapped(error)):
        assert certificate_problem(each) == f"{said} ca_file"


@pytest.mark.parametrize("error", [None, OSError(), wrapped(OSError())])
def test_says_nothing_about_a_certificate_that_is_not_the_cause(error):
    assert certificate_problem(error) == ""


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_a_client_without_a_secret_warns_once(client_class, caplog):
    redirect_uri = "https://portal.example.net/callback"
    for _ in range(2):
        client_class(ClientConfig(client_id=client_class.__name__, redirect_uri=redirect_uri))
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("peeringdb_oauth", "WARNING")
    assert record.getMessage() == (
        f"the application {client_class.__name__} has no client_secret, which is right for a"
        " public client only: if PeeringDB gave it a secret, set PEERINGDB_OAUTH_CLIENT_SECRET"
    )


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_a_client_with_a_secret_does_not_warn(client_class, caplog):
    redirect_uri = "https://portal.example.net/callback"
    client_class(
        ClientConfig(client_id="portal", client_secret="s3cret", redirect_uri=redirect_uri)
    )
    assert caplog.records == []


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "100 a minute for this address, shared by 1 process(es)"),
        ({"processes": 4}, "100 a minute for this address, shared by 4 process(es)"),
        ({"requests_per_minute": None}, "any number a minute for this address, shared by 1"),
    ],
)
def test_a_client_says_once_what_it_may_ask(client_class, caplog, settings, said):
    caplog.set_level(logging.INFO)
    config = ClientConfig(
        client_id=client_class.__name__,
        client_secret="s3cret-of-portal",
        redirect_uri="https://portal.example.net/callback",
        **settings,
    )
    log_at_start.cache_clear()
    for _ in range(2):
        client_class(config)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("peeringdb_oauth", "INFO")
    assert record.getMessage().startswith(f"requests to PeeringDB: {said}")
    assert "PEERINGDB_OAUTH_PROCESSES" in record.getMessage()
    assert "s3cret-of-portal" not in f"{record.getMessage()} {record.args}"


# --- what became of a shared flow -----------------------------------------------------


def test_an_outcome_is_its_result():
    assert [Outcome(result).get() for result in (7, None)] == [7, None]


def test_an_outcome_raises_a_copy_of_its_error_each_time():
    error = ProviderError("refused", error="invalid_grant", status=400)
    try:
        raise error from KeyError("a cause")
    except ProviderError:
        pass
    copies = []
    for _ in range(2):
        with pytest.raises(ProviderError, match="refused") as caught:
            Outcome(error=error).get()
        copies.append(caught.value)
    assert len({id(one) for one in (error, *copies)}) == 3
    for one in copies:
        assert (one.error, one.status, one.__cause__, one.__context__) == (
            *("invalid_grant", 400),
            *(None, None),
        )
        assert len(traceback.extract_tb(one.__traceback__)) == 2  # this test, and `get`


def test_each_part_of_a_request_may_take_the_configured_time():
    assert timeouts_of(None, 10) == Timeouts(admission=10, connect=10, answer=10, body=10)


def test_a_recheck_waits_for_those_of_others_for_two_seconds_at_most():
    assert timeouts_of(None, 10, Purpose.RECHECK) == Timeouts(
        admission=2, connect=10, answer=10, body=10
    )
    assert timeouts_of(None, 1, Purpose.RECHECK).admission == 1


@pytest.mark.parametrize("timeout", [1, 10, 300])
def test_a_request_with_a_limit_ends_within_it(timeout):
    timeouts = timeouts_of(15, timeout)
    parts = (timeouts.admission, timeouts.connect, timeouts.answer, timeouts.body)
    assert sum(parts) <= 15
    assert max(parts) <= timeout
    assert timeouts.answer == max(parts)  # PeeringDB needs the time
