"""Moved to `hardneg.runs.found`; this name stays for one version."""

import warnings

from hardneg.runs.found import found_of, read_found, with_found

__all__ = ["found_of", "read_found", "with_found"]

warnings.warn(
    "hardneg.pipeline.found is now hardneg.runs.found; the old name goes with the next version",
    DeprecationWarning,
    stacklevel=2,
)
