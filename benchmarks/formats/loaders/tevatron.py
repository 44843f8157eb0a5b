"""Ask Tevatron's preprocessor of training data for the texts that it would tokenise; it reads no scores."""

import importlib.metadata
import importlib.util
import json
import sys
from types import SimpleNamespace

from datasets import load_dataset

distribution = importlib.metadata.distribution("tevatron")
place = distribution.locate_file("tevatron/datasets/preprocessor.py")
spec = importlib.util.spec_from_file_location("preprocessor", place)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

tokenizer = SimpleNamespace(encode=lambda text, **_: text)
read = module.TrainPreProcessor(tokenizer, separator=" ")
triples = []
for row in map(read, load_dataset("json", data_files=sys.argv[2], split="train")):
    triples += [(row["query"], p.strip(), n.strip()) for p in row["positives"] for n in row["negatives"]]
print(json.dumps({"triples": triples, "scores": [], "version": distribution.version}))
