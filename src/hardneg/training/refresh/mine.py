"""Making a round of negatives with given weights: mined in full, or from candidates scored again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.addresses import is_endpoint
from hardneg.arrays import Rows, ScorePairs, Scores
from hardneg.data.dataset import Dataset
from hardneg.data.query_form import query_texts_in
from hardneg.engines import current_engine, is_here, keeping_workers
from hardneg.errors import RecipeError, RunError
from hardneg.files import replacing
from hardneg.filters.columns import is_positive
from hardneg.filters.protocol import Fittable, Refittable, with_fitted
from hardneg.models.given import resolve_model
from hardneg.models.sentence_transformer import forget_encoders
from hardneg.models.store import encode, new_vectors_in
from hardneg.negatives.ahead import prepared, scorers_of
from hardneg.negatives.invariants import check_negatives
from hardneg.negatives.plan import Plan, filter_and_select, mine_block
from hardneg.planting.fitting import positives_among
from hardneg.progress import task
from hardneg.runs.parts import read_table
from hardneg.scoring import Scorer
from hardneg.scoring.bi_encoder import vector_scores
from hardneg.search.exact import pair_scores
from hardneg.sources import Source, gather
from hardneg.sources.protocol import Encodes
from hardneg.training.refresh.settings import Mode
from hardneg.training.refresh.store import Report, Rounds

_BLOCK = 4_096
# What filters write into the table of candidates; they are asked again.
_VERDICTS = ("dropped_by", "found_by", "teacher_score", "p_planted", "p_positive")


@dataclass(frozen=True, eq=False)
class Job:
    """All that decides the rounds of a run, but for the weights; can be handed to another process."""

    dataset: Dataset
    plan: Plan  # its filters fitted
    model: str  # that training started from, as the sources name it
    query: Int32[np.ndarray, " queries"]  # without repeats
    rounds: Rounds
    keeps_candidates: bool

    def as_table(self, dataset: Path) -> dict[str, Any]:
        """Write the job in values of JSON; the dataset has been written to a folder."""
        named = {"dataset": str(dataset), "name": self.dataset.name, "model": self.model}
        asked = {"query": self.query.tolist(), "rounds": str(self.rounds.path.resolve())}
        return {**named, **asked, "plan": self.plan.as_table(), "keeps_candidates": self.keeps_candidates}

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> "Job":
        """Read a job back, and its dataset, just as it was: nothing is left out."""
        files = [Path(table["dataset"]) / f"{name}.parquet" for name in ("queries", "documents", "qrels")]
        dataset = Dataset.from_tables(*(read_table(file) for file in files), name=table["name"])
        query, rounds = np.array(table["query"], dtype=np.int32), Rounds(Path(table["rounds"]))
        return cls(dataset, Plan.from_table(table["plan"]), table["model"], query, rounds, table["keeps_candidates"])

    @property
    def n_blocks(self) -> int:
        """How many blocks the queries are cut into."""
        return -(-len(self.query) // _BLOCK)

    def block(self, number: int) -> Int32[np.ndarray, " queries"]:
        """Give the queries of a block."""
        return self.query[number * _BLOCK : (number + 1) * _BLOCK]

    def blocks(self) -> Iterator[Int32[np.ndarray, " queries"]]:
        """Cut the queries into blocks, with progress."""
        with task("mining again", total=len(self.query), unit="queries") as advance:
            for number in range(self.n_blocks):
                yield self.block(number)
                advance(len(self.block(number)))


@dataclass(frozen=True, eq=False)
class RoundBlocks:
    """The blocks of a round, mined with its weights."""

    job: Job
    plan: Plan  # with the weights of the round
    number: int  # of the round

    @property
    def scorers(self) -> tuple[Scorer, ...]:
        """Whom the filters ask."""
        return scorers_of(self.plan)

    def mine(self, at: int) -> pl.DataFrame:
        """Mine a block; its candidates are kept if they will be scored again."""
        candidates, negatives = mine_block(self.job.dataset, self.job.block(at), self.plan)
        if self.job.keeps_candidates:
            self.job.rounds.write_candidates(self.number, at, candidates)
        return negatives

    def do(self, at: int) -> None:
        """Mine a block, with the vectors that are there, and write its negatives."""
        with new_vectors_in(self.job.rounds.vectors(self.number), keep=True):
            self.job.rounds.write_part(self.number, at, self.mine(at))


def _mined(job: Job, plan: Plan, number: int) -> pl.DataFrame:
    """Mine the blocks of a round, by the engine of the time."""
    work = RoundBlocks(job, plan, number)
    with task("mining again", total=len(job.query), unit="queries") as advance:
        if is_here():
            parts = []
            for at in range(job.n_blocks):
                parts.append(work.mine(at))
                advance(len(job.block(at)))
            return pl.concat(parts)
        with prepared(plan, job.dataset, job.query) as ready:
            for at in current_engine().each(replace(work, plan=ready), range(job.n_blocks)):
                advance(len(job.block(at)))
    return job.rounds.take_parts(number)


def check_refresh(
    plan: Plan | None, negatives: pl.DataFrame | None, *, model: str | Path, split: str, mode: Mode = "sync"
) -> Plan:
    """Make sure that negatives can be mined again."""
    if plan is None or negatives is None:
        raise RunError(
            "a refresh mines negatives again: hand over the negatives to begin with and the plan that they were mined "
            "with (`mine` returns both), or train by `hardneg run`, which does"
        )
    if plan.split != split:
        raise RunError(f"the plan mines for the split {plan.split!r}, but training is on {split!r}; name one for both")
    if any(isinstance(each, Fittable) and each.fitted is None for each in plan.filters):
        raise RunError("the plan has a learned filter that is not fitted; hand over the plan that `mine` returns")
    check_follows(plan.sources, model)
    if mode == "async":
        try:
            plan.as_table()
        except RecipeError as error:
            raise RunError(
                f"a second process cannot mine by this plan: {error}; keep your own classes in a module "
                'and objects out of them, or set mode = "sync" in train.refresh'
            ) from None
    return plan


def check_follows(sources: tuple[Source, ...], model: str | Path) -> None:
    """Make sure that some source would find other candidates with other weights."""
    if not any(_follows(source, model) for source in sources):
        raise RunError(
            f"a refresh would find the same negatives again: no dense source encodes with {str(model)!r}, the model "
            "that is trained; add a source dense that names no other model"
        )


def describe_plan(plan: Plan, dataset: Dataset) -> str:
    """Hash a plan; where its fitted filters are kept does not count, since they follow from the rest."""
    filters = (with_fitted(each, None) if isinstance(each, Fittable) else each for each in plan.filters)
    return replace(plan, filters=tuple(filters)).key(dataset)


def keep_first_candidates(job: Job) -> None:
    """Write down the candidates that the first negatives came from; vectors are those of mining, from the store."""
    for number, block in enumerate(job.blocks()):
        job.rounds.write_candidates(0, number, gather(job.dataset, job.plan.sources, block, job.plan.depth))


def mine_round(job: Job, *, number: int, before: int) -> Report:
    """Mine in full with the weights of a round."""
    started, plan = time.perf_counter(), _with_weights(job, number)
    with new_vectors_in(job.rounds.vectors(number)), keeping_workers():
        plan = _refitted(job, plan, number, partial(positives_among, plan, job.dataset, job.blocks()))
        negatives = _mined(job, plan, number)
        encoder = _followers(job, plan)[0].encoder()
        scores = partial(vector_scores, encoder, job.dataset)
        return _finish(job, number, before, negatives, scores, started=started)


def rescore_round(job: Job, *, number: int, before: int, mined: int) -> Report:
    """Score a round's candidates again with the weights of another, and choose among them anew."""
    started, plan, files = time.perf_counter(), _with_weights(job, number), job.rounds.candidates(mined)
    pairs = [job.rounds.read(before).select("query", "document")]
    pairs += [read_table(file, columns=["query", "document"]) for file in files]
    distinct = pl.concat([pair.cast({"query": pl.Int32, "document": pl.Int32}) for pair in pairs])
    with new_vectors_in(job.rounds.vectors(number)):
        scores = {source.name: _scores(source, job.dataset, distinct) for source in _followers(job, plan)}

        def read(file: Path, *, positives: bool = False) -> pl.DataFrame:
            table = read_table(file)
            table = table.filter(is_positive(table, job.dataset)) if positives else table
            for name, score in scores.items():
                table = rescored(table, name, score(table["query"].to_numpy(), table["document"].to_numpy()))
            return table.drop(_VERDICTS, strict=False)

        plan = _refitted(job, plan, number, lambda: pl.concat(read(file, positives=True) for file in files))
        parts = [filter_and_select(read(file), job.dataset, plan)[1] for file in files]
        return _finish(job, number, before, pl.concat(parts), next(iter(scores.values())), started=started)


