"""The thread that writes a shared budget comes when it is called."""

import threading

from in_threads import until

from peeringdb_oauth.flusher import Flusher

FOREVER = 1e6  # seconds


class Recorder:
    """``pauses``: what `beat` returns, one after the other."""

    def __init__(self, *pauses):
        self.done, self.pauses = [], list(pauses)

    def flush(self):
        self.done.append("flush")

    def beat(self):
        self.done.append("beat")
        return self.pauses.pop(0) if self.pauses else FOREVER


def test_there_is_no_thread_before_there_is_something_to_do():
    before = threading.active_count()
    ledger = Recorder()
    Flusher(ledger, 0.0)
    assert threading.active_count() == before


def test_it_flushes_when_it_is_called_and_once_for_several_calls():
    ledger = Recorder()
    flusher = Flusher(ledger, FOREVER)
    flusher.wake(FOREVER)
    flusher.wake(0.0)
    until(lambda: ledger.done == ["flush"])
    flusher.wake(0.0)
    until(lambda: ledger.done == ["flush", "flush"])
    flusher.close()


def test_it_beats_as_often_as_the_last_beat_has_asked_for():
    ledger = Recorder(0.0, 0.0)
    flusher = Flusher(ledger, 0.0)
    flusher.wake(FOREVER)
    until(lambda: ledger.done == ["beat"] * 3)
    flusher.close()


def test_a_beat_that_is_wanted_soon_is_not_put_off():
    ledger = Recorder()
    flusher = Flusher(ledger, FOREVER)
    flusher.wake(0.0, is_beat=True)
    until(lambda: ledger.done == ["beat"])
    flusher.wake(FOREVER, is_beat=True)
    flusher.wake(0.0, is_beat=True)
    until(lambda: ledger.done == ["beat", "beat"])
    flusher.close()
