"""Displays that stop a run as Ctrl-C would, and what a run leaves behind."""

import signal
from contextlib import nullcontext


class StopAfter:
    """Sends this process a signal once so many pairs were trained on; other units do not count."""

    def __init__(self, pairs, number=signal.SIGINT):
        self.left, self.number = pairs, number

    def task(self, description, *, total, unit):
        return nullcontext(self.advance if unit == "pairs" else lambda _: None)

    def advance(self, units):
        self.left -= units
        if self.left <= 0 < self.left + units:
            signal.raise_signal(self.number)


class StopDuring(StopAfter):
    """Presses Ctrl-C once so many units of a task are done, over all tasks of that name."""

    def __init__(self, description, units):
        super().__init__(units)
        self.description = description

    def task(self, description, *, total, unit):
        return nullcontext(self.advance if description == self.description else lambda _: None)


class StopAtOnce:
    """Stops training after its first step."""

    def task(self, description, *, total, unit):
        return nullcontext(lambda pairs: pairs and signal.raise_signal(signal.SIGINT))


def weights(folder):
    """The bytes of a trained model, given the folder of its run."""
    return (folder / "model" / "model.safetensors").read_bytes()
