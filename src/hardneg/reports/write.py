"""Reading a run folder for its report, whatever of a run it holds, and writing `report.html` into it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.arguments import check_places, check_whole
from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError, MissingExtraError, RunError
from hardneg.files import check_links, replacing
from hardneg.reports.contents import Contents
from hardneg.reports.examples import Caps
from hardneg.reports.read_fit import read_race
from hardneg.reports.read_ladder import (
    ladder_dataset,
    ladder_state,
    read_ladder,
    read_ladder_minings,
    read_ladder_placed,
    read_ladder_trainings,
)
from hardneg.reports.read_run import read_audits, read_minings, read_placed, read_rows, read_trainings
from hardneg.runs import layout
from hardneg.runs.joining import check_data
from hardneg.runs.lock import writing_file
from hardneg.runs.origin import dataset_settings
from hardneg.runs.parts import readable
from hardneg.runs.state import read_recipe, read_state, whole_lines

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
    caps: Caps | None = None,
    allow_other_data: bool = False,
) -> Path:
    """Write the report of a run folder, as `report` does, with the caps of examples as they are given."""
    check_report()
    from hardneg.reports.page import page

    folder = Path(folder)
    with readable(folder), whole_lines(folder):  # figures are made of what may be another's numbers
        contents = read_contents(folder, dataset=dataset, seed=seed, allow_other_data=allow_other_data)
        text = page(contents, caps=caps)
    place = folder / layout.REPORT if out is None else Path(out)
    with replacing(place, sums=out is None) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return place


def report(
    run: Path | str,
    *,
    dataset: Dataset | None = None,
    out: Path | str | None = None,
    seed: int = 0,
    examples: int = 200,
    allow_other_data: bool = False,
) -> Path:
    """Write one page that shows what was mined, what was refused and why, and what it did to the model.

    Args:
        run: Folder of a run, or of what one command or one verb wrote, finished or not; what it lacks is left out.
        dataset: What was mined, for its texts; None reads what the folder names, and shows ids if that is not there.
        out: The file; `report.html` in the folder if None.
        seed: Of the draw of examples.
        examples: Queries to show, the hardest and some by chance.
        allow_other_data: Whether the labels of `dataset` may be others than those that were mined with.

    Returns:
        The file: one page of HTML that needs nothing else.

    Raises:
        RunError: The folder is not there, holds nothing to report or something damaged, or the dataset is another.
        MissingExtraError: jinja2 is not installed.
    """
    check_whole("report", least=1, examples=examples)
    check_whole("report", least=0, seed=seed)
    check_places("report", optional=False, run=run)
    check_places("report", out=out)
    check_report()
    from hardneg.reports.examples import Caps

    hardest = -(-examples // 4)
    caps = Caps(sampled=examples - hardest, hardest=hardest)
    file = Path(out) if out is not None else Path(run) / layout.REPORT
    with writing_file(file if Path(run).is_dir() else None):
        return write_report(run, dataset=dataset, out=out, seed=seed, caps=caps, allow_other_data=allow_other_data)


def read_contents(
    folder: Path, *, dataset: Dataset | None = None, seed: int = 0, allow_other_data: bool = False
) -> Contents:
    """Read what a report of a folder is made of; a RunError if that is nothing, or damaged."""
    if not folder.is_dir():
        raise RunError(f"{folder} is no folder; name the folder of a run")
    check_links(folder)
    of = _of_ladder if (folder / layout.LADDER).exists() else _of_fit if (folder / layout.FIT).exists() else _of_run
    contents = of(folder, dataset, allow_other_data=allow_other_data)
    contents = replace(contents, audits=list(read_audits(folder)), seed=seed)
    if not (contents.mined or contents.rows or contents.trained or contents.audits or contents.ladder):
        raise RunError(
            f"{folder} holds nothing to report; {_begun(contents)}name the folder of a run, of mined negatives, of a "
            "training or of an evaluation"
        )
    return contents


def _begun(contents: Contents) -> str:
    """Say what was begun in a folder that has nothing to report, and how it goes on."""
    return f"{' '.join(contents.notes)} The command that began it goes on; or " if contents.notes else ""


def _of_run(folder: Path, dataset: Dataset | None, *, allow_other_data: bool) -> Contents:
    manifest = read_state(folder / layout.MANIFEST, keys=("recipe", "stages"))
    recipe = read_recipe(folder)
    mined, unfinished = read_minings(folder)
    rows = read_rows(folder, manifest.get("chain", []))
    settings = dataset_settings(folder) if mined or rows else None
    data, why_not = _dataset(folder, dataset, settings, allow_other_data=allow_other_data)
    facts = {
        "dataset": data.name if data is not None else "",
        "model": recipe.get("model"),
        "seeds": recipe.get("seeds") or [manifest["seed"]] if "seed" in manifest else [],
        **_read_as(manifest, data),
    }
    return Contents(
        name=recipe.get("name") or folder.resolve().name,
        facts=_facts(manifest.get("counts", {}), manifest.get("versions", {}), facts),
        mined=mined,
        trained=list(read_trainings(folder)),
        rows=rows,
        placed=read_placed(folder, rows),
        stages=manifest.get("stages", {}),
        machine=manifest.get("machine", ""),
        texts=_texts(data),
        notes=[*unfinished, *why_not],
    )


def _of_fit(folder: Path, dataset: Dataset | None, *, allow_other_data: bool) -> Contents:
    """Read a fit: the run of the winner, in-batch training beside it, and the race before."""
    contents = _of_run(folder / layout.FINAL_RUN, dataset, allow_other_data=allow_other_data)
    base = read_rows(folder / layout.FINAL_BASE, []) if (folder / layout.FINAL_BASE).is_dir() else []
    first = [row for row in contents.rows if row is not contents.rows[-1]]
    rows = [*first, *(row for row in base if row.name == "in_batch"), *contents.rows[-1:]]
    return replace(contents, name=folder.resolve().name, rows=rows, race=read_race(folder))


def _of_ladder(folder: Path, dataset: Dataset | None, *, allow_other_data: bool) -> Contents:
    state = ladder_state(folder)
    ladder = read_ladder(folder, state)
    mined = read_ladder_minings(folder, state, first=ladder.subject)
    settings = ladder_dataset(folder) if mined else None
    data, why_not = _dataset(folder, dataset, settings, allow_other_data=allow_other_data)
    counts = state.get("dataset", {})
    steps = {number for rung in state["rungs"] for number in rung.get("steps", {}).values()}
    facts = {
        "dataset": counts.get("name"),
        "model": state.get("model"),
        "seeds": state.get("seeds", ()),
        "steps": f"{steps.pop():,}" if len(steps) == 1 else None,
        "machine": state.get("machine"),
    }
    return Contents(
        name=folder.resolve().name,
        facts=_facts(counts, state.get("versions", {}), facts),
        mined=mined,
        trained=list(read_ladder_trainings(folder, state)),
        placed=read_ladder_placed(folder, state),
        ladder=ladder,
        texts=_texts(data),
        notes=why_not,
    )


def _facts(counts: Mapping[str, Any], versions: Mapping[str, str], facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List what ran on what, for the line at the top of a page; what is not known is left out."""
    numbers = {"documents": "documents", "training pairs": "train_pairs", "test queries": "test_queries"}
    every = {
        "dataset": facts["dataset"],
        "model": facts["model"],
        **{name: f"{counts[key]:,}" for name, key in numbers.items() if key in counts},
        **facts,
        "seeds": ", ".join(map(str, facts["seeds"])),
        "hardneg": versions.get("hardneg"),
    }
    return [(name, str(value)) for name, value in every.items() if value]


