"""How fast are pairs scored by a cross-encoder?

    python benchmarks/speed/cross_encoder.py --data FOLDER --peers PYTHON [--queries 40] [--depth 50]

BM25's best documents for some queries of SciFact and ObliQA, scored by a cross-encoder with the encoder's layers and
a random head: the speed is that of a trained one. The peer scores them as `mine_hard_negatives(cross_encoder=…)` does:
one call of `predict` a query, batches of 32. Its 100,000 pairs would take it an hour; both sides get fewer.
"""

import tempfile
from pathlib import Path

import numpy as np
from sentence_transformers import CrossEncoder
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from hardneg.data.reading import read_dataset
from hardneg.models.given import resolve_model
from hardneg.models.options import Precision
from hardneg.scoring.pair_model import load_pair_model
from hardneg.sources import BM25
from measure import HERE, Bar, Figures, Work, alternate, parser, timed, write_result
from sampling import SPLITS

SETS = ("scifact", "obliqa")
MAX_TOKENS = 256


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--queries", type=int, default=40, help="of each set")
    options.add_argument("--depth", type=int, default=50)
    options = options.parse_args(arguments)
    names = SETS[:1] if options.tiny else SETS
    pairs = [one for name in names for one in candidates(options.data / name, name, options.queries, options.depth)]
    n_pairs = sum(len(documents) for _, documents in pairs)
    with tempfile.TemporaryDirectory() as folder:
        save_cross_encoder(resolve_model(options.model), Path(folder))
        given = {"cross_encoder": folder, "pairs": pairs}
        works = {"hardneg": Work(Path(__file__), "score"), "hardneg, float32": Work(Path(__file__), "score_fp32")}
        if options.peers:
            peers = {
                "mine_hard_negatives": "score",
                "mine_hard_negatives, bf16": "score_bf16",
                "one `predict`, bf16": "score_at_once_bf16",
            }
            works |= {name: Work(HERE / "peers_st.py", function, options.peers) for name, function in peers.items()}
        measured = alternate(works, given, options)
        scores = {name: np.array(one.pop("scores")) for name, one in measured.items() if "scores" in one}
        checks = {"a pair scores the same alone": _same_alone(given, scores["hardneg"])}
    for one in measured.values():
        one["pairs_per_s"] = round(n_pairs / one["seconds"], 1)
    bars = []
    for name, bound in (("mine_hard_negatives", 2), ("mine_hard_negatives, bf16", 1), ("one `predict`, bf16", 1)):
        if name in measured:
            bars.append(Bar(f"times {name}", measured[name]["seconds"] / measured["hardneg"]["seconds"], bound))
    if "mine_hard_negatives" in scores:
        away = np.abs(scores["hardneg, float32"] - scores["mine_hard_negatives"]).max()
        checks["the float32 scores are the peer's"] = bool(away < 1e-4)
    write_result(
        options,
        row="cross_encoder",
        what="cross-encoder scoring",
        work=f"{n_pairs:,} pairs: {len(pairs)} queries of {' and '.join(names)}, {MAX_TOKENS} tokens (not 100,000 "
        "pairs, which take the peer an hour)",
        measured=measured,
        bars=bars,
        checks=checks,
    )


def candidates(folder: Path, name: str, n_queries: int, depth: int) -> list[tuple[str, list[str]]]:
    """Give some queries of a set, each with the texts of BM25's best documents."""
    dataset = read_dataset(folder)
    queries = dataset.queries_of(SPLITS[name])[:n_queries]
    found = BM25().retrieve(dataset, queries, depth)
    texts = dataset.document_texts
    return [
        (dataset.query_texts[int(query)], texts.gather(rows["document"]).to_list())
        for (query,), rows in found.group_by("query", maintain_order=True)
    ]


def save_cross_encoder(model: str, folder: Path) -> None:
    """Put a random head with one label on an encoder's layers."""
    config = AutoConfig.from_pretrained(model, num_labels=1)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.model_max_length = min(MAX_TOKENS, config.max_position_embeddings)
    AutoModelForSequenceClassification.from_pretrained(model, config=config).save_pretrained(folder / "head")
    tokenizer.save_pretrained(folder / "head")
    CrossEncoder(str(folder / "head"), device="cpu").save_pretrained(str(folder))


def score(given: Figures) -> Figures:
    """Score as the teacher does."""
    return _score(given, "auto")


def score_fp32(given: Figures) -> Figures:
    """Score in float32."""
    return _score(given, "fp32")


def _score(given: Figures, precision: Precision) -> Figures:
    model = load_pair_model(given["cross_encoder"], precision=precision)
    model.score(["warm"] * 32, ["up"] * 32)
    queries = [query for query, documents in given["pairs"] for _ in documents]
    documents = [document for _, documents in given["pairs"] for document in documents]
    found: list[np.ndarray] = []
    seconds = timed(lambda: found.append(model.score(queries, documents)))
    return {"seconds": seconds, "scores": found[0].tolist()}


def _same_alone(given: Figures, scores: np.ndarray) -> bool:
    model = load_pair_model(given["cross_encoder"])
    query, documents = given["pairs"][0]
    return bool(np.array_equal(model.score([query], documents[:1]), scores[:1].astype(np.float32)))


if __name__ == "__main__":
    main()
