"""The gateway as an ASGI application: bodies, clients that hang up, start and end."""

import asyncio

import pytest

from .conftest import PERSON, heading

pytestmark = pytest.mark.server


async def call(app, scope, messages, *, send=None):
    """Call an application with what comes in. Returns what it sends."""
    sent, waiting = [], list(messages)

    async def receive():
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def keep(message):
        sent.append(message)

    await app(scope, receive, send or keep)
    return sent


def scope_of(browser, target, method="GET", *, endpoint="answer", headers=PERSON):
    named = browser.headers(method, target, headers).items()
    return {
        "type": "http",
        "method": method,
        "path": f"/_peeringdb/{endpoint}",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in named],
        "client": ("127.0.0.1", 1),
    }


def run(site, *arguments, **more):
    return site.client.portal.call(lambda: call(site.app, *arguments, **more))


def test_a_body_is_read_and_dropped(browser):
    answer = browser.ask("/form", "POST", endpoint="answer", content=b"x" * 100_000)
    assert heading(answer) == (401, "You are not logged in")


def test_an_endless_body_is_not_read_to_its_end(site, browser):
    parts = [{"type": "http.request", "body": b"x" * 65536, "more_body": True}] * 100
    sent = run(site, scope_of(browser, "/form", "POST"), parts)
    assert sent[0]["status"] == 401


def test_a_client_that_hangs_up_while_it_sends_breaks_nothing(site, browser, caplog):
    parts = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    run(site, scope_of(browser, "/form", "POST"), parts)
    form = scope_of(browser, "/", "POST", endpoint="logout")
    run(site, form, parts)
    assert "Traceback" not in caplog.text
    assert browser.ask("/public/").status_code == 204


def test_a_client_that_hangs_up_before_the_answer_breaks_nothing(site, browser):
    async def send(_):
        raise OSError("the client has gone")

    for endpoint in ("check", "answer", "forward-auth", "login"):
        with pytest.raises(OSError, match="has gone"):
            run(
                site,
                scope_of(browser, "/public/", endpoint=endpoint),
                [{"type": "http.request"}],
                send=send,
            )
    assert browser.ask("/public/").status_code == 204


def test_a_check_that_is_cancelled_leaves_the_session_as_it_is(site, browser, clock):
    browser.log_in("member")
    site.sandbox.fault("slow", path="/profile/v1", seconds=0.5, times=1)
    clock.wait(2000)

    async def hang_up():
        task = asyncio.create_task(site.app.check(scope_of(browser, "/")))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert site.client.portal.call(hang_up)
    site.settle()
    assert browser.ask("/").status_code == 204
    assert site.kinds() == ["login"]


def test_a_server_that_does_not_know_who_asks_is_behind_a_socket(site, browser):
    browser.log_in("member")
    scope = scope_of(browser, "/", endpoint="check")
    del scope["client"]
    sent = run(site, scope, [{"type": "http.request"}])
    assert sent[0]["status"] == 204


def test_the_end_of_the_server_closes_the_client_and_the_store(site):
    closed = []
    site.records.close = lambda: closed.append("store")
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = run(site, {"type": "lifespan"}, messages)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert closed == ["store"]
