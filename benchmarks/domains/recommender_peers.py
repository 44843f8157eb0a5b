"""Most popular, item-kNN, iALS and BPR of the package `implicit`, and EASE, tuned on dev; `recommender.py` runs it.

    python recommender_peers.py INPUT.npz OUT --seeds 3

Writes OUT/NAME-seedN.trec, rankings of the test queries without what they have seen, and prints JSON: the setting that
dev chose for each peer, and its nDCG@10 there. For the test each is fitted again with the positives of dev.
"""

import argparse
import itertools
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

warnings.filterwarnings("ignore")

Fit = Callable[[sp.csr_matrix, int], np.ndarray]  # positives and seed to a score for each user and item

GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "popular": {},
    "item_knn": {"weighting": ("cosine", "tfidf", "bm25"), "k": (20, 50, 100, 200, 500, 1000)},
    "ease": {"ridge": (1.0, 5.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)},
    "ials": {"factors": (32, 64, 128, 256), "regularization": (1.0, 10.0, 30.0), "alpha": (1.0, 5.0, 20.0, 40.0)},
    "bpr": {
        "factors": (64, 128),
        "regularization": (0.001, 0.01, 0.05),
        "learning_rate": (0.01, 0.05),
        "iterations": (100, 300),
    },
}


def scores(name: str, taken: sp.csr_matrix, setting: dict[str, Any], seed: int) -> np.ndarray:
    """Fit a peer and score every item for every user."""
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    if name == "popular":
        return np.tile(np.asarray(taken.sum(axis=0)), (taken.shape[0], 1))
    if name == "ease":
        return _ease(taken, setting["ridge"])
    if name == "item_knn":
        kinds = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}
        neighbours = kinds[setting["weighting"]](K=setting["k"])
        neighbours.fit(taken, show_progress=False)
        return (taken @ neighbours.similarity).toarray()
    kind = AlternatingLeastSquares if name == "ials" else BayesianPersonalizedRanking
    model = kind(**setting, random_state=seed, num_threads=1, use_gpu=False)
    model.fit(taken, show_progress=False)
    return model.user_factors @ model.item_factors.T


def _ease(taken: sp.csr_matrix, ridge: float) -> np.ndarray:
    """Score by the item-item matrix of EASE (Steck 2019, eq. 8), by way of a matrix of users, who are fewer.

    With X the positives and A = (X Xᵀ + λ)⁻¹, the inverse P of XᵀX + λ has X P = A X, and diagonal (1 - xᵀ A x) / λ for
    an item's column x; B = I - P / diag(P) in each column, so X B = X - A X / diag(P).
    """
    users = (taken @ taken.T).toarray().astype(np.float64)
    users[np.diag_indices_from(users)] += ridge
    through = np.linalg.solve(users, taken.toarray().astype(np.float64))
    explained = np.asarray(taken.multiply(through).sum(axis=0))  # xᵀ A x of each item
    return taken.toarray() - through / ((1 - explained) / ridge)


def rank(found: np.ndarray, user: np.ndarray, seen: list[np.ndarray], depth: int) -> np.ndarray:
    """Rank the unseen items of each query."""
    ranked = np.empty((len(user), depth), dtype=np.int64)
    for row, items in enumerate(seen):
        own = np.array(found[user[row]], dtype=np.float64)
        own[items] = -np.inf
        best = np.sort(np.argpartition(-own, depth)[:depth])
        ranked[row] = best[np.argsort(-own[best], kind="stable")]
    return ranked


def ndcg(ranked: np.ndarray, answer: np.ndarray) -> float:
    """Mean nDCG@10 with one answer a query."""
    _, at = np.nonzero(ranked[:, :10] == answer[:, None])
    return float((1 / np.log2(at + 2)).sum() / len(answer))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--names", nargs="+", choices=GRIDS, default=list(GRIDS))
    options = parser.parse_args()
    given = dict(np.load(options.input))  # read once: a file of arrays reads at each look
    shape = (int(given["n_users"]), int(given["n_items"]))
    seen = {s: np.split(given[f"{s}_seen"], given[f"{s}_starts"][1:]) for s in ("dev", "test")}
    train = sp.csr_matrix((np.ones(len(given["user"]), np.float32), (given["user"], given["item"])), shape=shape)
    held = sp.csr_matrix(
        (np.ones(len(given["dev_user"]), np.float32), (given["dev_user"], given["dev_item"])), shape=shape
    )
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = {}
    for name in options.names:
        grid = GRIDS[name]
        tried = []
        for values in itertools.product(*grid.values()):
            setting = dict(zip(grid, values, strict=True))
            ranked = rank(scores(name, train, setting, 0), given["dev_user"], seen["dev"], 10)
            tried.append((ndcg(ranked, given["dev_item"]), setting))
        best = max(tried, key=lambda each: each[0])
        chosen[name] = {"dev": best[0], "setting": best[1], "tried": len(tried)}
        for seed in range(options.seeds if name in ("ials", "bpr") else 1):
            ranked = rank(scores(name, train + held, best[1], seed), given["test_user"], seen["test"], 100)
            lines = [
                f"{query} Q0 {given['item_ids'][item]} {at} {-at} {name}"
                for query, items in zip(given["test_ids"], ranked, strict=True)
                for at, item in enumerate(items, start=1)
            ]
            (options.out / f"{name}-seed{seed}.trec").write_text("\n".join(lines) + "\n")
    print(json.dumps(chosen))


if __name__ == "__main__":
    main()
