"""Search the whole corpus for the queries of a split and measure what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import polars as pl
from ir_measures import Measure

from hardneg.arguments import check_texts, check_whole
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.evaluation.excluding import Excluded, excluded_from
from hardneg.evaluation.metrics import (
    POPULARITY,
    PRIMARY,
    Shown,
    choose_measures,
    means,
    measure,
    measure_shown,
    primary_of,
)
from hardneg.evaluation.searching import SearchBlocks, rankings_of
from hardneg.evaluation.significance import mean_interval
from hardneg.evaluation.trec import write_qrels, write_run
from hardneg.files import check_folder, replacing, write_json
from hardneg.models.given import Loaded, named_model
from hardneg.notebook import Framed
from hardneg.progress import task
from hardneg.runs import layout
from hardneg.runs.joining import data_of
from hardneg.sources import Dense, Source
from hardneg.sources.protocol import Checks, ReadsTexts

if TYPE_CHECKING:  # importing it would load torch
    from hardneg.models.reading import Reading


class MeanFigure(TypedDict):
    """A mean over queries with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Framed):
    """What a retriever found for the queries of a split, and how good that is."""

    name: str
    split: str
    depth: int
    metrics: dict[str, float]
    per_query: pl.DataFrame  # `query_id` and a column for each measure
    run: pl.DataFrame  # `query_id`, `doc_id`, `rank`, `score`
    qrels: pl.DataFrame  # `query_id`, `doc_id`, `relevance`: the labels of the split
    shown: Shown | None = None  # None where documents have no popularity
    excluded: Excluded | None = None
    data: Mapping[str, str] | None = None  # hashes of texts and labels, by which evaluations are known to be alike
    reading: "Reading | None" = None  # None where no model read the texts
    primary: str = PRIMARY  # the measure that decides where one must

    def figures(self, *, seed: int = 0) -> dict[str, MeanFigure]:
        """Give each mean with its interval and the number of queries."""
        figures = {}
        with task("drawing intervals", total=len(self.metrics), unit="measures") as advance:
            for name, value in self.metrics.items():
                low, high = mean_interval(self.per_query[name].to_numpy(), seed=seed)
                figures[name] = MeanFigure(value=value, low=low, high=high, n=self.per_query.height)
                advance(1)
        return figures

    def frame(self) -> pl.DataFrame:
        """Lay the means out: `measure`, `value`, `low`, `high`, `n`; the values of each query are in `per_query`."""
        return pl.DataFrame([{"measure": name, **figure} for name, figure in self.figures().items()])

    def __repr__(self) -> str:
        means = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())
        return f"Evaluation of {self.name} on {self.per_query.height:,} queries of {self.split}: {means}"

    def write(self, folder: Path | str) -> Path:
        """Write `metrics.json`, `per_query.parquet`, `run.trec` and `qrels.trec`.

        The two TREC files give the same values in other tools: `ir_measures qrels.trec run.trec nDCG@10`.
        """
        folder = Path(folder)
        check_folder(folder)
        with replacing(folder / layout.PER_QUERY) as temporary:
            self.per_query.write_parquet(temporary)
        write_run(self.run, folder / layout.RANKINGS, tag=self.name)
        write_qrels(self.qrels, folder / layout.QRELS)
        summary = {"name": self.name, "split": self.split, "depth": self.depth, "metrics": self.figures()}
        summary |= {} if primary_of(summary) == self.primary else {"primary": self.primary}
        summary |= {} if self.excluded is None else {"excluded": self.excluded.as_dict()}
        summary |= {} if self.shown is None else {"shown": asdict(self.shown)}
        summary |= {} if self.data is None else {"data": dict(self.data)}
        summary |= {} if self.reading is None else {"reading": self.reading.as_dict()}
        write_json(folder / layout.METRICS, summary)
        return folder