def _read_as(manifest: Mapping[str, Any], data: Dataset | None) -> dict[str, str]:
    """Say which column, field or file became what."""
    mapping = data.mapping if data is not None else None
    if "mapping" in manifest:  # of what was read; `data` may be what a run made of it
        mapping = FieldMapping.from_dict(manifest["mapping"])
    if mapping is None:
        return {}
    fields = "; ".join(f"{role} ← {source}" for role, source in mapping.fields)
    return {"read as": mapping.layout, "fields": fields, "ignored fields": "; ".join(mapping.ignored)}


def _texts(data: Dataset | None) -> dict[str, pl.DataFrame] | None:
    if data is None:
        return None
    documents = data.documents.select("id", text=data.document_texts)
    return {"queries": data.queries.select("id", "text"), "documents": documents}


def _dataset(
    folder: Path, given: Dataset | None, settings: Mapping[str, Any] | None, *, allow_other_data: bool
) -> tuple[Dataset | None, list[str]]:
    """Find the texts: what was given, what the run built, or what its recipe names; else say why there are none.

    Settings of None say that nothing is shown of any text.
    """
    if settings is None:
        return None, []
    patterns = (layout.MINING, f"stages/*/{layout.MINING}", f"shared/mined/*/{layout.MINING}")
    places = [file.parent for pattern in patterns for file in sorted(folder.glob(pattern))]
    if given is not None:
        notes = [check_data(place, given, allow_other_data=allow_other_data) for place in places]
        return given, [f"{note}." for note in notes if note]
    path = settings.get("path")
    if path is None or str(path).startswith("hf:"):
        return None, [_NO_TEXTS]
    try:
        mapping = {key: value for key, value in settings.items() if key not in ("path", "skip_invalid")}
        data = read_dataset(path, mapping=mapping, skip_invalid=settings.get("skip_invalid", False))
    except (DatasetError, OSError):
        return None, [_NO_TEXTS]
    try:
        notes = [check_data(place, data, allow_other_data=True) for place in places]
    except RunError:
        return None, [f"{path} has changed since it was mined, so queries and documents are shown by id."]
    return data, [f"{note}." for note in notes if note]
