"""How a refused WebSocket is closed: the code and the reason (RFC 6455 section 7.1).

A browser tells a page nothing of a refused handshake. So the connection is accepted and
closed at once.
"""

from typing import Any

from peeringdb_oauth.web.visit import Answer

_TRY_AGAIN_LATER = 1013  # of the registry of RFC 6455 section 11.7
_INTERNAL_ERROR = 1011
_LATER = (429, 502, 503)
_MAX_REASON = 123  # bytes, in a frame with a code (RFC 6455 section 5.5)


def close_code(status: int) -> int:
    """The close code for an HTTP status: 4401 for 401, and 4403 for 403.

    What may be better in a minute is 1013, and a mistake of the site 1011.
    """
    if status in _LATER:
        return _TRY_AGAIN_LATER
    return _INTERNAL_ERROR if status >= 500 else 4000 + status


def close_reason(answer: Answer) -> str:
    """Why a connection is refused: the sentences of a refusal, as many as fit."""
    said: dict[str, Any] = dict(answer.json or {})
    texts = [reason["text"] for reason in said.get("reasons", ())]
    text = "; ".join(texts) or said.get("title", "")
    return text.encode()[:_MAX_REASON].decode(errors="ignore")
