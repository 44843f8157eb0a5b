"""Ask PyLate's collator for columns of triplets, and its processing of distillation for documents and scores."""

import importlib.metadata
import json
import sys
from pathlib import Path

from datasets import load_dataset

form, path = sys.argv[1], sys.argv[2]
triples, scores = [], []
if form == "pylate-kd":
    from pylate.utils.processing import KDProcessing

    train, queries, documents = (load_dataset(path, name, split="train") for name in ("train", "queries", "documents"))
    train.set_transform(KDProcessing(queries=queries, documents=documents).transform)
    for row in train:
        positive, *negatives = row["documents"]
        triples += [(row["query"], positive, negative) for negative in negatives]
        scores += [(row["query"], n, s) for n, s in zip(negatives, row["scores"][1:], strict=True)]
else:
    from pylate.utils.collator import ColBERTCollator

    seen = []

    def tokenize(texts, **options):
        seen.append((texts, options["is_query"]))
        return {}

    kind = "parquet" if Path(path).suffix == ".parquet" else "json"
    rows = load_dataset(kind, data_files=path, split="train").to_list()
    batch = ColBERTCollator(tokenize_fn=tokenize)(rows)
    (queries, first), *documents = seen
    assert [first, *(is_query for _, is_query in documents)] == [True] + [False] * len(documents)
    for at, query in enumerate(queries):
        positive, *negatives = (texts[at] for texts, _ in documents)
        triples += [(query, positive, negative) for negative in negatives]
        if "label" in batch:
            scores += [(query, n, s) for n, s in zip(negatives, batch["label"][at].tolist()[1:], strict=True)]
print(json.dumps({"triples": triples, "scores": scores, "version": importlib.metadata.version("pylate")}))
