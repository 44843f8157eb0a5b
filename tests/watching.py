"""A display that notes which tasks were shown, and how far each came."""

from contextlib import contextmanager


class Watching:
    """Keeps `(description, total, unit)` of each task, and the steps in which it went on."""

    def __init__(self):
        self.tasks = []
        self.steps = []

    @contextmanager
    def task(self, description, *, total, unit):
        steps = []
        self.tasks.append((description, total, unit))
        self.steps.append(steps)
        yield steps.append

    def finished(self):
        """The tasks that came to their total, by description."""
        shown = zip(self.tasks, self.steps, strict=True)
        return {description for (description, total, _), steps in shown if sum(steps) == total}
