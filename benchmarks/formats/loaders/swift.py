"""Ask ms-swift's dataset loader for messages."""

import importlib.metadata
import json
import sys

from swift.dataset import load_dataset

role = "assistant" if sys.argv[1] == "ms-swift-reranker" else "user"
dataset, _ = load_dataset(sys.argv[2], split_dataset_ratio=0.0)


def said(chat, by):
    (message,) = chat
    assert message["role"] == by, message
    return message["content"]


triples = []
for row in dataset:
    query = said(row["messages"], "user")
    positives = [said(each, role) for each in row["positive_messages"]]
    negatives = [said(each, role) for each in row["negative_messages"]]
    triples += [(query, p, n) for p in positives for n in negatives]
print(json.dumps({"triples": triples, "scores": [], "version": importlib.metadata.version("ms-swift")}))
