"""Whether a trained model loads and gives the vectors that it gave when it was saved."""

from collections.abc import Iterator
from pathlib import Path

from hardneg.errors import InputError
from hardneg.runs import layout
from hardneg.runs.state import read_state
from hardneg.training.folder import TrainingFolder
from hardneg.verbs.verifying.checks import Checked

_MOST = 1e-3  # that rounding on another processor may take a vector away


def check_trained(place: Path, *, where: str) -> Iterator[Checked]:
    """Check one training."""
    folder = TrainingFolder(place)
    result = read_state(place / layout.TRAINING, keys=("result",))["result"]
    if result is None:
        yield Checked("training", where, "not checked", "it is not finished: the same command goes on")
        return
    n_lines = len(folder.records())
    if n_lines != result["n_steps"]:
        yield Checked(
            "training", where, "wrong", f"{n_lines:,} steps are in its log, and {result['n_steps']:,} were done"
        )
    else:
        yield Checked("training", where, "fine", f"{n_lines:,} steps, all in its log")
    yield check_model(folder.path, folder.model, where=where)


def check_model(kept: Path, model: Path, *, where: str) -> Checked:
    """Check a model by what was written down in a folder when it was saved."""
    what = "model"
    if not model.is_dir():
        return Checked(what, where, "not checked", "it was not kept")
    from hardneg.training.sample_vectors import compared

    try:
        again = compared(kept, model)
    except InputError as error:
        return Checked(what, where, "wrong", str(error))
    if again is None:
        return Checked(what, where, "not checked", "its vectors were not written down when it was saved; it loads")
    if again.off > _MOST:
        detail = f"its vectors are off by up to {again.off:.2g} from those when it was saved"
        return Checked(what, where, "wrong", detail)
    if not again.has_same_weights:
        return Checked(what, where, "wrong", "its weights are not those that were saved")
    return Checked(what, where, "fine", f"it loads, and its vectors are off by {again.off:.1g} at most")
