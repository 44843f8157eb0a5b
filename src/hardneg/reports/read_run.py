"""What a report shows of a run's folder: what was mined, trained, measured and audited there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hardneg.runs import layout
from hardneg.runs.layout import Seeded
from hardneg.runs.parts import part_files, read_table, readable, scan_parts
from hardneg.runs.state import read_state, whole_lines

if TYPE_CHECKING:
    from hardneg.evaluation.row import Row
    from hardneg.reports.contents import Audited, Mining, Training

_FIRST = ("bm25", "zero_shot", "in_batch")  # rows, before those of the run's own stages
_AUDITS = ("audit*.json", "frontier*.json", "calibrat*.json")


def read_mined(folder: Path) -> "tuple[list[Mining], list[str]]":
    """Read what was mined, in the folder itself or by its stages."""
    places = [("", folder), *((each.name, each) for each in sorted(folder.glob("stages/*")))]
    mined, unfinished = [], []
    for stage, place in places:
        if not (place / layout.MINING).exists():
            continue
        if (place / layout.FUNNEL).exists() and part_files(place / "candidates"):
            mined.append(read_mining(place, stage=stage))
        else:
            unfinished.append(f"Mining {f'of {stage} ' if stage else ''}is not finished, and is left out.")
    return mined, unfinished


def read_mining(place: Path, *, stage: str = "") -> "Mining":
    """Read what was mined into a folder."""
    from hardneg.planting.findings import fit_findings, read_fits
    from hardneg.reports.contents import Mining
    from hardneg.runs.mining_findings import read_mining_findings
    from hardneg.runs.readings import reading_findings

    state = read_state(place / layout.MINING, keys=("filters", "select"))
    funnel = read_state(place / layout.FUNNEL, keys=("queries", "candidates", "dropped", "selected", "sources"))
    with readable(place):
        candidates, negatives = scan_parts(place / "candidates"), scan_parts(place / "negatives")
        candidates.collect_schema(), negatives.collect_schema()
    return Mining(
        stage=stage,
        candidates=candidates,
        negatives=negatives,
        funnel=funnel,
        filters=state.get("filter_names", list(funnel["dropped"])),  # earlier versions did not write them down
        per_query=state.get("per_query", 1),
        findings=[
            *(finding for fit in read_fits(place) for finding in fit_findings(fit)),
            *read_mining_findings(place),
            *reading_findings(place),
        ],
    )


def read_rows(folder: Path, chain: list[str]) -> "list[Row]":
    """Read the evaluations, those of one row's seeds together, in the order in which a run shows them."""
    from hardneg.evaluation.metrics import primary_of
    from hardneg.evaluation.row import Row

    found: dict[str, list[pl.DataFrame]] = {}
    measures: dict[str, str] = {}
    for place in _evaluations(folder):
        summary = read_state(place / layout.METRICS, keys=("name", "metrics"))
        name = Seeded.parse(place.name).row if place != folder else summary["name"]
        found.setdefault(name, []).append(read_table(place / layout.PER_QUERY))
        measures[name] = primary_of(summary)
    order = [name for name in (*_FIRST, *chain) if name in found]
    if not chain:
        order += [name for name in found if name not in order]
    return [Row(name, found[name], measures[name]) for name in dict.fromkeys(order)]


def _evaluations(folder: Path) -> list[Path]:
    """List the folders of evaluations, seeds in the order of their numbers."""
    inside = sorted(folder.glob(f"evaluation/*/{layout.METRICS}"), key=lambda file: _numbered(file.parent.name))
    above = [
        folder / "evaluation" / layout.METRICS,
        folder / layout.METRICS,
        *sorted(folder.glob(f"*/{layout.METRICS}")),
    ]
    files = inside or [file for file in above if file.exists()]
    return [file.parent for file in files if (file.parent / layout.PER_QUERY).exists()]


def _numbered(name: str) -> tuple[str, int]:
    of = Seeded.parse(name)
    return (of.row, -1 if of.seed is None else of.seed)


def read_placed(folder: Path, rows: "list[Row]") -> dict[str, pl.DataFrame]:
    """Find the rank of each query's best-placed positive, in the first evaluation of each row."""
    found: dict[str, pl.DataFrame] = {}
    for place in _evaluations(folder):
        name = Seeded.parse(place.name).row
        if name not in found and any(row.name == name for row in rows) and (place / layout.RANKINGS).exists():
            found[name] = best_ranks(place)
    return found


def best_ranks(place: Path) -> pl.DataFrame:
    """Find the rank of each query's best-placed positive."""
    with readable(place):
        run = _read_trec(place / layout.RANKINGS, ["query_id", "q0", "doc_id", "rank", "score", "tag"])
        qrels = _read_trec(place / layout.QRELS, ["query_id", "q0", "doc_id", "relevance"])
        answers = qrels.filter(pl.col("relevance").cast(pl.Int64) > 0).select("query_id", "doc_id")
        hits = run.join(answers, on=["query_id", "doc_id"])
        return hits.group_by("query_id").agg(pl.col("rank").cast(pl.Int64).min()).sort("query_id")


def _read_trec(file: Path, columns: list[str]) -> pl.DataFrame:
    return pl.read_csv(
        file.read_bytes(), separator=" ", has_header=False, infer_schema=False, quote_char=None, new_columns=columns
    )


def read_trained(folder: Path) -> Iterator["Training"]:
    """Read the trainings of a run, or of a folder that is one."""
    from hardneg.reports.contents import Training
    from hardneg.training.folder import TrainingFolder

    inside = sorted(folder.glob("training/*/loss.jsonl"), key=lambda file: _numbered(file.parent.name))
    files = inside or [file for file in (folder / "training" / "loss.jsonl", folder / "loss.jsonl") if file.exists()]
    for file in files:
        place = TrainingFolder(file.parent)
        with whole_lines(file.parent):
            yield Training(
                model=file.parent.name,
                records=place.records(),
                findings=place.findings(),
                refreshes=_lines(file.parent / layout.REFRESHES),
                replacements=_lines(file.parent / "replacement.jsonl"),
            )


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def read_audited(folder: Path) -> Iterator["Audited"]:
    """Read what `hardneg audit --json` and `hardneg calibrate --json` printed into files of the folder."""
    from hardneg.reports.contents import Audited

    for file in sorted({file for pattern in _AUDITS for file in folder.glob(pattern)}):
        with whole_lines(file):
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
