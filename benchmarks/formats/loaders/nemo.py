"""Ask NeMo Automodel's retrieval datasets for questions and documents, without the rest of the package."""

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path

form, path = sys.argv[1], sys.argv[2]
FOLDER = "nemo_automodel/components/datasets/llm"
distribution = importlib.metadata.distribution("nemo-automodel")


def module(name):
    spec = importlib.util.spec_from_file_location(name, distribution.locate_file(f"{FOLDER}/{name}.py"))
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


triples = []
if form == "nemo":
    retrieval = module("retrieval_dataset")
    dataset = retrieval.make_retrieval_dataset(str(Path(path) / "train.json"), n_passages=3, cycle_positive_docs=True)
    loaded, corpora = retrieval.load_datasets(str(Path(path) / "train.json"))
    epochs = max(len(row["pos_doc"]) for row in loaded)
    for epoch in range(epochs):
        transform = retrieval.RetrievalTransform(2, corpora, cycle_positive_docs=True)
        transform.set_epoch(epoch)
        for row in loaded:
            shown = transform(row)
            triples += [(shown["question"], shown["doc_text"][0], n) for n in shown["doc_text"][1:]]
    assert len(dataset) == len(loaded)
else:
    loaded, _ = module("retrieval_dataset_inline").load_datasets(path)
    for row in loaded:
        triples += [(row["question"], p["text"], n["text"]) for p in row["pos_doc"] for n in row["neg_doc"]]
print(json.dumps({"triples": triples, "scores": [], "version": distribution.version}))