def rescored(candidates: pl.DataFrame, source: str, score: Scores) -> pl.DataFrame:
    """Give candidates new scores of a source, and rank anew what it had retrieved, equal ones by document."""
    rank, column = f"rank.{source}", f"score.{source}"
    table = candidates.with_columns(pl.Series(column, score, dtype=pl.Float32))
    retrieved = pl.when(pl.col(rank).is_not_null()).then(pl.col(column))
    return table.with_columns(
        retrieved.rank("ordinal", descending=True).over("query").cast(pl.Int32).alias(rank),
    )


def compare(
    old: pl.DataFrame, new: pl.DataFrame, scores: ScorePairs
) -> tuple[float | None, float | None, float | None]:
    """Compare two tables of negatives.

    Args:
        old: Columns `query`, `document` and perhaps `source`.
        new: The same.
        scores: ScorePairs pairs; not a number where unknown.

    Returns:
        The share of the new that are among the old, and the mean scores of the old and the new, random fill left out;
        None where there is nothing to count.
    """
    pairs = [table.select(pl.col("query", "document").cast(pl.Int32)) for table in (old, new)]
    shared = pairs[1].join(pairs[0], on=["query", "document"], how="semi").height
    return (shared / new.height if new.height else None), _mean(old, scores), _mean(new, scores)


