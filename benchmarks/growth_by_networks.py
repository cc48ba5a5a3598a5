"""What a login and a check cost, by the networks that a person has."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import id_tokens
import pages
import requests
from curves import FLAT, Call, Curve, curves
from gateway_check import CHECKS, GatewayChecks
from logins import OURS, SESSION, config, started_logins, two_calls
from provider import NETWORKS, Provider, sign_id_token

from peeringdb_oauth import Client

ALONG = "networks of a person"
REMEMBERED, READ = "peeringdb_oauth, remembered", "peeringdb_oauth, read from Redis"
CALLS = 10


def measure(provider: Provider, rounds: int) -> Iterator[Curve]:
    """The curves of this file."""
    yield from _log_in(provider, rounds)
    yield from _verify(rounds)
    with pages.redis() as url:
        yield from _page(url, rounds)
        yield from _check(url, rounds)


def _log_in(provider: Provider, rounds: int) -> Iterator[Curve]:
    with Client(config(provider)) as client, requests.Session() as session:
        calls = {
            OURS: {count: _our_login(provider, client, count, rounds) for count in NETWORKS},
            SESSION: {count: two_calls(provider, session, f"person-{count}") for count in NETWORKS},
        }
        yield from curves(ALONG, "log in", calls, rounds=rounds, calls=CALLS)


def _our_login(provider: Provider, client: Client, count: int, rounds: int) -> Call:
    pending = started_logins(provider, rounds * CALLS + 1, code=f"person-{count}")
    return lambda: client.log_in(*pending.pop())


def _verify(rounds: int) -> Iterator[Curve]:
    client = id_tokens.keyed_client()
    tokens = {
        count: sign_id_token(issuer=id_tokens.ISSUER, networks=count).text for count in NETWORKS
    }
    calls = {
        OURS: {count: partial(client.verify_id_token, text) for count, text in tokens.items()},
        "joserfc": {count: id_tokens.joserfc_verifier(text) for count, text in tokens.items()},
    }
    yield from curves(ALONG, "verify an ID token", calls, rounds=rounds, calls=CALLS)


def _page(url: str, rounds: int) -> Iterator[Curve]:
    calls: dict[str, dict[int, Call]] = {REMEMBERED: {}, READ: {}, pages.AUTHLIB: {}}
    for count in NETWORKS:
        person = pages.user(count)
        calls[REMEMBERED][count] = pages.ours_in(url, person, step=pages.REMEMBERED)
        calls[READ][count] = pages.ours_in(url, person, step=pages.UNREMEMBERED)
        calls[pages.AUTHLIB][count] = pages.theirs(person, url)
    yield from curves(
        ALONG,
        "a page",
        calls,
        goals={REMEMBERED: FLAT},
        rounds=rounds,
        calls=CALLS,
        clock=time.perf_counter,
    )


def _check(url: str, rounds: int) -> Iterator[Curve]:
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        calls = {
            name: {
                count: stack.enter_context(GatewayChecks(runner, url, pages.user(count), step=step))
                for count in NETWORKS
            }
            for name, step in ((REMEMBERED, pages.REMEMBERED), (READ, pages.UNREMEMBERED))
        }
        yield from curves(
            ALONG,
            "the gateway's check",
            calls,
            goals={REMEMBERED: FLAT},
            rounds=rounds,
            clock=time.perf_counter,
            size=CHECKS,
        )
