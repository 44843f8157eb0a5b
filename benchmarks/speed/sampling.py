"""Parts of real datasets that are small enough for a peer to finish; standard library only, peers' Python reads it."""

import csv
import gzip
import json
import random
from pathlib import Path

SPLITS = {"scifact": "train", "nl2bash": "train", "obliqa": "dev"}


def corpus_of(folder: Path) -> dict[str, str]:
    """Read the documents of a BEIR folder: title, space, text, by id."""
    return {one["_id"]: f"{one.get('title') or ''} {one['text']}".strip() for one in _lines(folder / "corpus.jsonl")}


def queries_of(folder: Path) -> dict[str, str]:
    """Read the queries of a BEIR folder by id."""
    return {one["_id"]: one["text"] for one in _lines(folder / "queries.jsonl")}


def positives_of(folder: Path, split: str) -> list[tuple[str, str]]:
    """Read the ids of a split's positive pairs."""
    with (folder / "qrels" / f"{split}.tsv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return [(row[0], row[1]) for row in rows if int(row[2]) > 0]


def pairs_of(folder: Path, split: str = "train") -> list[tuple[str, str]]:
    """Read the texts of a split's positive pairs."""
    queries, documents = queries_of(folder), corpus_of(folder)
    return [(queries[query], documents[document]) for query, document in positives_of(folder, split)]


def texts_of(data: Path, names: tuple[str, ...], *, every: int) -> list[str]:
    """Read each so many documents of some datasets."""
    return [text for name in names for text in list(corpus_of(data / name).values())[::every]]


def write_sample(source: Path, split: str, target: Path, *, n_queries: int, n_documents: int) -> None:
    """Write a part of a BEIR folder: some queries of a split, their positives, and other documents.

    Args:
        source: The whole dataset.
        split: Whose queries are taken; it is called `train` in the part.
        target: Where the part is written.
        n_queries: Queries of it, chosen by a fixed seed.
        n_documents: Documents of it, positives among them.
    """
    positives = positives_of(source, split)
    chosen = set(_some(sorted({query for query, _ in positives}), n_queries))
    positives = [pair for pair in positives if pair[0] in chosen]
    queries, corpus = queries_of(source), corpus_of(source)
    kept = sorted({document for _, document in positives})
    others = sorted(corpus.keys() - set(kept))
    kept += _some(others, max(0, n_documents - len(kept)))
    (target / "qrels").mkdir(parents=True)
    _write(target / "corpus.jsonl", [{"_id": one, "text": corpus[one]} for one in sorted(kept)])
    _write(target / "queries.jsonl", [{"_id": one, "text": queries[one]} for one in sorted(chosen)])
    labels = "".join(f"{query}\t{document}\t1\n" for query, document in positives)
    (target / "qrels" / "train.tsv").write_text(f"query-id\tcorpus-id\tscore\n{labels}", encoding="utf-8")


def _some(of: list[str], number: int) -> list[str]:
    return random.Random(0).sample(of, min(number, len(of)))


def _lines(path: Path) -> list[dict]:
    packed = path.with_name(f"{path.name}.gz")
    with gzip.open(packed, "rt", encoding="utf-8") if packed.exists() else path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def _write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
