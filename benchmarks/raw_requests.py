"""The two requests of a login over a kept TLS socket, written by hand.

This is the least that a login in Python can cost: no HTTP library, no checks, and JSON
is parsed by the same parser.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from provider import Provider

_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "


def blocking(provider: Provider, form: dict[str, str]) -> Callable[[], object]:
    """A login over a blocking socket."""
    host, port = _address(provider)
    context = ssl.create_default_context(cafile=provider.ca_file)
    connection = context.wrap_socket(socket.create_connection((host, port)), server_hostname=host)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    post = _post(form)

    def ask(request: bytes) -> Any:
        connection.sendall(request)
        received = connection.recv(65536)
        while (body := _body(received)) is None:
            received += connection.recv(65536)
        return json.loads(body)

    return lambda: ask(_get(ask(post)["access_token"]))


async def asynchronous(
    provider: Provider, form: dict[str, str]
) -> tuple[Callable[[], Awaitable[object]], Callable[[], object]]:
    """A login over a stream of asyncio, and how to close it."""
    host, port = _address(provider)
    context = ssl.create_default_context(cafile=provider.ca_file)
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    post = _post(form)

    async def ask(request: bytes) -> Any:
        writer.write(request)
        received = await reader.read(65536)
        while (body := _body(received)) is None:
            received += await reader.read(65536)
        return json.loads(body)

    async def log_in() -> object:
        return await ask(_get((await ask(post))["access_token"]))

    return log_in, writer.close


def _address(provider: Provider) -> tuple[str, int]:
    parts = urlsplit(provider.base_url)
    assert parts.hostname and parts.port  # noqa: S101, PT018 - it is our own server
    return parts.hostname, parts.port


def _post(form: dict[str, str]) -> bytes:
    body = urlencode(form)
    return (
        "POST /oauth2/token/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _get(token: str) -> bytes:
    return (
        f"GET /profile/v1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


def _body(received: bytes) -> bytes | None:
    """The body of an answer; None if some of it is still missing."""
    head, end, body = received.partition(_END)
    if not end:
        return None
    length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
    return body if len(body) >= length else None
