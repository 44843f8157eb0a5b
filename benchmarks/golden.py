"""Hashes of a mined run, a training and a ladder on a small made dataset: a change that only moves code leaves them.

    python benchmarks/golden.py --out before.json
    …                                                # the change
    python benchmarks/golden.py --out after.json --like before.json

Weights depend on the processor and on torch, so hashes are compared on one machine and not kept here.
"""

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path
from tempfile import gettempdir

import polars as pl

TESTS = Path(__file__).parents[1] / "tests"
RECIPE = """
dataset = "data"
model = "tiny"
filters = [{ use = "near_duplicate" }, { use = "positive_margin", ratio = 0.95, score = "dense" }]

[[sources]]
use = "bm25"
analyzer = "plain"

[[sources]]
use = "dense"
precision = "fp32"

[[sources]]
use = "random"

[mine]
depth = 10
block_size = 7

[select]
per_query = 3

[train]
batch_size = 8
epochs = 2
learning_rate = 1e-3
precision = "fp32"

[evaluate]
rows = ["bm25", "zero_shot", "in_batch"]
depth = 10
"""
KINDS = ("*.parquet", "model.safetensors", "run.trec", "metrics.json", "funnel.json")
LADDER = ["--rung", "bm25", "--rung", "in_batch", "--rung", "mined_filtered", "--seeds", "1", "--budget-steps", "4"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--like", type=Path, help="Compare with what this file holds; 1 if something differs.")
    options = parser.parse_args()
    found = hashes()
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} files")
    if options.like is None:
        return 0
    before = json.loads(options.like.read_text(encoding="utf-8"))
    differing = sorted(name for name in {*found, *before} if found.get(name) != before.get(name))
    print("\n".join(["differing:", *differing]) if differing else "the same")
    return int(bool(differing))


def hashes() -> dict[str, str]:
    """Run everything and hash every result that does not hold times or paths."""
    sys.path.insert(0, str(TESTS))
    from hardneg.cli import main as hardneg
    from hardneg.data.dataset import Dataset
    from tiny_model import build_tiny_model
    from toy import toy_dataset

    root = Path(gettempdir()) / "hardneg-golden"  # always the same: paths are part of what names shared work
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    try:
        toy = toy_dataset()
        name = pl.when(pl.col("query") < 16).then(pl.lit("train")).when(pl.col("query") < 20).then(pl.lit("dev"))
        split = Dataset(toy.queries, toy.documents, toy.qrels.with_columns(split=name.otherwise(pl.lit("test"))), "toy")
        split.write(root / "data")
        build_tiny_model(root, [*toy.query_texts, *toy.document_texts])
        (root / "small.toml").write_text(RECIPE)
        settings = ["--recipe", str(root / "small.toml"), "--yes", "--quiet", *LADDER]
        for command in (
            ["run", str(root / "small.toml"), "-o", str(root / "run"), "--quiet"],
            ["ladder", str(root / "data"), "-o", str(root / "ladder"), *settings],
        ):
            if code := hardneg(command):
                raise SystemExit(f"{' '.join(command)} ended with {code}")
        places = [root / "run", root / "ladder" / "rungs", root / "ladder" / "shared"]
        files = sorted({file for place in places for kind in KINDS for file in place.rglob(kind)})
        return {str(file.relative_to(root)): _hash(file) for file in files}
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _hash(file: Path) -> str:
    return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
