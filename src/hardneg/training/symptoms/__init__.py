"""Signs, in the log of a training, of negatives that are answers."""

from hardneg.training.symptoms.report import symptoms

__all__ = ["symptoms"]
