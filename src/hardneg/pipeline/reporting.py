"""Reading a run folder for its report, whatever of a run it holds, and writing `report.html` into it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError, MissingExtraError, RunError
from hardneg.files import replacing
from hardneg.pipeline.ladder_contents import read_ladder, read_ladder_facts
from hardneg.pipeline.parts import readable
from hardneg.pipeline.run_contents import read_audited, read_mined, read_placed, read_rows, read_trained
from hardneg.pipeline.state import read_state

if TYPE_CHECKING:
    from hardneg.report.contents import Contents
    from hardneg.report.examples import Caps

_NO_TEXTS = "The dataset is not at hand, so queries and documents are shown by id: name it with --dataset."


def check_report() -> None:
    """Make sure that a report can be written; a MissingExtraError if jinja2 is not installed."""
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("jinja2", extra="report", purpose="the report") from error


def write_report(
    folder: Path | str,
    *,
    dataset: Dataset | None = None,
    out: Path | str | None = None,
    seed: int = 0,
    caps: "Caps | None" = None,
) -> Path:
    """Write the report of a run folder: one HTML file that needs nothing else.

    Args:
        folder: A folder of `run`, `mine`, `train` or `evaluate`, finished or not; what it lacks is left out.
        dataset: What was mined, for the texts; None reads what the folder's recipe names, and shows ids if that is
            not there.
        out: The file; `report.html` in the folder if None.
        seed: Of the draw of examples.
        caps: How many examples are shown.

    Returns:
        The file.

    Raises:
        RunError: The folder is not there, holds nothing to report or something damaged, or the dataset is another.
        MissingExtraError: jinja2 is not installed.
    """
    check_report()
    from hardneg.report.page import page

    folder = Path(folder)
    contents = read_contents(folder, dataset=dataset, seed=seed)
    with readable(folder):
        text = page(contents, caps=caps)
    place = folder / "report.html" if out is None else Path(out)
    with replacing(place) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return place


def read_contents(folder: Path, *, dataset: Dataset | None = None, seed: int = 0) -> "Contents":
    """Read what a report of a folder is made of.

    Args:
        folder: As for `write_report`.
        dataset: As for `write_report`.
        seed: Of the draw of examples.

    Returns:
        Everything that is there.

    Raises:
        RunError: As for `write_report`.
    """
    from hardneg.report.contents import Contents

    if not folder.is_dir():
        raise RunError(f"{folder} is no folder; name the folder of a run")
    manifest = read_state(folder / "manifest.json", keys=("recipe", "stages"))
    mined, unfinished = read_mined(folder)
    rows = read_rows(folder, manifest.get("chain", []))
    trained, audits, ladder = list(read_trained(folder)), list(read_audited(folder)), read_ladder(folder)
    if not (mined or rows or trained or audits or ladder is not None):
        raise RunError(
            f"{folder} holds nothing to report; name the folder of a run, of mined negatives, of a training or of an "
            "evaluation"
        )
    recipe = _recipe(folder)
    data, why_not = _dataset(folder, dataset, recipe) if mined or rows else (None, [])
    texts = (
        None
        if data is None
        else {
            "queries": data.queries.select("id", "text"),
            "documents": data.documents.select("id", text=data.document_texts),
        }
    )
    return Contents(
        name=recipe.get("name") or folder.resolve().name,
        facts=_facts(manifest, recipe, data) if ladder is None else read_ladder_facts(folder),
        mined=mined,
        trained=trained,
        rows=rows,
        placed=read_placed(folder, rows),
        stages=manifest.get("stages", {}),
        machine=manifest.get("machine", ""),
        audits=audits,
        ladder=ladder,
        texts=texts,
        notes=[*unfinished, *why_not],
        seed=seed,
    )


def _recipe(folder: Path) -> dict[str, Any]:
    file = folder / "recipe.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _dataset(folder: Path, given: Dataset | None, recipe: Mapping[str, Any]) -> tuple[Dataset | None, list[str]]:
    """Find the texts: what was given, what the run built, or what its recipe names; else say why there are none."""
    expected = {
        state["dataset"]
        for file in (folder / "mining.json", *folder.glob("stages/*/mining.json"))
        if (state := read_state(file, keys=()))
    }
    if given is not None:
        if expected and given.fingerprint not in expected:
            raise RunError(f"{given.name} is not the dataset that was mined into {folder}; name the one that was")
        return given, []
    settings = recipe.get("dataset", {})
    place = folder / "dataset" if (folder / "dataset" / "qrels.parquet").exists() else settings.get("path")
    if place is None or str(place).startswith("hf:"):
        return None, [_NO_TEXTS]
    try:
        found = read_dataset(place, skip_invalid=settings.get("skip_invalid", False))
    except (DatasetError, OSError):
        return None, [_NO_TEXTS]
    if expected and found.fingerprint not in expected:
        return None, [f"{place} has changed since it was mined, so queries and documents are shown by id."]
    return found, []


def _facts(manifest: Mapping[str, Any], recipe: Mapping[str, Any], data: Dataset | None) -> list[tuple[str, str]]:
    counts, versions = manifest.get("counts", {}), manifest.get("versions", {})
    said = {
        "dataset": data.name if data is not None else "",
        "model": str(recipe.get("model", "")),
        "documents": f"{counts['documents']:,}" if counts else "",
        "training pairs": f"{counts['train_pairs']:,}" if counts else "",
        "test queries": f"{counts['test_queries']:,}" if counts else "",
        "seeds": ", ".join(map(str, recipe.get("seeds") or [manifest["seed"]])) if "seed" in manifest else "",
        "hardneg": versions.get("hardneg", ""),
    }
    return [(name, value) for name, value in said.items() if value]
