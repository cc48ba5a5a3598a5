"""Ports for servers that cannot choose a free one themselves."""

import random
import socket

# Below the range from which Linux takes free ports, so that no other test gets the port
# before the server has it.
CANDIDATES = range(20_000, 32_000)


def free_port():
    """Return a port on which nobody listens."""
    while True:
        port = random.choice(CANDIDATES)  # noqa: S311 - no secret
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
