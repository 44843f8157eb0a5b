"""What the peers' documents say that their loaders read, in a few lines each: a form of `hardneg export` must give it.

Each reader takes a path and returns (query, positive, negative) by text, and the score of each (query, document). The
peers' own loaders are asked by `make formats`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import polars as pl

Triples = set[tuple[str, str, str]]
Scores = dict[tuple[str, str], float]


def records(path: Path) -> list[dict]:
    if path.suffix == ".parquet":
        return pl.read_parquet(path).to_dicts()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def crossed(rows: Iterable[tuple[str, list, list]]) -> Triples:
    return {(query, p, n) for query, positives, negatives in rows for p in positives for n in negatives}


def columns(path: Path) -> tuple[Triples, Scores]:
    """By order: anchor, positive, negatives; `scores` are those of the documents in that order."""
    triples, scores = set(), {}
    for row in records(path):
        values = row.pop("scores", None)
        query, positive, *negatives = (value for name, value in row.items() if not name.endswith("_id"))
        triples |= {(query, positive, negative) for negative in negatives}
        scores |= {(query, n): s for n, s in zip(negatives, (values or [])[1:], strict=False)}
    return triples, scores


def pairs(path: Path) -> tuple[Triples, Scores]:
    by_query: dict[str, tuple[list, list]] = {}
    for row in records(path):
        by_query.setdefault(row["query"], ([], []))[1 - row["label"]].append(row["document"])
    return crossed((query, *both) for query, both in by_query.items()), {}


def lists(path: Path) -> tuple[Triples, Scores]:
    def rows() -> Iterator[tuple[str, list, list]]:
        for row in records(path):
            both = list(zip(row["documents"], row["labels"], strict=True))
            yield row["query"], [d for d, label in both if label], [d for d, label in both if not label]

    return crossed(rows()), {}


def flag_embedding(path: Path) -> tuple[Triples, Scores]:
    rows = records(path)
    scores = {(r["query"], n): s for r in rows for n, s in zip(r["neg"], r.get("neg_scores", r["neg"]), strict=True)}
    return crossed((r["query"], r["pos"], r["neg"]) for r in rows), scores


def tevatron(path: Path) -> tuple[Triples, Scores]:
    text = {r["docid"]: r["text"] for r in records(path / "corpus.jsonl")}
    rows = records(path / "train.jsonl")
    named = ((r["query_text"], r["positive_document_ids"], r["negative_document_ids"]) for r in rows)
    return crossed((q, [text[i] for i in pos], [text[i] for i in neg]) for q, pos, neg in named), {}


def tevatron_legacy(path: Path) -> tuple[Triples, Scores]:
    def text(passage: dict) -> str:
        return f"{passage['title']} {passage['text']}".strip() if "title" in passage else passage["text"]

    rows = records(path)
    scores = {(r["query"], text(n)): n["score"] for r in rows for n in r["negative_passages"] if "score" in n}
    parts = ((r["query"], r["positive_passages"], r["negative_passages"]) for r in rows)
    return crossed((q, list(map(text, pos)), list(map(text, neg))) for q, pos, neg in parts), scores


def pylate_kd(path: Path) -> tuple[Triples, Scores]:
    text = {r["document_id"]: r["text"] for r in records(path / "documents.parquet")}
    asked = {r["query_id"]: r["text"] for r in records(path / "queries.parquet")}
    triples, scores = set(), {}
    for row in records(path / "train.parquet"):
        query, (positive, *negatives) = asked[row["query_id"]], [text[i] for i in row["document_ids"]]
        triples |= {(query, positive, negative) for negative in negatives}
        scores |= {(query, n): s for n, s in zip(negatives, row["scores"][1:], strict=True)}
    return triples, scores


def swift(path: Path, *, role: str = "user") -> tuple[Triples, Scores]:
    def said(chat: list[dict], by: str) -> str:
        (message,) = chat
        assert message["role"] == by
        return message["content"]

    parts = ((r["messages"], r["positive_messages"], r["negative_messages"]) for r in records(path))
    rows = ((said(q, "user"), [said(each, role) for each in p], [said(each, role) for each in n]) for q, p, n in parts)
    return crossed(rows), {}


def nemo(path: Path) -> tuple[Triples, Scores]:
    content = json.loads((path / "train.json").read_text(encoding="utf-8"))
    (place,) = content["corpus"]
    corpus_id = json.loads((path / place["path"] / "merlin_metadata.json").read_text())["corpus_id"]
    text = {r["id"]: r["text"] for r in records(path / place["path"] / "train.parquet")}
    assert {row["corpus_id"] for row in content["data"]} == {corpus_id}
    rows = content["data"]
    scores = {(r["question"], text[n["id"]]): n["score"] for r in rows for n in r["neg_doc"] if "score" in n}
    parts = ((r["question"], r["pos_doc"], r["neg_doc"]) for r in rows)
    return crossed((q, [text[d["id"]] for d in p], [text[d["id"]] for d in n]) for q, p, n in parts), scores


def nemo_inline(path: Path) -> tuple[Triples, Scores]:
    def text(document: str | dict) -> str:
        return document["text"] if isinstance(document, dict) else document

    parts = ((r["query"], r["pos_doc"], r["neg_doc"]) for r in records(path))
    return crossed((q, list(map(text, p)), list(map(text, n))) for q, p, n in parts), {}


def lightning_run(path: Path) -> tuple[Triples, Scores]:
    frame = pl.read_parquet(path)
    assert frame["query_id"].dtype == frame["doc_id"].dtype == pl.String  # JSON would make 7 of "007"
    assert frame.group_by("query_id").agg(pl.col("rank").min())["rank"].eq(1).all()
    rows = frame.to_dicts()
    by_query = {row["query"]: ([], []) for row in rows}
    for row in rows:
        by_query[row["query"]][1 - row["relevance"]].append(row["text"])
    return crossed((q, *b) for q, b in by_query.items()), {(r["query"], r["text"]): r.get("score") for r in rows}


def docpairs(path: Path) -> tuple[Triples, Scores]:
    text = {r["doc_id"]: r["text"] for r in records(path / "docs.jsonl")}
    asked = {r["query_id"]: r["text"] for r in records(path / "queries.jsonl")}
    rows = records(path / "docpairs.jsonl")
    assert len({tuple(row["neg"]) for row in rows}) == 1  # each source in each line, or lightning-ir stops
    flat = [(asked[r["qid"]], text[n["pid"]], n["ce-score"]) for r in rows for each in r["neg"].values() for n in each]
    triples = {
        (asked[r["qid"]], text[p["pid"]], n) for r in rows for p in r["pos"] for q, n, _ in flat if q == asked[r["qid"]]
    }
    return triples, {(q, n): score for q, n, score in flat}


def gpl(path: Path) -> tuple[Triples, Scores]:
    text = {r["_id"]: f"{r['title']} {r['text']}".strip() for r in records(path / "corpus.jsonl")}
    asked = {r["_id"]: r["text"] for r in records(path / "qgen-queries.jsonl")}
    rows = records(path / "hard-negatives.jsonl")
    named = ((r["qid"], r["pos"], [pid for each in r["neg"].values() for pid in each]) for r in rows)
    return crossed((asked[q], [text[i] for i in p], [text[i] for i in n]) for q, p, n in named), {}


def candidates(path: Path, *, suffix: str) -> tuple[Triples, Scores]:
    """BEIR's and MTEB's folders: what is in `top_ranked` and is no answer by the qrels is a negative."""
    corpus = path / ("corpus.jsonl" if suffix == "jsonl" else "corpus/train.parquet")
    queries = path / ("queries.jsonl" if suffix == "jsonl" else "queries/train.parquet")
    text = {r["_id"]: f"{r['title']} {r['text']}".strip() for r in records(corpus)}
    asked = {r["_id"]: r["text"] for r in records(queries)}
    if suffix == "jsonl":
        frame = pl.read_csv(path / "qrels/train.tsv", separator="\t", infer_schema=False)
    else:
        frame = pl.read_parquet(path / "qrels/train.parquet")
    answers = {(q, d) for q, d, _ in frame.select("query-id", "corpus-id", "score").iter_rows()}
    ranked = records(path / f"top_ranked/train.{suffix}")
    triples = set()
    for row in ranked:
        q = row["query-id"]
        positives = [d for asking, d in answers if asking == q]
        triples |= crossed([(q, positives, [d for d in row["corpus-ids"] if d not in positives])])
    return {(asked[q], text[p], text[n]) for q, p, n in triples}, {}


def everything(path: Path) -> tuple[Triples, Scores]:
    frame = pl.read_parquet(path)
    mined = frame.filter(pl.col("label") == 0)
    scores = {(q, d): s for q, d, s in mined.select("query", "document", "score").iter_rows()}
    return pairs(path)[0], scores


READERS: dict[str, Callable[[Path], tuple[Triples, Scores]]] = {
    "triplet": columns,
    "n-tuple": columns,
    "labeled-pair": pairs,
    "labeled-list": lists,
    "flagembedding": flag_embedding,
    "flagembedding-reranker": flag_embedding,
    "tevatron": tevatron,
    "tevatron-legacy": tevatron_legacy,
    "pylate": columns,
    "pylate-kd": pylate_kd,
    "ms-swift": swift,
    "ms-swift-reranker": lambda path: swift(path, role="assistant"),
    "nemo": nemo,
    "nemo-inline": nemo_inline,
    "lightning-ir": lightning_run,
    "docpairs": docpairs,
    "gpl": gpl,
    "mteb": lambda path: candidates(path, suffix="parquet"),
    "beir": lambda path: candidates(path, suffix="jsonl"),
    "parquet": everything,
}
