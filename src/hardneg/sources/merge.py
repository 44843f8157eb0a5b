"""Several sources, one table of candidates."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.scoring.protocol import Scorer
from hardneg.sources.depth import candidates_of
from hardneg.sources.protocol import Source
from hardneg.sources.retrieval import checked_name, pair

_PAIR = ["query", "document"]


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
    found = {source.name: candidates_of(source, dataset, block, depth) for source in sources}
    query, document = dataset.positives.among(block)
    positives = pl.DataFrame({"query": query, "document": document}, schema=dict.fromkeys(_PAIR, pl.Int32))
    number = pair(dataset).alias("pair")
    rows = pl.concat(table.select(number) for table in (positives, *found.values())).unique().sort("pair")
    parts = (pl.col("pair") // dataset.n_documents, pl.col("pair") % dataset.n_documents)
    rows = rows.with_columns(part.cast(pl.Int32).alias(name) for name, part in zip(_PAIR, parts, strict=True))
    for source in sources:
        own = found[source.name].select(
            number, pl.col("rank").alias(f"rank.{source.name}"), pl.col("score").alias(f"score.{source.name}")
        )
        rows = rows.join(own, on="pair", how="left", maintain_order="left")
        if isinstance(source, Scorer):
            rows = _fill_scores(rows, source, dataset)
    return rows.drop("pair")


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
