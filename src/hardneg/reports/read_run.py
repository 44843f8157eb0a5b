"""What a report shows of a run's folder: what was mined, trained, measured and audited there."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from hardneg.checksums import checked
from hardneg.data.findings import Finding
from hardneg.evaluation.metrics import primary_of
from hardneg.evaluation.significance import Row
from hardneg.evaluation.trec import read_qrels, read_run
from hardneg.files import from_json
from hardneg.planting.findings import fit_findings, read_fits
from hardneg.reports.contents import Audited, Mining, Training
from hardneg.runs import layout
from hardneg.runs.layout import Seeded
from hardneg.runs.mining_findings import read_mining_findings, reading_findings
from hardneg.runs.parts import part_files, read_table, readable, scan_parts
from hardneg.runs.state import read_lines, read_state, whole_lines
from hardneg.training.folder import TrainingFolder
from hardneg.training.watch.curve import Curve

_FIRST = ("bm25", "zero_shot", "in_batch")  # rows, before those of the run's own stages
_AUDITS = ("audit*.json", "frontier*.json", "calibrat*.json")


def read_minings(folder: Path) -> tuple[list[Mining], list[str]]:
    """Read what was mined, in the folder itself or by its stages; a sentence for each that is only half mined."""
    mined, unfinished = [], []
    for place in layout.minings(folder):
        stage = "" if place == folder else place.name
        if is_mined(place):
            mined.append(read_mining(place, stage=stage))
        elif (place / layout.MINING).exists():
            unfinished.append(f"Mining {f'of {stage} ' if stage else ''}is not finished, and is left out.")
    return mined, unfinished


def is_mined(place: Path) -> bool:
    """Say whether the mining into a folder is finished."""
    return all((place / name).exists() for name in (layout.MINING, layout.FUNNEL)) and bool(
        part_files(place / "candidates")
    )


def read_mining(place: Path, *, stage: str = "") -> Mining:
    """Read what was mined into a folder; candidates and negatives are opened, and read when they are counted."""
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
        findings=mining_findings(place),
    )


def mining_findings(place: Path) -> list[Finding]:
    """Read what the fitting of filters, the candidates and the models of a mining show."""
    fitted = [finding for fit in read_fits(place) for finding in fit_findings(fit)]
    return [*fitted, *read_mining_findings(place), *reading_findings(place)]


def read_rows(folder: Path, chain: Sequence[str]) -> list[Row]:
    """Read the evaluations, those of one row's seeds together, in the order in which a run shows them.

    `chain` names the rows of the run's own stages, as its manifest has them; empty for what is no run.
    """
    rows: dict[str, list[pl.DataFrame]] = {}
    measures: dict[str, str] = {}
    for place in _evaluations(folder):
        summary = read_state(place / layout.METRICS, keys=("name", "metrics"))
        name = summary["name"] if place == folder else Seeded.parse(place.name).row
        rows.setdefault(name, []).append(read_table(place / layout.PER_QUERY))
        measures[name] = primary_of(summary)
    order = dict.fromkeys([*_FIRST, *(chain or rows)])
    return [Row(name, rows[name], measures[name]) for name in order if name in rows]


def _evaluations(folder: Path) -> list[Path]:
    return [place for place in layout.evaluations(folder) if (place / layout.PER_QUERY).exists()]


def read_placed(folder: Path, rows: Sequence[Row]) -> dict[str, pl.DataFrame]:
    """Find the rank of each query's best-placed positive, in the first evaluation of each row whose run was kept."""
    placed: dict[str, pl.DataFrame] = {}
    for place in _evaluations(folder):
        name = Seeded.parse(place.name).row
        if name not in placed and any(row.name == name for row in rows) and (place / layout.RANKINGS).exists():
            placed[name] = best_ranks(place)
    return placed


def best_ranks(place: Path) -> pl.DataFrame:
    """Find the rank of each query's best-placed positive; queries without a positive in the run are left out."""
    with readable(place):
        run, qrels = read_run(place / layout.RANKINGS), read_qrels(place / layout.QRELS)
        answers = qrels.filter(pl.col("relevance") > 0).select("query_id", "doc_id")
        hits = run.join(answers, on=["query_id", "doc_id"])
        return hits.group_by("query_id").agg(pl.col("rank").cast(pl.Int64).min()).sort("query_id")


def read_trainings(folder: Path) -> Iterator[Training]:
    """Read the trainings of a run, or of a folder that is one."""
    for place in layout.trainings(folder):
        training = TrainingFolder(place)
        with whole_lines(place):
            yield Training(
                model=place.name,
                records=training.records(),
                findings=training.findings(),
                refreshes=read_lines(place / layout.REFRESHES),
                replacements=read_lines(place / layout.REPLACEMENTS),
                watched=Curve(place).watched(),
            )


def read_audits(folder: Path) -> Iterator[Audited]:
    """Read what `hardneg audit --json` and `hardneg calibrate --json` printed into files of the folder."""
    for file in sorted({file for pattern in _AUDITS for file in folder.glob(pattern)}):
        with whole_lines(file):
            audit = from_json(checked(file).read_text(encoding="utf-8"))
        rows = audit.get("variants") or audit.get("frontier") or []
        if rows or audit.get("figures"):
            yield Audited(
                figures=audit.get("figures") or {},
                frontier=pl.DataFrame(rows, infer_schema_length=None) if rows else None,
                score=audit.get("score") or "",
                caveats=audit.get("caveats") or (),
                best=audit.get("best"),
                budget=audit.get("budget"),
            )
