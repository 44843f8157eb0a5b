"""Moved to `hardneg.runs.record`; this name stays for one version."""

import warnings

from hardneg.runs.record import Record, TaskState, read_record, recording

__all__ = ["Record", "TaskState", "read_record", "recording"]

warnings.warn(
    "hardneg.live.record is now hardneg.runs.record; the old name goes with the next version",
    DeprecationWarning,
    stacklevel=2,
)
