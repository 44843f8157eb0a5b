"""Checking a run from its files alone: that they are whole, and that each follows from the others."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.arguments import check_places
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.errors import InputError, RunError
from hardneg.notebook import Framed
from hardneg.progress import task
from hardneg.runs import layout
from hardneg.runs.origin import read_dataset_of
from hardneg.runs.parts import readable
from hardneg.runs.state import whole_lines
from hardneg.verbs.verifying.checks import Checked
from hardneg.verbs.verifying.files import check_files
from hardneg.verbs.verifying.measured import check_measured
from hardneg.verbs.verifying.mined import check_mined
from hardneg.verbs.verifying.trained import check_trained


@dataclass(frozen=True, repr=False)
class Verified(Framed):
    """What came of checking a run.

    Args:
        run: Its folder.
        checks: Each thing that was checked, in the order in which a run makes them.
    """

    run: Path
    checks: tuple[Checked, ...]

    @property
    def wrong(self) -> tuple[Checked, ...]:
        """What is not as it should be."""
        return tuple(each for each in self.checks if each.state == "wrong")

    def frame(self) -> pl.DataFrame:
        """Lay out what was checked.

        Returns:
            One row a check: `what`, `where`, `state` and `detail`.
        """
        return pl.DataFrame([asdict(each) for each in self.checks], schema=dict.fromkeys(_COLUMNS, pl.String))

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return {"run": str(self.run), "wrong": len(self.wrong), "checks": [asdict(each) for each in self.checks]}

    def __repr__(self) -> str:
        return f"Verified: {len(self.wrong)} of {len(self.checks)} checks of {self.run} show that something is wrong"


_COLUMNS = ("what", "where", "state", "detail")


def verify(
    run: Path | str, *, dataset: Dataset | Path | str | None = None, full: bool = False, seed: int = 0
) -> Verified:
    """Check a run from its files alone, as `hardneg verify` does; nothing is changed.

    Args:
        run: Folder of a run, of `mine`, `train` or `evaluate`, or of a ladder or a fit.
        dataset: What was mined, or where it is; None takes what the run says.
        full: Ask the filters for all candidates, not for those of a hundred queries.
        seed: Seed of the choice of those queries.

    Returns:
        What was checked, and how it stands.

    Raises:
        RunError: The folder holds no run, or the dataset is not the one that was mined.
    """
    check_places("verify", optional=False, run=run)
    place = Path(run)
    if not place.is_dir():
        raise RunError(f"{place} is no folder; name the folder of a run")
    places = {"mined": mined_places(place), "trained": trained_places(place), "measured": measured_places(place)}
    if not any(places.values()):
        raise RunError(f"{place} holds nothing that was mined, trained or measured; name the folder of a run")
    checks = list(check_files(place))
    data = _dataset(place, dataset) if places["mined"] else None
    with task("verifying", total=sum(map(len, places.values())), unit="folders") as advance:
        for kind, folders in places.items():
            for folder in folders:
                checks += _checked(kind, folder, place, data, full=full, seed=seed)
                advance(1)
    return Verified(place, tuple(checks))


def mined_places(run: Path) -> list[Path]:
    """List the folders below a run that were mined into."""
    return sorted(file.parent for file in run.rglob(layout.MINING))


def trained_places(run: Path) -> list[Path]:
    """List the folders below a run in which a model was trained."""
    return sorted(file.parent for file in run.rglob(layout.TRAINING))


def measured_places(run: Path) -> list[Path]:
    """List the folders below a run with an evaluation."""
    return sorted(file.parent for file in run.rglob(layout.METRICS) if (file.parent / layout.PER_QUERY).exists())


def _checked(
    kind: str, folder: Path, run: Path, dataset: Dataset | None, *, full: bool, seed: int
) -> Iterator[Checked]:
    """Check one folder; what cannot even be read is wrong, and the others are checked all the same."""
    where = str(folder.relative_to(run))
    checks = {
        "mined": lambda: check_mined(folder, dataset, where=where, full=full, seed=seed),
        "trained": lambda: check_trained(folder, where=where),
        "measured": lambda: check_measured(folder, where=where),
    }
    try:
        with readable(folder), whole_lines(folder):
            yield from checks[kind]()
    except InputError as error:
        yield Checked("files", where, "wrong", str(error))


def _dataset(run: Path, dataset: Dataset | Path | str | None) -> Dataset | None:
    if isinstance(dataset, Dataset):
        check_dataset(dataset, purpose="verify")
        return dataset
    if dataset is not None:
        return read_dataset_of(run, dataset)
    try:
        return read_dataset_of(run)
    except InputError:
        return None
