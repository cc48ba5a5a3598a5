"""WebSockets: what stands for a request's headers, and how one is refused."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketState

from peeringdb_oauth.web import Answer, close_code, close_reason

_CONNECTION = "peeringdb_oauth.websocket"  # in the scope: the connection, once checked
# Not all servers and clients say that they open a WebSocket.
_NO_PAGE = (b"sec-fetch-mode", b"websocket")


def headers_of(connection: HTTPConnection) -> Headers:
    """The headers of a request. Those of a WebSocket say that it is no page."""
    if not isinstance(connection, WebSocket):
        return connection.headers
    return Headers(raw=[_NO_PAGE, *connection.headers.raw])


def origin_of(connection: HTTPConnection) -> str:
    """Scheme and host of the page that a request belongs to."""
    scheme = {"ws": "http", "wss": "https"}.get(connection.url.scheme, connection.url.scheme)
    return f"{scheme}://{connection.url.netloc}"


def note_connection(connection: HTTPConnection) -> None:
    """Note the object that knows whether a WebSocket is accepted.

    A handler of errors may get another one.
    """
    if isinstance(connection, WebSocket):
        connection.scope[_CONNECTION] = connection


async def refuse(connection: WebSocket, answer: Answer) -> None:
    """Close a WebSocket with the code and the reason of a refusal."""
    websocket: WebSocket = connection.scope.get(_CONNECTION, connection)
    if websocket.application_state == WebSocketState.CONNECTING:
        # A browser that offers subprotocols insists on one of them.
        subprotocol = next(iter(websocket.scope.get("subprotocols", ())), None)
        await websocket.accept(subprotocol)
    if websocket.application_state == WebSocketState.CONNECTED:
        await websocket.close(close_code(answer.status), close_reason(answer))
