"""What a check costs, by the sessions that are in the store.

Each point has a store of its own. Up to a hundred of its sessions ask in turn, and none
is remembered from its last turn. The others are copies of one of them under other keys:
nobody asks for them, so it does not matter that they cannot be opened.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from tempfile import TemporaryDirectory

import pages
from curves import FLAT, Call, Curve, curves
from gateway_check import CHECKS, GatewayChecks

from peeringdb_oauth.web import open_records

ALONG = "sessions in the store"
SESSIONS = (1, 10, 100, 1_000, 10_000, 100_000)
VISITORS = 100
NETWORKS = 3


def measure(rounds: int) -> Iterator[Curve]:
    """The curves of this file."""
    with ExitStack() as stack:
        redis = stack.enter_context(pages.redis())
        directory = stack.enter_context(TemporaryDirectory())
        stores = {
            "SQLite": {count: f"sqlite:///{directory}/{count}.db" for count in SESSIONS},
            "Redis": {
                count: f"{redis.rpartition('/')[0]}/{at}" for at, count in enumerate(SESSIONS)
            },
        }
        yield from _page(stores, rounds)
        yield from _check(stores, rounds)


def _page(stores: dict[str, dict[int, str]], rounds: int) -> Iterator[Curve]:
    calls: dict[str, dict[int, Call]] = {
        f"peeringdb_oauth, {store}": {count: _full_page(url, count) for count, url in urls.items()}
        for store, urls in stores.items()
    }
    yield from curves(
        ALONG,
        "a page",
        calls,
        goals=dict.fromkeys(calls, FLAT),
        rounds=rounds,
        calls=CHECKS,
        clock=time.perf_counter,
    )


def _full_page(url: str, count: int) -> Call:
    """A page whose store has so many sessions."""
    visitors = min(count, VISITORS)
    page = pages.ours_in(url, pages.user(NETWORKS), step=pages.UNREMEMBERED, visitors=visitors)
    records = open_records(url)
    one = next(each for each in records.of_owner("user:7") if each.key.startswith("session:"))
    for number in range(count - visitors):
        key, handle, owner = f"session:{number:064x}", f"{number:016x}", f"user:{number + 100}"
        records.put(replace(one, key=key, handle=handle, owner=owner), expected=None)
    records.close()
    return page


def _check(stores: dict[str, dict[int, str]], rounds: int) -> Iterator[Curve]:
    """The gateway's sessions are in the same stores, in addition."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        calls = {
            f"peeringdb_oauth, {store}": {
                count: stack.enter_context(
                    GatewayChecks(
                        runner,
                        url,
                        pages.user(NETWORKS),
                        step=pages.UNREMEMBERED,
                        visitors=min(count, VISITORS),
                    )
                )
                for count, url in urls.items()
            }
            for store, urls in stores.items()
        }
        yield from curves(
            ALONG,
            "the gateway's check",
            calls,
            goals=dict.fromkeys(calls, FLAT),
            rounds=rounds,
            clock=time.perf_counter,
            size=CHECKS,
        )
