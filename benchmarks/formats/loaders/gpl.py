"""Ask GPL's dataset of hard negatives for triples; it draws one at a time, so it is asked often."""

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path

distribution = importlib.metadata.distribution("gpl")
spec = importlib.util.spec_from_file_location("dataset", distribution.locate_file("gpl/toolkit/dataset.py"))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

folder = Path(sys.argv[2])
corpus = {row["_id"]: row for row in map(json.loads, (folder / "corpus.jsonl").open(encoding="utf-8"))}
queries = {row["_id"]: row["text"] for row in map(json.loads, (folder / "qgen-queries.jsonl").open(encoding="utf-8"))}
dataset = module.HardNegativeDataset(str(folder / "hard-negatives.jsonl"), queries, corpus)
triples = {tuple(dataset[at].texts) for at in range(len(dataset)) for _ in range(100)}
print(json.dumps({"triples": sorted(triples), "scores": [], "version": distribution.version}))
