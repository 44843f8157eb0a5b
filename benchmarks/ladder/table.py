"""Print what the ladders found as Markdown, from results/SET/ladder.json.

python benchmarks/ladder/table.py
"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
SETS = ("scifact", "nl2bash", "obliqa", "stdlib")


def cell(found: dict[str, Any], rung: dict[str, Any] | None) -> str:
    """Write a rung's mean and spread, bold if it is the best on the development split."""
    if rung is None:
        return ""
    test = rung["test"][found["measure"]]
    text = f"{test['value']:.4f}" + (f" ± {test['sd']:.4f}" if test["sd"] is not None else "")
    return f"**{text}**" if rung["name"] == found["best_on_dev"] else text


def gain(found: dict[str, Any], after: str) -> str:
    """Write what a rung gained on the one below it, bold if that is left after the correction."""
    one = next((one for one in found["comparisons"] if one["after"] == after and "below" in one["against"]), None)
    if one is None:
        return ""
    p = one["p_corrected"]
    text = f"{one['difference']:+.4f} [{one['low']:+.4f}, {one['high']:+.4f}], p = {p:.4f}"
    return f"**{text}**" if p <= found["correction"]["level"] else text


def main() -> None:
    ladders = {
        name: json.loads((RESULTS / name / "ladder.json").read_text()) for name in SETS if (RESULTS / name).exists()
    }
    rungs = max(([rung["name"] for rung in found["rungs"]] for found in ladders.values()), key=len)
    named = {name: {rung["name"]: rung for rung in found["rungs"]} for name, found in ladders.items()}
    head = f"| rung | {' | '.join(ladders)} |\n|---|{'---|' * len(ladders)}"
    print(head)
    for rung in rungs:
        print(f"| `{rung}` | {' | '.join(cell(found, named[name].get(rung)) for name, found in ladders.items())} |")
    print(f"\n{head}")
    for rung in rungs[1:]:
        print(f"| `{rung}` | {' | '.join(gain(found, rung) for found in ladders.values())} |")
    print("\n| | training pairs | test queries | documents | steps | tokens |\n|---|---|---|---|---|---|")
    for name, found in ladders.items():
        counts, trained = found["dataset"], named[name]["in_batch"]
        tokens = next(line for line in trained["recipe"].splitlines() if line.startswith("max_tokens"))
        numbers = [counts["train_pairs"], counts["test_queries"], counts["documents"], trained["steps"]["0"]]
        print(f"| {name} | {' | '.join(f'{number:,}' for number in numbers)} | {tokens.rpartition(' ')[2]} |")


if __name__ == "__main__":
    main()
