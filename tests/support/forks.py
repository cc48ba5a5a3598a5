"""Forked processes, and locks that another thread holds while a process is forked."""

import os
import select
import signal
import threading
import traceback
from contextlib import contextmanager

PATIENCE = 10  # seconds for a child: a lock that nobody releases would be for ever


def in_a_child(work):
    """Whether ``work`` ended well in a forked process, and in time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"failed"
        try:
            work()
            said = b"done"
        except BaseException:
            traceback.print_exc()  # pytest shows it if the test fails
            raise
        finally:
            os.write(writer, said)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        ended, _, _ = select.select([pipe], [], [], PATIENCE)
        if not ended:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return pipe.read() == b"done"


@contextmanager
def held_by_another_thread(lock):
    """Another thread holds a lock until the end of the block."""
    held, over = threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(PATIENCE)
        yield
    finally:
        over.set()
        thread.join()
