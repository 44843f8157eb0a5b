"""Ask FlagEmbedding's training dataset for what it reads of a file, or of the folder that the file lies in."""

import importlib.metadata
import json
import sys
from pathlib import Path
from types import SimpleNamespace

reranker, path = sys.argv[1] == "flagembedding-reranker", sys.argv[2]
if reranker:
    from FlagEmbedding.abc.finetune.reranker.AbsArguments import AbsRerankerDataArguments as Arguments
    from FlagEmbedding.abc.finetune.reranker.AbsDataset import AbsRerankerTrainDataset as Loader
else:
    from FlagEmbedding.abc.finetune.embedder.AbsArguments import AbsEmbedderDataArguments as Arguments
    from FlagEmbedding.abc.finetune.embedder.AbsDataset import AbsEmbedderTrainDataset as Loader


def loaded(*, place, distils, size):
    arguments = Arguments(train_data=[place], train_group_size=size, knowledge_distillation=distils)
    return Loader(arguments, tokenizer=SimpleNamespace())


scored = "pos_scores" in Path(path).read_text(encoding="utf-8")
triples, scores = [], []
dataset = loaded(place=path, distils=scored, size=3)
assert len(dataset) == len(loaded(place=path.rpartition("/")[0], distils=scored, size=3))  # the manifest is no data
for at, row in enumerate(dataset.dataset):
    triples += [(row["query"], p, n) for p in row["pos"] for n in row["neg"]]
    scores += [(row["query"], n, s) for n, s in zip(row["neg"], row.get("neg_scores") or [], strict=False)]
    if not reranker:
        query, passages, teacher = dataset[at]
        assert (query, set(passages[1:])) == (row["query"], set(row["neg"]))
        assert passages[0] in row["pos"]
        assert (teacher is not None) == scored
print(json.dumps({"triples": triples, "scores": scores, "version": importlib.metadata.version("FlagEmbedding")}))
