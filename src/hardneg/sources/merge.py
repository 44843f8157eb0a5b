"""Several sources, one table of candidates: how deep each is asked, and what it found beside known answers."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.errors import RecipeError
from hardneg.scoring.protocol import Scorer
from hardneg.sources.kept import retrieved
from hardneg.sources.protocol import Source
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, checked_name, checked_retrieval, pair

_PAIR = ["query", "document"]
# Queries with up to so many answers are looked up together, so deep that all of them can be left out; with more, up to
# eight times as many. What is asked for a query depends on the query alone, not on those that stand beside it.
_SPARE, _STEP = 4, 8


def gather(
    dataset: Dataset, sources: Sequence[Source], block: Int32[np.ndarray, " queries"], depth: int
) -> pl.DataFrame:
    """Retrieve from every source and join what they found.

    The labelled positives of each query (of any split) are rows too, found or not, so that a candidate's
    score can be compared with theirs.

    Args:
        dataset: What to search.
        sources: Where candidates come from; their names must differ.
        block: Positions of the queries, without repeats.
        depth: Documents that each source gives a query, besides those known to answer it.

    Returns:
        One row a (query, document), sorted by both. For each source `rank.<name>` (null where it did not
        find the row) and `score.<name>` (of every row if the source can score pairs, else of those it found).

    Raises:
        RecipeError: There is no source, two share a name, or one returned something else than `Source` promises.
    """
    check_names(sources)
    tables = {source.name: _candidates(source, dataset, block, depth) for source in sources}
    query, document = dataset.positives.among(block)
    positives = pl.DataFrame({"query": query, "document": document}, schema=dict.fromkeys(_PAIR, pl.Int32))
    number = pair(dataset).alias("pair")
    rows = pl.concat(table.select(number) for table in (positives, *tables.values())).unique().sort("pair")
    parts = (pl.col("pair") // dataset.n_documents, pl.col("pair") % dataset.n_documents)
    rows = rows.with_columns(part.cast(pl.Int32).alias(name) for name, part in zip(_PAIR, parts, strict=True))
    for source in sources:
        columns = [pl.col(name).alias(f"{name}.{source.name}") for name in ("rank", "score")]
        rows = rows.join(tables[source.name].select(number, *columns), on="pair", how="left", maintain_order="left")
        if isinstance(source, Scorer):
            rows = _fill_scores(rows, source, dataset)
    return rows.drop("pair")


def _candidates(source: Source, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
    """Retrieve so deep that each query has `depth` documents besides those known to answer it.

    Known answers are those that no negative may be (`Dataset.is_answer`): labelled positives, their copies, and those
    of queries of the same text. Answers that rank before the last candidate stay in the table, and ranks stay as the
    source gave them.
    """
    parts = [pl.DataFrame(schema=RETRIEVAL_SCHEMA)]
    for queries, deep in depths(dataset, block, depth):
        table = retrieved(source, dataset, queries, deep)
        table = checked_retrieval(table, source=source.name, dataset=dataset, block=queries, depth=deep)
        parts.append(_cut(table.sort("query", "rank", maintain_order=True), dataset, depth))
    return pl.concat(parts)


def depths(
    dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int
) -> list[tuple[Int32[np.ndarray, " queries"], int]]:
    """Say how deep to look for which queries, so that each has `depth` documents besides those known to answer it."""
    n_answers = _answer_counts(dataset)[block]
    spare = np.full(len(block), _SPARE)
    while (few := spare < n_answers).any():
        spare[few] *= _STEP
    wanted = np.unique(spare).tolist()
    return [(block[spare == each], min(depth + each, max(depth, dataset.n_documents))) for each in wanted]


@lru_cache(maxsize=4)
def _answer_counts(dataset: Dataset) -> Int64[np.ndarray, " queries"]:
    """Count for each query the documents that `Dataset.is_answer` may call its answers; some may count twice."""
    copies = dataset.corpus.n_copies
    of_text = _summed(dataset.answers, copies, int(dataset.query_text_group.max()) + 1)
    counts = of_text[dataset.query_text_group]
    group, shared = dataset.exclusions.group, dataset.exclusions.answers
    if len(shared):
        of_group = _summed(shared, copies, int(group.max()) + 1)
        counts = counts + np.where(group >= 0, of_group[np.maximum(group, 0)], 0)
    return counts


def _summed(answers: PairSet, copies: Int32[np.ndarray, " texts"], n_owners: int) -> Int64[np.ndarray, " owners"]:
    owner, text = np.divmod(answers.keys, answers.width)
    return np.bincount(owner, weights=copies[text], minlength=n_owners).astype(np.int64)


def _cut(table: pl.DataFrame, dataset: Dataset, depth: int) -> pl.DataFrame:
    """Keep rows up to the last of `depth` candidates of each query, ordered by query and rank."""
    is_answer = dataset.is_answer(table["query"].to_numpy(), table["document"].to_numpy())
    counted = table.with_columns(counts=pl.Series((~is_answer).astype(np.int64)))
    before = (pl.col("counts").cum_sum() - pl.col("counts")).over("query")
    return counted.filter(before < depth).select(table.columns)


def _fill_scores(rows: pl.DataFrame, scorer: Scorer, dataset: Dataset) -> pl.DataFrame:
    column = f"score.{scorer.name}"
    unscored = rows[column].is_null()
    pairs = rows.filter(unscored)
    score = rows[column].to_numpy().copy()
    given = np.asarray(scorer.score(dataset, pairs["query"].to_numpy(), pairs["document"].to_numpy()))
    if given.shape != (pairs.height,) or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
        raise RecipeError(
            f"source {scorer.name!r} must score {pairs.height} pairs with as many finite numbers, "
            f"not with {given.dtype} of shape {given.shape}"
        )
    score[unscored.to_numpy()] = given
    return rows.with_columns(pl.Series(column, score, dtype=pl.Float32))


def check_names(sources: Sequence[Source]) -> None:
    """Make sure that there are sources and that their columns can be told apart."""
    if not sources:
        raise RecipeError("there is no source of candidates; name at least one, for instance bm25")
    for source in sources:
        checked_name(source.name, kind=type(source).__name__)
    repeated = [name for name, count in Counter(source.name for source in sources).items() if count > 1]
    if repeated:
        raise RecipeError(f"two sources are named {repeated[0]!r}; give one of them another `name`")
