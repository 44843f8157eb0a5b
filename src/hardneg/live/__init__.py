"""Moved to `hardneg.runs`; the names stay for one version."""
