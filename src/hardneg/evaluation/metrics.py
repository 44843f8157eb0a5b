"""The measures of a run, query by query, computed by ir-measures; and what rankings show of a catalogue.

ir-measures takes nDCG, recall and average precision from pytrec_eval, and reciprocal rank with a cut-off from
its port of the MS MARCO script. The two break ties of the score by document id, in opposite directions.
Nothing here leaves a tie to them: they are given minus the rank as the score, so that the order is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ir_measures
import polars as pl
from ir_measures import AP, RR, Measure, R, Success, nDCG

from hardneg.errors import RecipeError

MEASURES: dict[str, Measure] = {
    "nDCG@10": nDCG @ 10,
    "MRR@10": RR @ 10,
    "Recall@10": R @ 10,
    "Recall@100": R @ 100,
    "MAP@100": AP @ 100,
}
# Where documents are items that were taken more or less often: the share of queries with a hit.
ITEM_MEASURES: dict[str, Measure] = {"HR@10": Success @ 10}

_USUAL = {*MEASURES.values(), *ITEM_MEASURES.values()}
POPULARITY, SHOWN = "popularity", 10  # the column of documents that are items, and how far people look
PRIMARY = "nDCG@10"  # what systems are compared and chosen by, unless another measure is asked for


def choose_measures(
    measures: Sequence[str | Measure] | None = None,
    primary: str | Measure | None = None,
    *,
    depth: int = 100,
    of_items: bool = False,
) -> tuple[list[str], str]:
    """Settle what is measured, by name, and which of it decides: `primary`, or the first of `measures`.

    A measure of another name for the same thing (MRR@10, RR@10) is the same; names stay as they were given.

    >>> choose_measures(["RR@10", "R@50"])
    (['RR@10', 'R@50'], 'RR@10')
    >>> choose_measures(primary="RR@10")[1]
    'MRR@10'
    """
    if measures is not None and (isinstance(measures, str) or not isinstance(measures, Sequence) or not measures):
        raise RecipeError(f'measures must be a list of one or more names, as ["nDCG@10", "RR@10"], not {measures!r}')
    if measures is None:
        if depth < 10:
            raise RecipeError(f"depth must be at least 10 for nDCG@10, not {depth}; or name measures with a lower one")
        named = {name: parsed(name) for name in [*measures_within(depth), *(ITEM_MEASURES if of_items else ())]}
    else:
        named = {str(one): parsed(one) for one in measures}
    deciding = next(iter(named)) if primary is None else str(primary)
    if primary is not None:
        same = [name for name, one in named.items() if one == parsed(primary)]
        deciding = same[0] if same else deciding
        named.setdefault(deciding, parsed(primary))
    if len(set(named.values())) < len(named):
        raise RecipeError(f"measures names one measure twice: {', '.join(named)}")
    for name, one in named.items():
        if "cutoff" in one.params and one["cutoff"] > depth:
            raise RecipeError(f"{name} looks at {one['cutoff']} documents, but only {depth} are retrieved; raise depth")
    return list(named), deciding


def parsed(name: str | Measure) -> Measure:
    """Read a measure as ir-measures names it, or as this library's tables do (MRR@10, Recall@100, MAP@100, HR@10)."""
    if isinstance(name, str) and name.startswith("HR@"):
        name = name.replace("HR@", "Success@")
    try:
        one: Measure = ir_measures.parse_measure(name) if isinstance(name, str) else name
        if one not in _USUAL:  # some need a program that may not be there; better to know before the search
            ir_measures.calc_aggregate([one], {"query": {"document": 1}}, {"query": {"document": -1.0}})
    except Exception as error:  # whatever a provider raises
        raise RecipeError(
            f"no measure {str(name)!r} that ir-measures can compute here; name one as it does: nDCG@10, RR@10, R@100, "
            "AP@100, P@5, Success@10"
        ) from error
    return one


def primary_of(summary: Mapping[str, Any]) -> str:
    """Name what a finished evaluation is judged by; it is written down where this would not say so by itself."""
    metrics = summary.get("metrics") or {PRIMARY: None}
    return str(summary.get("primary") or (PRIMARY if PRIMARY in metrics else next(iter(metrics))))


def measures_within(depth: int) -> list[str]:
    """Name the measures that a run of this depth can show: those whose cut-off it reaches.

    >>> measures_within(10)
    ['nDCG@10', 'MRR@10', 'Recall@10']
    """
    return [name for name, measure in MEASURES.items() if measure["cutoff"] <= depth]


def measure(qrels: pl.DataFrame, run: pl.DataFrame, *, names: Sequence[str] | None = None) -> pl.DataFrame:
    """Measure a run against qrels, one row for each query that has a positive.

    A query for which the run has nothing gets 0. Rows of the run for other queries are ignored. nDCG uses the
    relevance itself as gain (a document of relevance 2 counts twice one of relevance 1); the other measures
    take any relevance above 0 as relevant.
    """
    chosen = {name: parsed(name) for name in (MEASURES if names is None else names)}
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


@dataclass(frozen=True)
class Shown:
    """What stands in the first ten of all rankings."""

    coverage: float  # the share of all documents that stand there
    popularity: float  # how often what is shown was taken in training; each ranking counts alike
    popularity_of_answers: float  # each query counts alike; far below `popularity` it tells of a bias


def measure_shown(run: pl.DataFrame, qrels: pl.DataFrame, documents: pl.DataFrame) -> Shown:
    """Measure what rankings show."""
    popular = documents.select(doc_id="id", popularity=pl.col(POPULARITY).cast(pl.Float64).fill_null(0.0))
    first = run.filter(pl.col("rank") <= SHOWN)
    answers = qrels.filter(pl.col("relevance") > 0)
    mean = [
        rows.join(popular, on="doc_id").group_by("query_id").agg(pl.col(POPULARITY).mean()).select(pl.mean(POPULARITY))
        for rows in (first, answers)
    ]
    shown, taken = (float(each.item() or 0.0) for each in mean)
    return Shown(first["doc_id"].n_unique() / documents.height, shown, taken)
