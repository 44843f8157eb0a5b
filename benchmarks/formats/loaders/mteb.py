"""Ask MTEB's loader for corpus, queries, labels and what is to be reranked."""

import importlib.metadata
import json
import sys

from mteb.abstasks.retrieval_dataset_loaders import RetrievalDatasetLoader

data = RetrievalDatasetLoader(sys.argv[2], revision=None, split="train").load()
text = {row["id"]: f"{row['title']} {row['text']}".strip() for row in data["corpus"]}
asked = {row["id"]: row["text"] for row in data["queries"]}
triples = []
for query, documents in data["top_ranked"].items():
    answers = {document for document, relevance in data["relevant_docs"][query].items() if relevance > 0}
    triples += [(asked[query], text[p], text[n]) for p in answers for n in documents if n not in answers]
print(json.dumps({"triples": triples, "scores": [], "version": importlib.metadata.version("mteb")}))
