"""Moved to `hardneg.report.write`; this name stays for one version."""

import warnings

from hardneg.report.write import read_contents, write_report

__all__ = ["read_contents", "write_report"]

warnings.warn(
    "hardneg.pipeline.reporting is now hardneg.report.write; the old name goes with the next version",
    DeprecationWarning,
    stacklevel=2,
)
