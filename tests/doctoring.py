"""Run folders that somebody changed who knew of checksums, and what `hardneg verify` says of them."""

import json
import shutil

import numpy as np
from safetensors.numpy import load_file, save_file

from hardneg.checksums import SUMS
from hardneg.verbs.verify import verify


def copy_of(run, place):
    """A copy of a run without its checksums."""
    shutil.copytree(run, place)
    for path in place.rglob(SUMS):
        path.unlink()
    return place


def wrong(folder, **options):
    """What is wrong in a folder, and where."""
    return [(each.what, each.where) for each in verify(folder, full=True, **options).wrong]


def kinds(folder):
    """What was checked, and how it stands; each once."""
    return {(each.what, each.state) for each in verify(folder).checks}


def change_json(path, change):
    """Change an object of JSON in its place, and its copy."""
    state = json.loads(path.read_text())
    change(state)
    for place in (path, path.with_name(f".{path.name}.copy")):
        if place.exists():
            place.write_text(json.dumps(state))


def change_weight(model, *, by=0.5):
    """Change one number of a model, of a token that few texts have."""
    path = next(model.rglob("model.safetensors"))
    weights = load_file(path)
    name = max(weights, key=lambda each: weights[each].size)
    changed = np.array(weights[name])
    changed.flat[-1] += by
    path.unlink()  # not in place: the file may have other names
    save_file(weights | {name: changed}, path, metadata={"format": "pt"})
