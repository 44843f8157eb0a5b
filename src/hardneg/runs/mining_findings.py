"""What mining says about sources, queries and how models read the texts, kept beside what was mined.

readings.json    for each dense source its reading, the lines that say it, and HN038 if many texts are cut
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hardneg.data.check_leaks import query_in_corpus
from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding, in_order
from hardneg.files import replacing
from hardneg.negatives.plan import Plan
from hardneg.runs import layout
from hardneg.runs.state import read_state
from hardneg.scoring.cross_fitted import weak_teachers
from hardneg.sources import Source
from hardneg.sources.protocol import MatchesWords, ReadsLabels, ReadsTexts, TellsFindings

_MANY = 0.1  # the share of queries for which a source finds nothing that is worth a word


def mining_findings(counts: Mapping[str, Any], dataset: Dataset, plan: Plan) -> tuple[Finding, ...]:
    """Say what should be known of the candidates."""
    searching = [each for each in plan.sources if not (isinstance(each, ReadsLabels) and each.lists_labelled)]
    findings = [query_in_corpus(dataset, split=plan.split), *(_finds_nothing(source, counts) for source in searching)]
    findings += [
        each for source in plan.sources if isinstance(source, TellsFindings) for each in source.findings(dataset)
    ]
    return in_order([*weak_teachers(plan.filters), *(each for each in findings if each is not None)])


def read_mining_findings(folder: Path) -> list[Finding]:
    """Read what was said when a folder was mined into; nothing if it is not finished."""
    return [Finding.from_dict(each) for each in read_state(folder / layout.MINING, keys=()).get("findings", [])]


def _finds_nothing(source: Source, counts: Mapping[str, Any]) -> Finding | None:
    without, queries = counts["sources"][source.name]["queries_without"], counts["queries"]
    if without < _MANY * queries:
        return None
    return Finding(
        "HN043",
        "warning",
        f"source {source.name} finds nothing for many queries",
        f"{source.name} has no document at all for {without:,} of {queries:,} queries ({without / queries:.0%})",
        _way_out(source),
        without,
    )


def _way_out(source: Source) -> str:
    if isinstance(source, MatchesWords):
        return (
            "queries and documents share no word: choose the analyzer of their language (--source "
            "'bm25(analyzer=...)'), look whether they are in one language, or add a dense source"
        )
    return "look whether it was made for these queries and ids, or add another source for the queries that it lacks"


def write_readings(folder: Path, dataset: Dataset, plan: Plan) -> None:
    """Look at how each dense source of a plan reads a dataset, and keep it; without such a source write nothing."""
    kept = {}
    for source in plan.sources:
        if isinstance(source, ReadsTexts):
            reading = source.reading(dataset, dataset.queries_of(plan.split))
            if reading is None:
                continue
            finding = reading.finding(source.name)
            kept[source.name] = {
                "reading": reading.as_dict(),
                "lines": [reading.means(), reading.cuts()],
                "finding": None if finding is None else asdict(finding),
            }
    if kept:
        with replacing(folder / layout.READINGS) as temporary:
            temporary.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_readings(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what `write_readings` kept, by name of the source; nothing if it kept nothing."""
    return read_state(folder / layout.READINGS, keys=())


def reading_findings(folder: Path) -> list[Finding]:
    """Give what was found in the readings of a folder."""
    return [Finding.from_dict(each["finding"]) for each in read_readings(folder).values() if each["finding"]]
