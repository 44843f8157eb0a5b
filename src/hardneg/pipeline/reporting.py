"""Reading a run folder for its report, whatever of a run it holds, and writing `report.html` into it."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError, MissingExtraError, RunError
from hardneg.files import replacing
from hardneg.pipeline.parts import part_files, read_table, readable, scan_parts
from hardneg.pipeline.state import read_state

if TYPE_CHECKING:
    from hardneg.evaluation.row import Row
    from hardneg.report.contents import Audited, Contents, Ladder, Mining, Training
    from hardneg.report.examples import Caps

_FIRST = ("bm25", "zero_shot", "in_batch")  # rows, before those of the run's own stages
_AUDITS = ("audit*.json", "frontier*.json", "calibrat*.json")
_SEED = re.compile(r"-seed(\d+)$")
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
    mined, unfinished = _mined(folder)
    rows = _rows(folder, manifest.get("chain", []))
    trained, audits, ladder = list(_trained(folder)), list(_audits(folder)), _ladder(folder)
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
        facts=_facts(manifest, recipe, data),
        mined=mined,
        trained=trained,
        rows=rows,
        placed=_placed(folder, rows),
        stages=manifest.get("stages", {}),
        machine=manifest.get("machine", ""),
        audits=audits,
        ladder=ladder,
        texts=texts,
        notes=[*unfinished, *why_not],
        seed=seed,
    )


def _mined(folder: Path) -> "tuple[list[Mining], list[str]]":
    """Read what was mined, in the folder itself or by its stages; what is half mined is only named."""
    places = [("", folder), *((each.name, each) for each in sorted(folder.glob("stages/*")))]
    mined, unfinished = [], []
    for stage, place in places:
        if not (place / "mining.json").exists():
            continue
        if (place / "funnel.json").exists() and part_files(place / "candidates"):
            mined.append(_mining(stage, place))
        else:
            unfinished.append(f"Mining {f'of {stage} ' if stage else ''}is not finished, and is left out.")
    return mined, unfinished


def _mining(stage: str, place: Path) -> "Mining":
    from hardneg.audit.fit_findings import fit_findings, read_fits
    from hardneg.report.contents import Mining

    state = read_state(place / "mining.json", keys=("filters", "select"))
    funnel = read_state(place / "funnel.json", keys=("queries", "candidates", "dropped", "selected", "sources"))
    with readable(place):
        candidates, negatives = scan_parts(place / "candidates"), scan_parts(place / "negatives")
        candidates.collect_schema(), negatives.collect_schema()
    per_query = re.search(r"per_query=(\d+)", str(state["select"]))
    return Mining(
        stage=stage,
        candidates=candidates,
        negatives=negatives,
        funnel=funnel,
        filters=[_filter_name(text) for text in state["filters"]],
        per_query=int(per_query[1]) if per_query else 1,
        findings=[finding for fit in read_fits(place) for finding in fit_findings(fit)],
    )


def _filter_name(text: str) -> str:
    """Name a filter as `dropped_by` does, from the text form of its class."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", text.partition("(")[0]).lower()


def _rows(folder: Path, chain: list[str]) -> "list[Row]":
    """Read the evaluations, those of one row's seeds together, in the order in which a run shows them."""
    from hardneg.evaluation.row import Row

    found: dict[str, list[pl.DataFrame]] = {}
    for place in _evaluations(folder):
        name = _SEED.sub("", place.name) if place != folder else _said(place)
        found.setdefault(name, []).append(read_table(place / "per_query.parquet"))
    order = [name for name in (*_FIRST, *chain) if name in found]
    if not chain:
        order += [name for name in found if name not in order]
    return [Row(name, found[name]) for name in dict.fromkeys(order)]


def _evaluations(folder: Path) -> list[Path]:
    """List the folders of evaluations, seeds in the order of their numbers."""
    inside = sorted(folder.glob("evaluation/*/metrics.json"), key=lambda file: _numbered(file.parent.name))
    above = [folder / "evaluation" / "metrics.json", folder / "metrics.json", *sorted(folder.glob("*/metrics.json"))]
    files = inside or [file for file in above if file.exists()]
    return [file.parent for file in files if (file.parent / "per_query.parquet").exists()]


def _numbered(name: str) -> tuple[str, int]:
    seed = _SEED.search(name)
    return (name[: seed.start()], int(seed[1])) if seed else (name, -1)


def _said(place: Path) -> str:
    name: str = read_state(place / "metrics.json", keys=("name", "metrics"))["name"]
    return name


