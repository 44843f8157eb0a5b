"""One task of a ladder in a process of its own, with bars on the terminal."""

import sys

from hardneg.cli.display import progress
from hardneg.ladders.worker import main

if __name__ == "__main__":
    with progress(quiet=False):
        sys.exit(main())
