"""Ask ir_measures for a run and its labels, which have ids alone, their white space written as %20."""

import importlib.metadata
import json
import sys
from pathlib import Path

import ir_measures


def ids(row):
    return row.query_id.replace("%20", " "), row.doc_id.replace("%20", " ")


folder = Path(sys.argv[2])
labels = ir_measures.read_trec_qrels(str(folder / "qrels.trec"))
answers = [ids(row) for row in labels if row.relevance > 0]
scores = [(*ids(row), row.score) for row in ir_measures.read_trec_run(str(folder / "run.trec"))]
triples = [(query, p, n) for query, n, _ in scores for asked, p in answers if asked == query]
version = importlib.metadata.version("ir-measures")
print(json.dumps({"by": "id", "triples": triples, "scores": scores, "version": version}))
