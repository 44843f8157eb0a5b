"""Ask lightning-ir's datasets for ranked documents, and for tuples of a source."""

import importlib.metadata
import json
import sys
from functools import partial
from pathlib import Path

form, path = sys.argv[1], Path(sys.argv[2])
triples, scores = [], []
if form == "lightning-ir":
    from lightning_ir.data.dataset import RunDataset

    scored = len(sys.argv) > 3
    dataset = RunDataset(path, depth=100, sample_size=-1, targets="score" if scored else "relevance")
    for sample in (dataset[at] for at in range(len(dataset))):
        labels = {label["doc_id"]: label["relevance"] for label in sample.qrels}
        answers = [labels[doc_id] > 0 for doc_id in sample.doc_ids]
        positives = [text for text, answer in zip(sample.docs, answers, strict=True) if answer]
        negatives = [text for text, answer in zip(sample.docs, answers, strict=True) if not answer]
        triples += [(sample.query, p, n) for p in positives for n in negatives]
        if scored:
            values = sample.targets.flatten().tolist()
            scores += [(sample.query, d, v) for d, v in zip(sample.docs, values, strict=True)]
else:
    from lightning_ir.data.dataset import TupleDataset
    from lightning_ir.data.external_datasets.ir_datasets_utils import register_new_dataset
    from lightning_ir.data.external_datasets.sbert import SBERTScoredDocTuples

    first = json.loads((path / "docpairs.jsonl").open(encoding="utf-8").readline())
    for source in first["neg"]:
        name = f"hardneg/{source}"
        register_new_dataset(
            name,
            docs=path / "docs.jsonl",
            queries=path / "queries.jsonl",
            docpairs=path / "docpairs.jsonl",
            DocpairsType=partial(SBERTScoredDocTuples, name=source),
        )
        n_positives = [len(json.loads(line)["pos"]) for line in (path / "docpairs.jsonl").open(encoding="utf-8")]
        for n, sample in zip(n_positives, TupleDataset(name, targets="score"), strict=True):
            triples += [(sample.query, p, d) for p in sample.docs[:n] for d in sample.docs[n:]]
            values = sample.targets.tolist()[n:]
            scores += [(sample.query, d, v) for d, v in zip(sample.docs[n:], values, strict=True)]
print(json.dumps({"triples": triples, "scores": scores, "version": importlib.metadata.version("lightning-ir")}))
