"""Checking a run from its files alone: that they are whole, and that each follows from the others."""

from collections.abc import Callable, Iterator
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
from hardneg.runs.state import MISFITS, whole_lines
from hardneg.scoring.folds import FOLDS, RECORD
from hardneg.verbs.verifying.checks import Checked
from hardneg.verbs.verifying.data import datasets_of, further_of
from hardneg.verbs.verifying.encoded import check_encoded
from hardneg.verbs.verifying.files import check_files
from hardneg.verbs.verifying.handed import check_handed
from hardneg.verbs.verifying.measured import check_measured
from hardneg.verbs.verifying.mined import check_mined
from hardneg.verbs.verifying.scored import check_scored, is_scored
from hardneg.verbs.verifying.summed import check_fit, check_ladder
from hardneg.verbs.verifying.teachers import check_teacher
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
        run: Folder of a run, of a ladder or a fit, of a teacher, or of what one command wrote; or a file of scores.
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
    if not (place.is_dir() or is_scored(place)):
        raise RunError(f"{place} is no folder; name the folder of a run, or a file of scores")
    root = place if place.is_dir() else place.parent
    places = {kind: find(place) for kind, find in _PLACES.items()} if place.is_dir() else {"scored": [place]}
    if not any(places.values()):
        raise RunError(
            f"{place} holds nothing that was mined, trained, measured, scored or encoded; name the folder of a run"
        )
    checks = [*check_files(place), *check_handed(place)] if place.is_dir() else []
    data = _datasets(root, dataset) if any(places.get(kind) for kind in ("mined", "scored", "taught")) else []
    with task("verifying", total=sum(map(len, places.values())), unit="folders") as advance:
        for kind, folders in places.items():
            for folder in folders:
                checks += _checked(kind, folder, root, data, full=full, seed=seed)
                advance(1)
    return Verified(place, tuple(checks))


def _below(name: str) -> Callable[[Path], list[Path]]:
    """Find the folders below a run that hold a file of some name."""
    return lambda run: sorted(file.parent for file in run.rglob(name))


def _measured_places(run: Path) -> list[Path]:
    return [place for place in _below(layout.METRICS)(run) if (place / layout.PER_QUERY).exists()]


def _teacher_places(run: Path) -> list[Path]:
    return [place for place in _below(RECORD)(run) if (place / FOLDS).exists()]


def _scored_files(run: Path) -> list[Path]:
    return [file for file in sorted(run.rglob("*.parquet")) if is_scored(file)]


_PLACES: dict[str, Callable[[Path], list[Path]]] = {
    "mined": _below(layout.MINING),
    "scored": _scored_files,
    "taught": _teacher_places,
    "trained": _below(layout.TRAINING),
    "measured": _measured_places,
    "climbed": _below(layout.LADDER),
    "fitted": _below(layout.FIT),
    "encoded": _below(layout.ENCODING),
}


def _checked(
    kind: str, folder: Path, run: Path, datasets: list[Dataset], *, full: bool, seed: int
) -> Iterator[Checked]:
    """Check one folder; what cannot even be read is wrong, and the others are checked all the same."""
    where = str(folder.relative_to(run))
    first = next(iter(datasets), None)
    checks: dict[str, Callable[[], Iterator[Checked]]] = {
        "mined": lambda: check_mined(folder, datasets, where=where, full=full, seed=seed),
        "scored": lambda: check_scored(folder, first, where=where),
        "taught": lambda: check_teacher(folder, first, where=where),
        "trained": lambda: check_trained(folder, where=where),
        "measured": lambda: check_measured(folder, where=where),
        "climbed": lambda: check_ladder(folder, where=where),
        "fitted": lambda: check_fit(folder, where=where),
        "encoded": lambda: check_encoded(folder, where=where),
    }
    try:
        with readable(folder), whole_lines(folder):
            yield from checks[kind]()
    except InputError as error:
        yield Checked("files", where, "wrong", str(error))
    except (*MISFITS, OSError, pl.exceptions.PolarsError) as error:
        detail = f"they do not fit each other ({type(error).__name__}: {error})"
        yield Checked("files", where, "wrong", detail)


def _datasets(run: Path, dataset: Dataset | Path | str | None) -> list[Dataset]:
    if isinstance(dataset, Dataset):
        check_dataset(dataset, purpose="verify")
        return [dataset]
    return datasets_of(run) if dataset is None else [read_dataset_of(run, dataset), *further_of(run)]
