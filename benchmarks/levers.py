"""What each lever of training gains on the one before it: same pairs, same model, same epochs.

    python benchmarks/levers.py --data FOLDER --teachers FOLDER [--cross-encoders FOLDER] [--sets nl2bash scifact]
        [--arms …] [--seeds 1 2 3]

MiniLM, bf16, 1,000 training queries (SciFact has 809) with one positive each, one epoch, batch 32, one mined negative
a pair of the four mined, 64 tokens; measured on the whole test split at 128 tokens. The batch of 256 does an eighth of
the steps, at a learning rate √8 times as high. The teacher is that of benchmarks/folded_teacher.py, or in the arms that
say so the cross-encoder of benchmarks/teacher.py, which knows no other labels than the student; distilled_cross alone
takes all four documents a pair. Each (set, arm,
seed) is a Parquet file under results/levers; one that is there is not done again, and an interrupted run goes on. The
tables compare each arm with the in-batch one, and with naive mining of the model's own best.
"""

import argparse
import itertools
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from filters_training import MEASURE, MODEL, SPLITS, TEST_TOKENS, TRAIN_TOKENS, TRAINED, with_trained
from folded_teacher import FoldedTwoTowers
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.filters import Filter, NearDuplicate, PositiveMargin, TeacherThreshold
from hardneg.losses import KL, InfoNCE
from hardneg.losses.weighted_sum import WeightedSum
from hardneg.negatives import Selection
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine
from hardneg.pipeline.scores import pairs_to_score
from hardneg.scoring import BiEncoder, Scorer
from hardneg.scoring.cross_fitted import CrossFittedTeacher
from hardneg.scoring.store import stored_scores
from hardneg.sources import BM25, Dense, Random, Source
from hardneg.training.folder import TrainingFolder
from hardneg.training.loop import train
from hardneg.training.pool.settings import Queue
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.curriculum import Curriculum
from hardneg.training.settings import TrainSettings
from tables import against, over_seeds

RESULTS = Path(__file__).parent / "results" / "levers"
ANALYZER = {"nl2bash": "code"}
# The teacher's cosines, and the student's (KL multiplies these by 20), on the scale of the contrastive loss.
DISTIL = KL(teacher_temperature=0.05)
OF_LOGITS = KL()


@dataclass(frozen=True)
class Mining:
    """What is mined for an arm; arms that share it mine once."""

    sources: tuple[Source, ...]
    filters: tuple[Filter, ...] = ()
    quotas: dict[str, int] | None = None
    per_query: int = 4


@dataclass(frozen=True)
class Arm:
    """A lever: what is mined, and how training differs."""

    mining: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    teacher: Literal["two_tower", "cross_encoder"] | None = None


def minings(name: str) -> dict[str, Mining]:
    """Lay out what is mined for a set."""
    bm25, dense = BM25(analyzer=ANALYZER.get(name, "english")), Dense(model=MODEL)
    margin, judged = PositiveMargin(ratio=0.95, score="dense"), TeacherThreshold(BiEncoder(model=MODEL), ratio=0.95)
    thirds = {"random": 10, "bm25": 10, "dense": 10}
    return {
        "random": Mining((Random(),)),
        "bm25": Mining((bm25,)),
        "bm25_filtered": Mining((bm25,), (judged,)),
        "dense": Mining((dense,)),
        "dense_filtered": Mining((dense,), (margin,)),
        "all": Mining((Random(), bm25, dense), (margin,), thirds, 30),
        "easy": Mining((Random(), bm25), (), {"random": 2, "bm25": 2}),
    }


ARMS = {
    "in_batch": Arm(),
    "random": Arm("random"),
    "bm25": Arm("bm25"),
    "bm25_filtered": Arm("bm25_filtered"),
    "dense": Arm("dense"),
    "dense_filtered": Arm("dense_filtered"),
    "refresh": Arm("dense_filtered", {"refresh": Refresh(every=12)}),
    "curriculum": Arm(
        "all",
        {
            "curriculum": Curriculum(
                shares={"random": (1.0, 0.0, 0.0), "bm25": (0.0, 1.0, 0.0), "dense": (0.0, 0.0, 1.0)}
            )
        },
    ),
    "queue": Arm(None, {"queue": Queue(size=8_192)}),
    "queue_momentum": Arm(None, {"queue": Queue(size=8_192, momentum=0.999)}),
    "batch_256": Arm(None, {"batch_size": 256, "cache_tokens": 8_192, "learning_rate": 3e-5 * 8**0.5}),
    "distilled": Arm("easy", {"loss": DISTIL}, "two_tower"),
    "mix": Arm("dense_filtered", {"loss": WeightedSum((InfoNCE(), DISTIL), (1.0, 0.2))}, "two_tower"),
    "distilled_cross": Arm("easy", {"loss": OF_LOGITS, "negatives_per_row": 4}, "cross_encoder"),
    "mix_cross": Arm("dense_filtered", {"loss": WeightedSum((InfoNCE(), OF_LOGITS), (1.0, 0.2))}, "cross_encoder"),
}


