"""Ask the collators of sentence-transformers for the columns that its losses are given."""

import importlib.metadata
import json
import sys
from pathlib import Path


def read(form, path, cache=None):
    """Give triples and scores as each kind of model is given them."""
    from datasets import load_dataset
    from sentence_transformers.cross_encoder.data_collator import CrossEncoderDataCollator
    from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator
    from sentence_transformers.sparse_encoder.data_collator import SparseEncoderDataCollator

    kind = "parquet" if Path(path).suffix == ".parquet" else "json"
    rows = load_dataset(kind, data_files=str(path), split="train", cache_dir=cache)
    lists = form.startswith("labeled")
    kinds = [CrossEncoderDataCollator]
    kinds += [] if lists else [SentenceTransformerDataCollator, SparseEncoderDataCollator]
    results = [_given(each, [row]) for each in kinds for row in rows]
    per_kind = [results[at : at + len(rows)] for at in range(0, len(results), len(rows))]
    assert all(each == per_kind[0] for each in per_kind)
    triples, scores, pairs = [], [], {}
    for inputs, label in per_kind[0]:
        if form == "labeled-pair":
            pairs.setdefault(inputs[0], ([], []))[int(label < 1)].append(inputs[1])
        elif form == "labeled-list":
            documents = [
                [text for text, value in zip(inputs[1], label, strict=True) if (value > 0) is is_answer]
                for is_answer in (True, False)
            ]
            pairs[inputs[0]] = documents
        else:
            query, positive, *negatives = inputs
            triples += [(query, positive, negative) for negative in negatives]
            scores += [(query, n, s) for n, s in zip(negatives, (label or [])[1:], strict=False)]
    triples += [(query, p, n) for query, (answers, others) in pairs.items() for p in answers for n in others]
    return {"triples": triples, "scores": scores}


def _given(collator, rows):
    """Collate a row, and give its inputs in order and its label."""
    inputs = []

    def preprocess(texts, **_):
        inputs.append(texts[0])
        return {}

    batch = collator(preprocess_fn=preprocess)(rows)
    label = batch.pop("label")[0].tolist() if "label" in batch else None
    return inputs or [values[0] for values in batch.values()], label  # a cross-encoder's losses tokenise themselves


if __name__ == "__main__":
    found = read(sys.argv[1], sys.argv[2])
    print(json.dumps(found | {"version": importlib.metadata.version("sentence-transformers")}))
