"""The main job on real data: does training with mined negatives beat the model before it, and in-batch training?

    python benchmarks/main_job.py --data FOLDER [--recipes scifact nl2bash] [--runs runs/main_job]

FOLDER holds the datasets by name, in BEIR's layout. Each recipe that hardneg ships under these names is run
with its seeds; a run that was interrupted goes on where it stopped. Figures are written to
benchmarks/results/main_job_NAME.json, and a table is printed as Markdown.
"""

import argparse
import json
from pathlib import Path

from hardneg.pipeline.run import Result, run
from hardneg.recipe import Recipe

RESULTS = Path(__file__).parent / "results"
MEASURES = ("nDCG@10", "MRR@10", "Recall@100")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=["scifact", "nl2bash"])
    parser.add_argument("--runs", type=Path, default=Path("runs/main_job"))
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for name in options.recipes:
        recipe = Recipe.load(name, changes={"dataset": str((options.data / name).resolve())})
        found = _record(name, run(recipe, out=options.runs / name))
        (RESULTS / f"main_job_{name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(_markdown(name, found))


def _record(name: str, result: Result) -> dict:
    found = result.as_dict()
    kept = ("rows", "comparisons", "funnel", "counts", "components", "stages", "versions", "machine")
    recipe = (result.folder / "recipe.toml").read_text(encoding="utf-8").splitlines()
    place_free = [line for line in recipe if not line.startswith("path = ")]
    return {"dataset": name, **{key: found[key] for key in kept}, "recipe": place_free}


def _markdown(name: str, found: dict) -> str:
    lines = [f"\n### {name}\n", f"| | {' | '.join(MEASURES)} |", "|---" * (1 + len(MEASURES)) + "|"]
    for row, measures in found["rows"].items():
        cells = [_figure(measures[measure]) for measure in MEASURES]
        lines.append(f"| {row.replace('_', '-')} | {' | '.join(cells)} |")
    lines.append("")
    for pair, one in found["comparisons"].items():
        if pair.startswith("mined - ") or pair == "in_batch - zero_shot":
            interval = f"[{one['low']:+.4f}, {one['high']:+.4f}]"
            counts = f"{one['wins']} queries better, {one['losses']} worse"
            lines.append(
                f"- {pair.replace('_', '-')}: {one['difference']:+.4f} nDCG@10 {interval}, "
                f"p = {one['p_value']:.4f}, {counts}"
            )
    return "\n".join(lines)


def _figure(measure: dict) -> str:
    return f"{measure['value']:.4f}" + ("" if measure["sd"] is None else f" ± {measure['sd']:.4f}")


if __name__ == "__main__":
    main()