def _placed(folder: Path, rows: "list[Row]") -> dict[str, pl.DataFrame]:
    """Find the rank of each query's best-placed positive, in the first evaluation of each row."""
    found: dict[str, pl.DataFrame] = {}
    for place in _evaluations(folder):
        name = _SEED.sub("", place.name)
        if name not in found and any(row.name == name for row in rows) and (place / "run.trec").exists():
            found[name] = _best_ranks(place)
    return found


def _best_ranks(place: Path) -> pl.DataFrame:
    with readable(place):
        run = _read_trec(place / "run.trec", ["query_id", "q0", "doc_id", "rank", "score", "tag"])
        qrels = _read_trec(place / "qrels.trec", ["query_id", "q0", "doc_id", "relevance"])
        answers = qrels.filter(pl.col("relevance").cast(pl.Int64) > 0).select("query_id", "doc_id")
        hits = run.join(answers, on=["query_id", "doc_id"])
        return hits.group_by("query_id").agg(pl.col("rank").cast(pl.Int64).min()).sort("query_id")


def _read_trec(file: Path, columns: list[str]) -> pl.DataFrame:
    return pl.read_csv(
        file.read_bytes(), separator=" ", has_header=False, infer_schema=False, quote_char=None, new_columns=columns
    )


def _trained(folder: Path) -> "Iterator[Training]":
    """Read the trainings of a run, or of a folder that is one."""
    from hardneg.report.contents import Training
    from hardneg.training.folder import TrainingFolder

    inside = sorted(folder.glob("training/*/loss.jsonl"), key=lambda file: _numbered(file.parent.name))
    files = inside or [file for file in (folder / "training" / "loss.jsonl", folder / "loss.jsonl") if file.exists()]
    for file in files:
        place = TrainingFolder(file.parent)
        with _whole_lines(file.parent):
            yield Training(
                model=file.parent.name,
                records=place.records(),
                findings=place.findings(),
                refreshes=_lines(file.parent / "refresh.jsonl"),
                replacements=_lines(file.parent / "replacement.jsonl"),
            )


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _audits(folder: Path) -> "Iterator[Audited]":
    """Read what `hardneg audit --json` and `hardneg calibrate --json` printed into files of the folder."""
    from hardneg.report.contents import Audited

    for file in sorted({file for pattern in _AUDITS for file in folder.glob(pattern)}):
        with _whole_lines(file):
            found = json.loads(file.read_text(encoding="utf-8"))
        rows = found.get("variants") or found.get("frontier") or []
        if rows or found.get("figures"):
            yield Audited(
                figures=found.get("figures") or {},
                frontier=pl.DataFrame(rows, infer_schema_length=None) if rows else None,
                score=found.get("score") or "",
                caveats=found.get("caveats") or (),
                best=found.get("best"),
                budget=found.get("budget"),
            )


def _ladder(folder: Path) -> "Ladder | None":
    """Read what `hardneg ladder` found: each rung on the test queries, or on the development queries before that."""
    from hardneg.report.contents import Ladder

    found = read_state(folder / "ladder.json", keys=("measure", "rungs", "comparisons"))
    if not found:
        return None
    measure = found["measure"]
    with _whole_lines(folder / "ladder.json"):
        rungs = [_rung(rung, measure) for rung in found["rungs"]]
        pairs = [
            {"name": f"{one['after']} against {one['before']}", "value": one["difference"]}
            | {key: one.get(key) for key in ("low", "high", "p_value", "p_corrected", "wins", "ties", "losses")}
            for one in found["comparisons"]
        ]
    ends = dict.fromkeys(("value", "low", "high"), pl.Float64)
    return Ladder(
        pl.DataFrame(rungs, schema_overrides=ends, infer_schema_length=None),
        pl.DataFrame(pairs, schema_overrides=ends, infer_schema_length=None),
        measure,
        found.get("best_on_dev"),
    )


def _rung(rung: Mapping[str, Any], measure: str) -> dict[str, Any]:
    split = "test" if rung.get("test") else "dev"
    figure = (rung.get(split) or {}).get(measure, {})
    cost = rung.get("cost", {})
    return {
        "name": rung["name"],
        **{key: figure.get(key) for key in ("value", "low", "high", "sd", "n")},
        "split": split if figure else None,
        "state": rung.get("state"),
        "seconds": cost.get("seconds"),
        "peak_gb": cost.get("peak_gb"),
    }


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


@contextmanager
def _whole_lines(path: Path) -> Iterator[None]:
    """Turn what json says of a damaged file into a RunError."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read ({error}); delete it, or make it anew") from error
