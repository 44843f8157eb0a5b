"""Whether files are what was written."""

from collections.abc import Iterator
from pathlib import Path

from hardneg.checksums import SUMS, sums_of
from hardneg.runs.done import damage_below
from hardneg.verbs.verifying.checks import Checked

_SHOWN = 5


def check_files(run: Path) -> Iterator[Checked]:
    """Compare all files below a folder with their checksums."""
    lists = [sums_of(path.parent) for path in sorted(run.rglob(SUMS))]
    n_files, n_damaged_lines = sum(len(each.lines) for each in lists), sum(each.n_damaged for each in lists)
    damaged = [str(path.relative_to(run)) for path in damage_below(run)]
    if not n_files:
        detail = "there are none; hardneg wrote this folder before it had them"
        yield Checked("checksums", ".", "not checked", detail)
        return
    if damaged:
        more = f" and {len(damaged) - _SHOWN:,} more" if len(damaged) > _SHOWN else ""
        detail = f"{len(damaged):,} of {n_files:,} files are damaged or missing: {', '.join(damaged[:_SHOWN])}{more}"
        yield Checked("checksums", ".", "wrong", detail)
    else:
        yield Checked("checksums", ".", "fine", f"{n_files:,} files are as they were written")
    if n_damaged_lines:
        detail = f"{n_damaged_lines:,} lines of {SUMS} are damaged; their files could not be compared"
        yield Checked("lists of checksums", ".", "wrong", detail)
