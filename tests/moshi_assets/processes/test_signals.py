"""Ctrl-C ends a command wherever it comes."""

import signal

import pytest

from moshi_assets.processes.signals import SignalRecord


class Deaf:
    """Python cannot raise KeyboardInterrupt out of a destructor: it prints it, and goes on."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_is_heeded_that_came_where_its_exception_is_lost():
    signals = SignalRecord()
    with signals.recording():
        signals.heed()  # nothing came yet
        Deaf()
        with pytest.raises(KeyboardInterrupt):
            signals.heed()


def test_nothing_is_recorded_after_its_time():
    signals = SignalRecord()
    with signals.recording():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert not signals.received
