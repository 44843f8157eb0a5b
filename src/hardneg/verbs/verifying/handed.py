"""Whether a model that is handed over is one that was trained below the same folder, or the one that was given."""

from collections.abc import Iterator
from pathlib import Path

from hardneg.checksums import SUMS, digest
from hardneg.runs import layout
from hardneg.verbs.verifying.checks import Checked
from hardneg.verbs.verifying.trained import check_model

_CARDS = (".md",)


def check_handed(run: Path) -> Iterator[Checked]:
    """Compare the models of runs, of a ladder's best rung and of a fit with those that were trained."""
    places = [file.parent / "model" for file in sorted(run.rglob(layout.MANIFEST))]
    places += [run / layout.BEST / "model", *([run / "model"] if (run / layout.FIT).exists() else [])]
    trained: dict[Path, dict[str, str]] = {}
    for place in filter(Path.is_dir, places):
        where, contents = str(place.relative_to(run)), _contents(place)
        trained = trained or {each: _contents(each) for each in sorted(run.rglob("training/*/model"))}
        if contents in trained.values():
            yield Checked("model", where, "fine", "it is one of those that were trained")
        elif (place.parent / layout.VECTORS).exists():  # a fit hands over the model that it was given
            yield check_model(place.parent, place, where=where)
        else:
            yield Checked("model", where, "wrong", "it is none of those that were trained")


def _contents(model: Path) -> dict[str, str]:
    files = (file for file in sorted(model.rglob("*")) if file.is_file() and file.name != SUMS)
    return {str(file.relative_to(model)): digest(file) for file in files if file.suffix not in _CARDS}