def evaluate(
    dataset: Dataset,
    retriever: Source | str | Path | Loaded,
    *,
    split: str = "test",
    depth: int = 100,
    block_size: int = 4096,
    name: str | None = None,
    exclude: str | None = None,
    measures: Sequence[str | Measure] | None = None,
    primary: str | Measure | None = None,
) -> Evaluation:
    """Retrieve from the whole corpus for every query with a positive in a split, and measure the result.

    Where queries are documents of the corpus, the document that has the query's own id is left out of its ranking.

    Args:
        dataset: Queries, documents and labels.
        retriever: Any source of candidates; or a model, by name, by folder or a loaded `SentenceTransformer`.
        split: Whose queries and labels to use.
        depth: Documents to ask for, at least the cut-off of each of `measures`; without these at least 10, and those of
            the usual measures that have a larger cut-off are left out.
        block_size: Queries to search for at once, at least 1.
        name: What to call the result; the retriever's own name if None.
        exclude: "identical" leaves the document that has the query's own id out of the query's ranking, as
            `ignore_identical_ids` of BEIR does, unless it is labelled an answer; "none" leaves nothing out. Anything
            else is a split: documents that it labels for a query, relevant or not, are left out, as a recommender
            leaves out what its user has seen. None means "identical" where most documents with a query's id have the
            query's text too, else "none".
        measures: What to measure, by the names of ir-measures, as `["RR@10", "R@50"]`. None means nDCG@10, MRR@10,
            Recall@10, Recall@100 and MAP@100, and HR@10 for items of a recommender. A measure without a cut-off looks
            at `depth` documents.
        primary: The measure that `compare`, a report and a choice go by; the first of `measures` if None.

    Returns:
        Means and per-query values of the measures, with the rankings and the labels that they come from.

    Raises:
        DatasetError: The split does not exist or has no positive, there is no split `exclude`, it labels an answer,
            or a run file is of other queries.
        RecipeError: An argument is of the wrong kind, there is no such measure, `depth` is too small for one, or
            `block_size` is below 1.
    """
    check_dataset(dataset, purpose="evaluate")
    check_texts("evaluate", split=split, **({} if exclude is None else {"exclude": exclude}))
    check_whole("evaluate", least=1, depth=depth, block_size=block_size)
    of_items = POPULARITY in dataset.documents.columns
    names, deciding = choose_measures(measures, primary, depth=depth, of_items=of_items)
    retriever, name = _as_source(retriever, name)
    queries = dataset.queries_of(split)
    if isinstance(retriever, Checks):
        retriever.check(dataset, queries, split=split)
    excluded = excluded_from(dataset, exclude, split=split)
    work = SearchBlocks(dataset, retriever, [], depth, excluded.pairs)
    with task(f"searching with {name or retriever.name}", total=len(queries), unit="queries") as advance:
        rankings = rankings_of(work, queries, block_size=block_size, advance=advance)
    run = dataset.with_ids(rankings.sort("query", "rank"))
    labels = dataset.qrels.filter((pl.col("split") == split) & pl.col("query").is_in(queries))
    labels = labels.group_by("query", "document").agg(pl.col("relevance").max().clip(lower_bound=0))
    qrels = dataset.with_ids(labels.sort("query", "document"))
    per_query = measure(qrels, run, names=names)
    shown = measure_shown(run, qrels, dataset.documents) if of_items else None
    reading = retriever.reading(dataset, queries) if isinstance(retriever, ReadsTexts) else None
    return Evaluation(
        name or retriever.name,
        split,
        depth,
        means(per_query),
        per_query,
        run,
        qrels,
        shown=shown,
        excluded=excluded,
        data=data_of(dataset),
        reading=reading,
        primary=deciding,
    )


def _as_source(given: Source | str | Path | Loaded, name: str | None) -> tuple[Source, str | None]:
    """Make a source of a model, which is then called as it is named."""
    if isinstance(given, Source):
        return given, name
    model = named_model(given, purpose="evaluate")
    return Dense(model=model), name or (str(model) if isinstance(given, str | Path) else None)
