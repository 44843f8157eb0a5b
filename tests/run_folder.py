"""A run folder as `hardneg run` leaves it, made up in code: no model is needed to read one."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.evaluation.metrics import means, measure
from hardneg.evaluation.retrieval import Evaluation
from hardneg.pipeline.mined import funnel
from hardneg.runs.parts import part_path, write_part

ROWS = {"bm25": 0.35, "zero_shot": 0.45, "in_batch-seed1": 0.6, "in_batch-seed2": 0.6}
ROWS |= {"mined-seed1": 0.7, "mined-seed2": 0.7}  # how often an answer is moved to the top
PER_QUERY = 3
FINDING = {
    "code": "HN035",
    "severity": "warning",
    "title": "negatives and positives pull the same weights",
    "detail": "the gradients have a cosine of 0.44, 0.45",
    "remedy": "mine again with a filter",
    "count": 2,
    "examples": ["step 1: 0.44", "step 60: 0.45"],
}


def build_run(folder: Path, dataset: Dataset, *, split: str = "train", test: str = "test", depth: int = 12) -> Path:
    """Write everything that a report reads."""
    dataset.write(folder / "dataset")
    mine(folder, dataset, split=split, depth=depth)
    for name, strength in ROWS.items():
        evaluate(folder / "evaluation" / name, dataset, name, strength, split=test)
        if "seed" in name:
            train(folder / "training" / name, seed=len(name) + int(name[-1]))
    stages = ["dataset", *(f"evaluate {name}" for name in ROWS), "mine", *(f"train {n}" for n in ROWS if "seed" in n)]
    costs = {name: {"wall_s": 3.5 * at + 1, "peak_gb": 1 + 0.1 * at} for at, name in enumerate(stages)}
    write_json(
        folder / "manifest.json",
        {
            "recipe": "r" * 32,
            "seed": 1,
            "stages": costs,
            "chain": ["mined"],
            "versions": {"hardneg": "0.1.0"},
            "machine": "2 CPU cores",
            "counts": {"queries": 1, "documents": dataset.n_documents, "train_pairs": 1, "test_queries": 1},
        },
    )
    (folder / "recipe.toml").write_text(
        'name = "made-up"\nmodel = "some/model"\nseeds = [1, 2]\n\n[dataset]\npath = "nowhere"\n'
    )
    return folder


def mine(folder: Path, dataset: Dataset, *, split: str, depth: int) -> None:
    """Write candidates of two sources in two parts, negatives and counts."""
    queries = dataset.queries_of(split)
    rng = np.random.default_rng(0)
    tables = [block(dataset, part, rng, depth) for part in np.array_split(queries, 2)]
    for number, (candidates, negatives) in enumerate(tables):
        write_part(candidates, dataset, part_path(folder / "candidates", number))
        write_part(negatives, dataset, part_path(folder / "negatives", number))
    candidates, negatives = (pl.concat(list(each)) for each in zip(*tables, strict=True))
    counts = funnel(
        candidates.lazy(),
        negatives.lazy(),
        sources=["bm25", "dense"],
        n_queries=len(queries),
        per_query=PER_QUERY,
    )
    write_json(folder / "funnel.json", counts)
    filters = ["NearDuplicate(threshold=0.9)", "PositiveMargin(ratio=0.95)"]
    plan = {"dataset": dataset.fingerprint, "filters": filters, "select": f"Selection(per_query={PER_QUERY})"}
    write_json(folder / "mining.json", plan)


def block(dataset: Dataset, queries, rng, depth):
    """Make candidates up: answers score high, the rest less; what scores nearly as high is refused."""
    rows = []
    for query in queries.tolist():
        documents = rng.permutation(dataset.n_documents)[:depth]
        answers = [d for d in range(dataset.n_documents) if dataset.is_answer(np.array([query]), np.array([d]))[0]]
        scored = {int(d): 0.75 + 0.2 * rng.random() for d in answers}
        scored |= {int(d): rng.beta(4, 3) * 0.85 for d in documents if int(d) not in scored}
        weakest = min(scored[d] for d in answers)
        found = sorted(scored, key=lambda d: -scored[d])
        taken = 0
        for rank, document in enumerate(found, start=1):
            score = scored[document]
            reason = (
                "known_positives"
                if document in answers
                else "positive_margin"
                if score > 0.95 * weakest
                else "near_duplicate"
                if rng.random() < 0.05
                else None
            )
            # The last query comes up short, the one before gets nothing.
            most = PER_QUERY - (query == queries[-1]) - PER_QUERY * (query == queries[-2])
            chosen = reason is None and taken < most
            taken += chosen
            in_bm25 = bool(rng.random() < 0.5)
            bm25 = (int(rng.integers(1, depth + 1)), 20 * score + rng.random()) if in_bm25 else (None, None)
            rows.append((query, document, *bm25, rank, score, reason, chosen, weakest))
    columns = (
        "query",
        "document",
        "rank.bm25",
        "score.bm25",
        "rank.dense",
        "score.dense",
        "dropped_by",
        "chosen",
        "s+",
    )
    types = (pl.Int32, pl.Int32, pl.Int32, pl.Float32, pl.Int32, pl.Float32, pl.String, pl.Boolean, pl.Float32)
    table = pl.DataFrame(rows, schema=dict(zip(columns, types, strict=True)), orient="row")
    negatives = table.filter("chosen").select(
        "query",
        "document",
        source=pl.lit("dense"),
        rank="rank.dense",
        score="score.dense",
        positive_score="s+",
        weight=pl.lit(1.0, pl.Float32),
    )
    return table.drop("chosen", "s+"), negatives


def evaluate(place: Path, dataset: Dataset, name: str, strength: float, *, split: str) -> None:
    """Write an evaluation whose answers are at the top as often as `strength` says."""
    rng = np.random.default_rng(sum(map(ord, name)))
    query, document = dataset.pairs_of(split)
    ids, texts = dataset.queries["id"], dataset.documents["id"]
    rows = []
    for each in np.unique(query).tolist():
        answers = document[query == each]
        order = [d for d in rng.permutation(dataset.n_documents) if d not in answers][:20]
        for answer in answers.tolist():
            order.insert(int(rng.integers(0, 2 if rng.random() < strength else 15)), answer)
        rows += [(ids[each], texts[int(d)], at, 1 / at) for at, d in enumerate(order, start=1)]
    run = pl.DataFrame(
        rows, schema={"query_id": pl.String, "doc_id": pl.String, "rank": pl.Int32, "score": pl.Float32}, orient="row"
    )
    qrels = pl.DataFrame({"query_id": ids.gather(query), "doc_id": texts.gather(document)}).with_columns(
        relevance=pl.lit(1, pl.Int32)
    )
    per_query = measure(qrels, run, names=["nDCG@10", "MRR@10", "Recall@10"])
    Evaluation(name, split, 20, means(per_query), per_query, run, qrels).write(place)


def train(place: Path, *, seed: int, n_steps: int = 60) -> None:
    """Write the record of a training with a probe, a finding and two refreshes."""
    rng = np.random.default_rng(seed)
    lines = []
    for step in range(1, n_steps + 1):
        line = {
            "step": step,
            "epoch": 0,
            "loss": 0.2 + np.exp(-step / 15) + 0.05 * rng.random(),
            "grad_norm": 2 + np.exp(-step / 10) + 0.5 * rng.random(),
            "n_pool": 64,
            "positive_mean": 0.6 + 0.2 * (1 - np.exp(-step / 20)),
            "negative_mean": 0.2 - 0.1 * (1 - np.exp(-step / 20)) + 0.02 * rng.random(),
            "share_above": 0.05 * np.exp(-step / 20),
            "mask_rate": 0.0,
            "seconds": step * 0.5,
        }
        if step in (1, n_steps // 2, n_steps):
            line |= {"conflict": 0.44 + step / 6000, "suspects_above": 0.8}
        lines.append(json.dumps(line))
    place.mkdir(parents=True, exist_ok=True)
    (place / "loss.jsonl").write_text("\n".join(lines) + "\n")
    write_json(place / "findings.json", [FINDING])
    refreshed = {"work": "mine", "lag": 0, "seconds": 4.0, "share": 0.1, "problem": None}
    refreshes = [
        refreshed | {"step": 20, "waited": 4.0, "overlap": 0.6, "old_score": 0.41, "new_score": 0.55},
        refreshed | {"step": 40, "waited": 4.5, "overlap": 0.7, "old_score": 0.38, "new_score": 0.49},
    ]
    (place / "refresh.jsonl").write_text("".join(json.dumps(each) + "\n" for each in refreshes))
    replaced = [{"step": step, "looked_at": 100, "replaced": step // 2, "seconds": 0.1} for step in (20, 40)]
    (place / "replacement.jsonl").write_text("".join(json.dumps(each) + "\n" for each in replaced))


def write_json(path: Path, value: object) -> None:
    """Write a file as stages do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


NASTY = '<script>window.hacked = 1</script></script><img src=x onerror="window.hacked = 2"> & "quoted" \u2028 end'


def nasty_dataset() -> Dataset:
    """18 queries, 30 documents; a query and every third document hold markup that must stay text."""
    words = ["copy", "sort", "join", "open", "list", "read", "sum", "split", "trim", "merge"]
    queries = [f"{words[i % 10]} number {i}" for i in range(18)]
    queries[2] = f"query {NASTY}"
    documents = [f"def {words[i % 10]}_{i}(): ..." + (f" {NASTY}" if i % 3 == 0 else "") for i in range(30)]
    pairs = [(i, i) for i in range(18)] + [(i, 18 + i) for i in range(6)]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(18)], "text": queries}),
        pl.DataFrame({"id": [f"d{i}" for i in range(30)], "text": documents}),
        pl.DataFrame(
            {
                "query_id": [f"q{q}" for q, _ in pairs],
                "doc_id": [f"d{d}" for _, d in pairs],
                "relevance": [1] * len(pairs),
                "split": ["train" if q < 12 else "test" for q, _ in pairs],
            }
        ),
        name="nasty",
    )
