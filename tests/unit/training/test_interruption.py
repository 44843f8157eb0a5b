import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from hardneg.training.interruption import noticing_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_handlers_come_back(number):
    before = signal.getsignal(number)
    with noticing_signals() as asked_to_stop:
        assert not asked_to_stop()
        signal.raise_signal(number)
        assert asked_to_stop()
    assert signal.getsignal(number) is before


def test_the_second_signal_acts_as_always():
    with noticing_signals():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_outside_the_main_thread_nothing_is_caught():
    def work():
        with noticing_signals() as asked_to_stop:
            return asked_to_stop()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() is False
