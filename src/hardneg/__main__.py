"""`python -m hardneg`, the same as `hardneg`."""

import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    from hardneg.cli import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
