"""Ask BEIR's loader for corpus, queries and labels; what is to be reranked it does not look at."""

import importlib.metadata
import json
import sys
from pathlib import Path

from beir.datasets.data_loader import GenericDataLoader

corpus, queries, qrels = GenericDataLoader(sys.argv[2]).load(split="train")
text = {key: f"{document['title']} {document['text']}".strip() for key, document in corpus.items()}
triples = []
for line in (Path(sys.argv[2]) / "top_ranked" / "train.jsonl").open(encoding="utf-8"):
    row = json.loads(line)
    answers = qrels[row["query-id"]]
    negatives = [each for each in row["corpus-ids"] if each not in answers]
    triples += [(queries[row["query-id"]], text[p], text[n]) for p in answers for n in negatives]
print(json.dumps({"triples": triples, "scores": [], "version": importlib.metadata.version("beir")}))
