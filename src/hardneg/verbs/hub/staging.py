"""What is pushed: files of a run, copied into a folder of their own with a card; nothing else of the run leaves."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError, RunError
from hardneg.exports.write import Wish, write
from hardneg.files import check_links
from hardneg.hiding import hide
from hardneg.pipeline.joined import join
from hardneg.runs import layout
from hardneg.runs.parts import part_files
from hardneg.runs.state import read_recipe, read_state
from hardneg.verbs.hub.dataset_card import dataset_card
from hardneg.verbs.hub.facts import NEGATIVES, TRIPLETS, read_facts, without_places
from hardneg.verbs.hub.model_card import CARD, licensed, run_card

What = Literal["negatives", "model"]

MODULES = "modules.json"
# Of a model's folder what holds no objects and no code: weights, tokenizers and settings.
DATA = (".json", ".safetensors", ".txt", ".model", ".onnx", ".md", ".toml", ".jinja", ".parquet", ".tiktoken")
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}")


def check_license(license_id: str | None) -> str:
    """Insist on a license: texts of a dataset are given away, or what was learned from them."""
    if license_id is None:
        raise RecipeError(
            "push: say with --license under which license the texts may be given on (cc-by-4.0, apache-2.0, other, …); "
            "hardneg cannot know it. `--license unknown` says on the card that you do not know"
        )
    if not _LICENSE.fullmatch(license_id):
        raise RecipeError(f"push: license {license_id[:40]!r} is no identifier as a Hub has it, such as cc-by-4.0")
    return license_id


def choose(folder: Path, what: str | None) -> What:
    """Say what of a folder is pushed; a RecipeError where that is not clear."""
    if not folder.is_dir():
        raise RunError(f"{folder} is no folder; name a run (`hardneg run`, `mine`, `fit`, `train`) or a model")
    check_links(folder)
    there: dict[str, What] = {}
    if (folder / layout.FUNNEL).exists():
        there["negatives"] = "negatives"
    if model_in(folder) is not None:
        there["model"] = "model"
    if what is not None and what not in there:
        raise RecipeError(
            f"push: {folder} holds no {what}; it holds {' and '.join(there) or 'neither negatives nor model'}"
        )
    if not there:
        raise RunError(
            f"{folder} holds neither mined negatives nor a model; `hardneg mine` or `hardneg train` makes them"
        )
    if what is None and len(there) > 1:
        raise RecipeError(
            f"push: {folder} holds negatives and a model; say which with --what negatives or --what model"
        )
    return there[what or next(iter(there))]


def model_in(folder: Path) -> Path | None:
    """Find the model of a run, a fit or a training, or the folder itself if it is one."""
    places = (folder, folder / "model", folder / "best" / "model")
    return next((place for place in places if (place / MODULES).is_file()), None)


def stage_negatives(run: Path, to: Path, *, name: str, license_id: str, dataset: Dataset | None = None) -> None:
    """Copy mined negatives, write them with their texts, and write the card from what was copied."""
    joined = join("push", dataset, run, split=None, allow_other_data=False)
    if joined.n_answers:
        raise RunError(f"{run}: {joined.n_answers:,} negatives are answers by now; mine anew, and push that")
    (to / NEGATIVES).mkdir()
    for file in part_files(run / NEGATIVES):
        shutil.copyfile(file, to / NEGATIVES / file.name)
    for state in (layout.MINING, layout.FUNNEL, *layout.AUDITS.values()):
        if (run / state).exists():
            content = json.dumps(read_state(run / state, keys=()), indent=2, ensure_ascii=False)
            (to / state).write_text(without_places(hide(content)) + "\n", encoding="utf-8")
    wish = Wish("triplet", joined.split)
    write(wish, joined.dataset, joined.negatives, to / TRIPLETS, found=joined.found, n_answers=0)
    for extra in to.glob(f"{TRIPLETS}.*"):
        extra.unlink()
    card = dataset_card(read_facts(to), name=name, dataset=joined.dataset.name, license_id=license_id)
    (to / CARD).write_text(hide(card), encoding="utf-8")


def stage_model(folder: Path, to: Path, *, name: str, license_id: str) -> None:
    """Copy a model without anything that is code or could be, and write its card; a fit's own card stays."""
    model = model_in(folder)
    assert model is not None
    for file in _data_files(model):
        place = to / file.relative_to(model)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    has_card = (folder / layout.FIT).exists() and (model / CARD).exists()
    card = (
        licensed((model / CARD).read_text(encoding="utf-8"), license_id)
        if has_card
        else run_card(_run_of(folder), model, name=name, license_id=license_id)
    )
    (to / CARD).write_text(without_places(hide(card)), encoding="utf-8")


def _data_files(model: Path) -> Iterator[Path]:
    for file in sorted(model.rglob("*")):
        inside = file.relative_to(model)
        hidden = any(part.startswith(".") for part in inside.parts)
        if not hidden and file.is_file() and file.suffix in DATA and inside != Path(CARD):
            yield file


def _run_of(folder: Path) -> Path:
    """Find the run that a model lies in."""
    return folder.parent if not read_recipe(folder) and read_recipe(folder.parent) else folder
