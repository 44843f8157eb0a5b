"""The winner of a ladder, where people look for it: its model and its recipe."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from hardneg.checksums import checked
from hardneg.files import replacing_folder
from hardneg.ladders.plan import LadderPlan, TaskRecord
from hardneg.runs import layout
from hardneg.runs.folder import link_tree


def keep_best(plan: LadderPlan, records: Mapping[str, TaskRecord], folder: Path, name: str | None) -> Path | None:
    """Put the model of a rung's first seed and its recipe into `best/`, as links where the file system has them.

    Where no rung is named, or one that trains nothing, there is no such folder.
    """
    target = folder / layout.BEST
    figures = {} if name is None else records[f"climb-{name}"].found
    if "models" not in figures:
        shutil.rmtree(target, ignore_errors=True)
        return None
    with replacing_folder(target) as temporary:
        link_tree(folder / figures["models"][str(plan.seeds[0])], temporary / "model")
        shutil.copyfile(checked(folder / figures["place"] / layout.RECIPE), temporary / layout.RECIPE)
    return target
