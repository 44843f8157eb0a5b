"""`python -m hardneg`, the same as `hardneg`."""

import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    # A recipe may name the user's own components, `use = "my_module:MyFilter"`, in a module beside their work.
    sys.path.insert(0, "")
    from hardneg.cli import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