def mined(dataset: Dataset, name: str, mining: str, runs: Path, *, what: Mining | None = None) -> Mined:
    """Mine for all queries that are trained on."""
    what = what or minings(name)[mining]
    return mine(
        dataset,
        split=TRAINED,
        sources=what.sources,
        filters=(NearDuplicate(), *what.filters),
        select=Selection(per_query=what.per_query, quotas=what.quotas, shortage="fill_random"),
        out=runs / f"{name}-{mining}-mined",
    )


def taught(dataset: Dataset, negatives: pl.DataFrame, teacher: Scorer) -> pl.DataFrame:
    """Have a teacher score what is trained on."""
    pairs = pairs_to_score(dataset, negatives, split=TRAINED)
    score = stored_scores(teacher, dataset, pairs["query"].to_numpy(), pairs["document"].to_numpy())
    return pairs.with_columns(teacher=pl.lit(teacher.name), score=pl.Series(score))


def cell(
    dataset: Dataset, name: str, arm: str, seed: int, *, teachers: dict[str, Callable[[str], Scorer]], runs: Path
) -> None:
    """Train and measure once, and keep each query's figures and the cost."""
    place = RESULTS / f"{name}-{arm}-seed{seed}.parquet"
    if place.exists():
        return
    lever, found, scores = ARMS[arm], None, None
    if lever.mining is not None:
        found = mined(dataset, name, lever.mining, runs)
        if lever.teacher is not None:
            scores = taught(dataset, found.negatives, teachers[lever.teacher](name))
    trained_and_measured(dataset, found, lever.settings | {"seed": seed}, place, runs, scores=scores)


def trained_and_measured(
    dataset: Dataset,
    found: Mined | None,
    settings: dict[str, Any],
    place: Path,
    runs: Path,
    *,
    scores: pl.DataFrame | None = None,
) -> None:
    """Train, measure on the test split, and keep each query's figures at a place, and the cost beside it."""
    given: dict[str, Any] = {"max_tokens": TRAIN_TOKENS, "negatives_per_row": 1, "learning_rate": 3e-5}
    whole = TrainSettings(**(given | settings), checkpoint_every=50)
    started, out = time.perf_counter(), runs / place.stem
    trained = train(
        MODEL,
        dataset,
        found and found.negatives,
        scores=scores,
        settings=whole,
        plan=found.plan if found and whole.refresh else None,
        split=TRAINED,
        out=out,
    )
    seconds = time.perf_counter() - started
    measured = evaluate(dataset, Dense(model=str(trained.path), max_tokens=TEST_TOKENS), split="test", name=place.stem)
    pools = [record["n_pool"] for record in TrainingFolder(out).records()]
    refreshed = out / "refresh.jsonl"
    cost = {"seconds": round(seconds, 1), "steps": trained.n_steps, "pool": max(pools)}
    if refreshed.exists():
        cost["refreshes"] = [json.loads(line) for line in refreshed.read_text().splitlines()]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_suffix(".json").write_text(json.dumps(cost) + "\n")
    measured.per_query.write_parquet(place)
    shutil.rmtree(trained.path)
    print(f"{place.stem}: {measured.per_query[MEASURE].mean():.4f}", flush=True)


def table(name: str) -> None:
    """Print the arms of one set, queries paired over their mean of the seeds."""
    arms: dict[str, list[pl.DataFrame]] = {}
    for arm in ARMS:
        frames = [pl.read_parquet(path) for path in sorted(RESULTS.glob(f"{name}-{arm}-seed*.parquet"))]
        arms |= {arm: frames} if frames else {}
    means = {arm: over_seeds(frames) for arm, frames in arms.items()}
    print(f"\n{name}, {MEASURE}\n| arm | mean | each seed | against in-batch | against naive dense |")
    print("|---|---|---|---|---|")
    for arm, frames in arms.items():
        seeds = " ".join(f"{frame[MEASURE].mean():.4f}" for frame in frames)
        others = (means.get(before) if before != arm else None for before in ("in_batch", "dense"))
        cells = ["" if other is None else against(other, means[arm], MEASURE) for other in others]
        print(f"| {arm} | {means[arm][MEASURE].mean():.4f} | {seeds} | {' | '.join(cells)} |")


def main() -> None:
    """Fill in the cells that are not there, then print what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teachers", type=Path, required=True, help="--teachers of benchmarks/folded_teacher.py")
    parser.add_argument("--cross-encoders", type=Path, help="--runs of benchmarks/teacher.py")
    parser.add_argument("--sets", nargs="+", default=["nl2bash", "scifact"], choices=list(SPLITS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--runs", type=Path, default=Path("runs/levers"))
    arguments = parser.parse_args()
    datasets = {name: with_trained(read_dataset(arguments.data / name), SPLITS[name]) for name in arguments.sets}
    teachers = {
        "two_tower": lambda name: FoldedTwoTowers(str(arguments.teachers / name)),
        "cross_encoder": lambda name: CrossFittedTeacher(
            arguments.cross_encoders / name / "teacher", activation="identity"
        ),
    }
    arms = [arm for arm in arguments.arms if arguments.cross_encoders or ARMS[arm].teacher != "cross_encoder"]
    for seed, name, arm in itertools.product(arguments.seeds, arguments.sets, arms):
        cell(datasets[name], name, arm, seed, teachers=teachers, runs=arguments.runs)
    for name in arguments.sets:
        table(name)


if __name__ == "__main__":
    main()