def _mean(table: pl.DataFrame, scores: ScorePairs) -> float | None:
    if "source" in table.columns:
        table = table.filter(pl.col("source").ne_missing("fill"))
    pairs = table.select(pl.col("query", "document").cast(pl.Int32))
    values = scores(pairs["query"].to_numpy(), pairs["document"].to_numpy())
    numbers = values[~np.isnan(values)].astype(np.float64)
    return float(numbers.mean()) if len(numbers) else None


def _finish(
    job: Job, number: int, before: int, negatives: pl.DataFrame, scores: ScorePairs, *, started: float
) -> Report:
    check_negatives(negatives, job.dataset, per_query=job.plan.select.per_query)
    overlap, old_score, new_score = compare(job.rounds.read(before), negatives, scores)
    report = Report(time.perf_counter() - started, overlap, old_score, new_score)
    job.rounds.finish(number, negatives, report)
    forget_encoders()
    return report


def _scores(source: Encodes, dataset: Dataset, pairs: pl.DataFrame) -> ScorePairs:
    """Encode the texts of some pairs, and nothing else."""
    encoder = source.encoder()
    queries, documents = (pairs[name].unique().sort().to_numpy() for name in ("query", "document"))
    query_vectors = encode(encoder, query_texts_in(dataset, encoder.query_form).gather(queries), kind="query")
    document_vectors = encode(encoder, dataset.document_texts.gather(documents), kind="document")

    def score(query: Rows, document: Rows) -> Scores:
        values, has_vector = np.full(len(query), np.nan, dtype=np.float32), np.isin(document, documents)
        rows = (np.searchsorted(queries, query[has_vector]), np.searchsorted(documents, document[has_vector]))
        values[has_vector] = pair_scores(query_vectors, document_vectors, *rows)
        return values

    return score


def _with_weights(job: Job, number: int) -> Plan:
    weights = str(job.rounds.model(number))
    sources = (each.with_model(weights) if _follows(each, job.model) else each for each in job.plan.sources)
    return replace(job.plan, sources=tuple(sources))


def _refitted(job: Job, plan: Plan, number: int, positives: Callable[[], pl.DataFrame]) -> Plan:
    """Fit anew the filters that were fitted on scores, if there are any, by the positives of the trained queries."""
    filters, rows = list(plan.filters), None
    for at, each in enumerate(plan.filters):
        if isinstance(each, Refittable):
            rows = positives() if rows is None else rows
            path = job.rounds.fitted(number, f"{each.name}-{at}")
            with replacing(path) as temporary:
                each.refit(rows, temporary)
            filters[at] = with_fitted(each, str(path.resolve()))
    return replace(plan, filters=tuple(filters))


def _followers(job: Job, plan: Plan) -> list[Encodes]:
    pairs = zip(job.plan.sources, plan.sources, strict=True)
    return [after for before, after in pairs if isinstance(after, Encodes) and _follows(before, job.model)]


def _follows(source: Source, model: str | Path) -> TypeGuard[Encodes]:
    if not isinstance(source, Encodes) or is_endpoint(source.model):
        return False
    return resolve_model(source.model) == resolve_model(model)
