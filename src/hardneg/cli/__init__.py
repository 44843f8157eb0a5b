"""The command line: each command parses, calls the library once, and prints."""

from hardneg.cli.app import main

__all__ = ["main"]
