"""How much of what the exact search finds each index found: runs of `hardneg mine` over the same queries.

python benchmarks/indexes/compare.py runs/dense runs/qdrant runs/lancedb …
"""

import sys
from pathlib import Path

import polars as pl

from hardneg.runs.parts import scan_parts

KEYS = ["query_id", "doc_id"]


def ranked(run: Path) -> pl.DataFrame:
    """What the source of a run ranks among the first hundred."""
    rows = scan_parts(run / "candidates")
    (rank,) = (name for name in rows.collect_schema().names() if name.startswith("rank."))
    return rows.filter(pl.col(rank) <= 100).select(*KEYS).collect()


def main() -> None:
    first, *others = map(Path, sys.argv[1:])
    exact, chosen = ranked(first), scan_parts(first / "negatives").select(KEYS).collect()
    for run in others:
        n_same = exact.join(ranked(run), on=KEYS).height
        negatives = scan_parts(run / "negatives").select(KEYS).collect()
        n_chosen = chosen.join(negatives, on=KEYS).height
        print(f"{run}: {n_same / exact.height:.2%} of the candidates, {n_chosen / chosen.height:.2%} of the negatives")


if __name__ == "__main__":
    main()
