"""The measures of a run, query by query, computed by ir-measures.

ir-measures takes nDCG, recall and average precision from pytrec_eval, and reciprocal rank with a cut-off from
its port of the MS MARCO script. The two break ties of the score by document id, in opposite directions.
Nothing here leaves a tie to them: they are given minus the rank as the score, so that the order is ours.
"""

import ir_measures
import polars as pl
from ir_measures import AP, RR, R, Success, nDCG

MEASURES: dict[str, ir_measures.Measure] = {
    "nDCG@10": nDCG @ 10,
    "MRR@10": RR @ 10,
    "Recall@10": R @ 10,
    "Recall@100": R @ 100,
    "MAP@100": AP @ 100,
}
# Where documents are items that were taken more or less often: the share of queries with a hit.
ITEM_MEASURES: dict[str, ir_measures.Measure] = {"HR@10": Success @ 10}

LEAST_DEPTH = min(measure["cutoff"] for measure in MEASURES.values())  # a run of less shows no measure


def measures_within(depth: int) -> list[str]:
    """Name the measures that a run of this depth can show: those whose cut-off it reaches.

    >>> measures_within(10)
    ['nDCG@10', 'MRR@10', 'Recall@10']
    """
    return [name for name, measure in MEASURES.items() if measure["cutoff"] <= depth]


def measure(qrels: pl.DataFrame, run: pl.DataFrame, *, names: list[str] | None = None) -> pl.DataFrame:
    """Measure a run against qrels, one row for each query that has a positive.

    A query for which the run has nothing gets 0. Rows of the run for other queries are ignored. nDCG uses the
    relevance itself as gain (a document of relevance 2 counts twice one of relevance 1); the other measures
    take any relevance above 0 as relevant.
    """
    chosen = {name: (MEASURES | ITEM_MEASURES)[name] for name in (MEASURES if names is None else names)}
    judged = qrels.group_by("query_id", "doc_id").agg(pl.col("relevance").max().clip(lower_bound=0))
    answered = judged.filter(pl.col("relevance").max().over("query_id") > 0)
    labels = _by_query(answered, "relevance", pl.Int64)
    ranks = run.select("query_id", "doc_id", score=-pl.col("rank").cast(pl.Float64))
    scores = _by_query(ranks.filter(pl.col("query_id").is_in(labels.keys())), "score", pl.Float64)

    values: dict[ir_measures.Measure, dict[str, float]] = {one: {} for one in chosen.values()}
    for result in ir_measures.iter_calc(list(chosen.values()), labels, scores) if labels else ():
        values[result.measure][result.query_id] = float(result.value)
    queries = sorted(labels)
    columns = {name: [values[one][query] for query in queries] for name, one in chosen.items()}
    schema = {"query_id": pl.String} | dict.fromkeys(chosen, pl.Float64)
    return pl.DataFrame({"query_id": queries} | columns, schema=schema)


def means(per_query: pl.DataFrame) -> dict[str, float]:
    """Average each measure of a per-query table over all its queries."""
    return {name: float(per_query[name].to_numpy().mean()) for name in per_query.columns if name != "query_id"}


def _by_query(rows: pl.DataFrame, column: str, kind: pl.DataType | type[pl.DataType]) -> dict[str, dict[str, float]]:
    """Nest rows as query -> document -> value, the form in which pytrec_eval takes them."""
    nested = rows.group_by("query_id").agg("doc_id", pl.col(column).cast(kind))
    return {query: dict(zip(documents, values, strict=True)) for query, documents, values in nested.iter_rows()}
