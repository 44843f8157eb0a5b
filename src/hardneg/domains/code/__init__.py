"""Code search: datasets from repositories, and duplicates of code."""

from hardneg.domains.code.source import code_source

__all__ = ["code_source"]
