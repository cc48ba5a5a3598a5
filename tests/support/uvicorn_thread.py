"""An ASGI application that uvicorn serves in a thread of this process."""

import socket
import threading
from contextlib import contextmanager

import uvicorn


@contextmanager
def served(app, **options):
    """The URL of an application. ``options``: of uvicorn."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, **options))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
