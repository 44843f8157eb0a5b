"""A display that stops a training run as Ctrl-C would."""

import signal


class StopAtOnce:
    """Stops the run after its first step."""

    def task(self, description, *, total, unit):
        return self

    def __enter__(self):
        return lambda pairs: pairs and signal.raise_signal(signal.SIGINT)

    def __exit__(self, *exception):
        return None
