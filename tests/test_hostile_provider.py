"""Both clients and a provider that wants to hurt them: each answer ends, with an error.

What a mere fault may look like is in test_client.py.
"""

import pytest
from hostile_answers import WITHOUT_END, EndlessAnswer
from in_threads import within

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import InvalidResponse, TransportError

TOKEN, PROFILE = "/oauth2/token/", "/profile/v1"
TIMEOUT = 0.1  # seconds for each part of a request
MOST = 2  # seconds for all of it, on a busy machine


@pytest.fixture(params=[Client, AsyncClient], ids=["requests", "aiohttp"])
def client_class(request):
    return request.param


@pytest.mark.parametrize(
    ("part", "tls"),
    [*((part, False) for part in WITHOUT_END), ("header value", True), ("chunk size", True)],
)
def test_a_part_that_drips_has_an_end(make_client, make_server, part, tls):
    server, answer = make_server(tls=tls), EndlessAnswer(*WITHOUT_END[part], pause=0.01)
    server.answers[PROFILE] = answer
    client = make_client(server, timeout=TIMEOUT)
    with answer.given_up(), within(MOST), pytest.raises(TransportError, match=r"0\.1 s"):
        client.fetch_user("t")


@pytest.mark.parametrize("part", WITHOUT_END)
def test_a_flood_has_an_end(make_client, server, part):
    answer = server.answers[PROFILE] = EndlessAnswer(*WITHOUT_END[part], pause=0)
    client = make_client(server, timeout=TIMEOUT)
    with answer.given_up(), within(MOST), pytest.raises((TransportError, InvalidResponse)):
        client.fetch_user("t")
