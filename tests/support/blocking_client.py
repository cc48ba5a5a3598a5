"""An `AsyncClient` that is called like a `Client`, so that one test serves both."""

import asyncio
import inspect
import threading

PATIENCE = 20  # seconds until a test gives up


class LoopThread:
    """An event loop in a thread, which starts when it is first needed."""

    def __init__(self):
        self._loop = None
        self._starting = threading.Lock()

    def run(self, function, *args, **kwargs):
        """Call a function in the loop. If it returns a coroutine, await that."""

        async def call():
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def end(self):
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()


class BlockingClient:
    """An `AsyncClient` on the event loop of a `LoopThread`; any thread may call it."""

    def __init__(self, loop_thread, make):
        self._loop_thread = loop_thread
        self._client = loop_thread.run(make)

    def __getattr__(self, name):
        attribute = getattr(self._client, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute
        return lambda *args, **kwargs: self._loop_thread.run(attribute, *args, **kwargs)

    def __repr__(self):
        return repr(self._client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
