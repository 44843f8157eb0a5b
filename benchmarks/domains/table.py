"""Keep what the climbs of domains found, and print it as Markdown.

    python benchmarks/domains/table.py RUNS SET PRESET      # copies to results/SET, then prints
    python benchmarks/domains/table.py SET PRESET           # prints what was kept

RUNS is where climb.sh wrote to. Differences are those of the preset to every other rung: each query's measure averaged
over the seeds, a 95 % bootstrap interval over queries, and the p-value of a paired randomisation test, uncorrected.
"""

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.evaluation.significance import compare

RESULTS = Path(__file__).parent / "results"
GENERAL = "mined_filtered"
AUDITED = {
    "contamination": "negatives that are hidden answers",
    "leakage": "hidden answers among the negatives",
    "coverage": "queries with four negatives",
    "score": "mean score of a negative",
}


def keep(runs: Path, name: str, preset: str) -> None:
    """Copy what a climb found, without where it lay."""
    place = RESULTS / name
    place.mkdir(parents=True, exist_ok=True)
    found = json.loads((runs / name / "ladder.json").read_text())
    text = json.dumps(found | {"folder": name}, indent=1).replace(str(runs), "RUNS")
    (place / "ladder.json").write_text(re.sub(r'"[^"]*/(benchmarks/domains/)', r'"\1', text) + "\n")
    shutil.copy(runs / name / "per_query.parquet", place)
    for rung in (GENERAL, preset):
        shutil.copy(runs / f"{name}-audit" / rung / "audit.json", place / f"audit_{rung}.json")


def per_query(place: Path, rung: str, measure: str) -> pl.DataFrame:
    """Give each test query's measure, averaged over the seeds."""
    table = pl.read_parquet(place / "per_query.parquet").filter(pl.col("rung") == rung, pl.col("split") == "test")
    return table.group_by("query_id").agg(pl.col(measure).mean()).sort("query_id")


def quality(place: Path, preset: str) -> None:
    """Print the rungs, and what the preset gains on each."""
    found = json.loads((place / "ladder.json").read_text())
    measure = found["measure"]
    print(f"| | {measure} | the preset's gain on it |\n|---|---|---|")
    own = per_query(place, preset, measure)
    for rung in found["rungs"]:
        value = rung["test"][measure]
        text = f"{value['value']:.4f}" + (f" ± {value['sd']:.4f}" if value["sd"] is not None else "")
        gain = ""
        if rung["name"] != preset:
            one = compare(per_query(place, rung["name"], measure), own, measure)
            gain = f"{one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}], p = {one.p_value:.4f}"
        print(f"| `{rung['name']}` | {text} | {gain} |")


def figure(value: dict[str, Any], *, share: bool) -> str:
    """Write a figure with its interval."""
    numbers = [value[key] for key in ("value", "low", "high")]
    if None in numbers:
        return ""
    middle, low, high = (f"{number:.2%}" if share else f"{number:.3f}" for number in numbers)
    return f"{middle} [{low}, {high}]"


def audits(place: Path, preset: str) -> None:
    """Print the audits of both ways of mining, and of each source of the preset."""
    found = {rung: json.loads((place / f"audit_{rung}.json").read_text()) for rung in (GENERAL, preset)}
    print(f"\n| | {' | '.join(f'`{rung}`' for rung in found)} |\n|---|---|---|")
    for measure, meaning in AUDITED.items():
        cells = [figure(one["figures"][measure], share=measure != "score") for one in found.values()]
        print(f"| {meaning} | {' | '.join(cells)} |")
    print("\n| source | hidden answers found | negatives | of them hidden answers |\n|---|---|---|---|")
    for source in found[preset]["sources"]:
        share = source["contamination"]
        cells = [f"{source['hidden_retrieved']:,}", f"{source['selected']:,}", "" if share is None else f"{share:.2%}"]
        print(f"| `{source['source']}` | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("where", nargs="+", metavar="[RUNS] SET PRESET")
    *runs, name, preset = parser.parse_args().where
    if runs:
        keep(Path(runs[0]), name, preset)
    quality(RESULTS / name, preset)
    audits(RESULTS / name, preset)


if __name__ == "__main__":
    main()
