"""Threads that do work which may hang, so that its callers wait only so long.

Not every database driver can be told to give up on a server that has stopped answering.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.records import RecordsUnavailable

T = TypeVar("T")

PATIENCE = 2.4  # seconds that a method of a store takes at most: two end within five
LIMIT = 4  # threads that work in one process, and so connections
NO_ANSWER = "the store of the sessions does not answer"


class _Job:
    """A function that a thread is to call, and what came of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        self.started = False
        self.given_up = False
        self.replaced = False  # another thread works in place of the one that hangs

    def run(self) -> None:
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            self.error = error
        self.done.set()


class Workers:
    """Calls functions in at most 4 threads of each process.

    ``patience``: how many seconds a caller waits. ``idle``: after how many seconds
    without work a thread ends. ``at_end``: called in each thread before it ends.

    A thread that hangs is replaced, up to 4 times. It ends when its work does.
    """

    _lock: threading.Lock
    _jobs: SimpleQueue[_Job | None]
    _threads: set[threading.Thread]
    _waiting: int  # threads that wait for a job, or have just been started
    _working: int  # those and the ones with a job, without the ones that were replaced
    _stuck: int  # threads that were replaced

    def __init__(
        self, *, patience: float, idle: float = 10.0, at_end: Callable[[], object] = lambda: None
    ) -> None:
        self._patience = patience
        self._idle = idle
        self._at_end = at_end
        make_in_each_process(self, Workers._make)

    def _make(self) -> None:
        self._lock = threading.Lock()
        self._jobs = SimpleQueue()
        self._threads = set()
        self._waiting = self._working = self._stuck = 0

    def run(self, function: Callable[[], T]) -> T:
        """Call a function in one of the threads; its result or its error.

        Raises:
            RecordsUnavailable: it took too long.
        """
        job = _Job(function)
        with self._lock:
            self._jobs.put(job)
            self._start_if_needed()
        if not job.done.wait(self._patience):
            self._give_up(job)
            raise RecordsUnavailable(f"{NO_ANSWER}: it took longer than {self._patience:g} seconds")
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def close(self) -> None:
        """End the threads that have no work."""
        with self._lock:
            for _ in range(self._waiting):
                self._jobs.put(None)
            threads = list(self._threads)
        for thread in threads:
            thread.join(self._patience / len(threads))  # some may hang

    def _start_if_needed(self) -> None:
        if self._jobs.qsize() > self._waiting and self._working < LIMIT:
            self._working += 1
            self._waiting += 1
            thread = threading.Thread(target=self._work, name="peeringdb_oauth", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _give_up(self, job: _Job) -> None:
        with self._lock:
            job.given_up = True
            if job.started and not job.done.is_set() and self._stuck < LIMIT:
                job.replaced = True
                self._stuck += 1
                self._working -= 1
                self._start_if_needed()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job.run()
            with self._lock:
                if job.replaced:
                    self._stuck -= 1
                    break
                self._waiting += 1
        self._at_end()
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _next(self) -> _Job | None:
        """Wait for a job that has not been given up; None if the thread is to end."""
        while True:
            try:
                job, is_idle = self._jobs.get(timeout=self._idle), False
            except Empty:
                job, is_idle = None, True
            with self._lock:
                self._waiting -= 1
                if job is None and (not is_idle or self._jobs.empty()):
                    self._working -= 1
                    return None
                self._start_if_needed()
                if job is not None and not job.given_up:
                    job.started = True
                    return job
                self._waiting += 1
