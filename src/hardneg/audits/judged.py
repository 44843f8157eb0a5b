"""The judged audit: count negatives that a fuller set of labels, which mining did not see, calls answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.audits.blocks import counted
from hardneg.audits.outcome import together
from hardneg.audits.planted import Audit, Fit, hardness_score, labelled
from hardneg.data.corpus import unknown_ids
from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.data.metadata import as_text
from hardneg.data.qrels import read_qrels
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError, RecipeError
from hardneg.negatives.plan import Plan
from hardneg.planting.planting import Planted
from hardneg.progress import task


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels that mining does not see."""

    query: Int32[np.ndarray, " queries"]  # of which they speak, ascending
    answers: PairSet
    complete: bool  # no answer of these queries is missing


def fuller_labels(dataset: Dataset, path: Path | str) -> Truth:
    """Read labels from a file of qrels in BEIR's layout, plain or gzipped."""
    file = Path(path)
    rows = read_qrels(file, split="judged", rejections=Rejections()).rows
    rows = dataset.positions(rows)
    for key, row in unknown_ids(rows):
        kind = "query" if key == "query_id" else "document"
        problem = f"{kind} id {row[key]!r} is not in {dataset.name}; give labels of this dataset"
        raise DatasetError(problem, path=file, line=row["line"])
    if rows.is_empty():
        raise DatasetError("no label in it; give labels that mining did not see", path=file)
    answers = rows.filter(pl.col("relevance") > 0)
    pairs = PairSet.build(answers["query"].to_numpy(), answers["document"].to_numpy(), width=dataset.n_documents)
    return Truth(np.unique(rows["query"].to_numpy()), pairs, complete=False)


def truth_of_column(dataset: Dataset, column: str) -> Truth:
    """Call a document an answer wherever a metadata column of query and document says the same.

    A query without a value takes those of its positives; rows without any have no answer.
    """
    if column not in dataset.documents.columns:
        columns = sorted({*dataset.documents.columns} - {"id", "text", "title"})
        raise RecipeError(
            f"documents of {dataset.name} have no column {column!r}; they have: {', '.join(columns) or 'no metadata'}"
        )
    values = as_text(dataset.documents[column]).alias("value").to_frame()
    documents = values.with_row_index("document").cast({"document": pl.Int32})
    query, document = np.divmod(dataset.positives.keys, dataset.n_documents)
    query_values = pl.DataFrame({"query": query.astype(np.int32), "value": values["value"].gather(document)}).unique()
    if column in dataset.queries.columns:
        own_values = as_text(dataset.queries[column]).alias("value").to_frame().with_row_index("query")
        own_values = own_values.cast({"query": pl.Int32}).drop_nulls()
        query_values = pl.concat([own_values, query_values.join(own_values, on="query", how="anti")])
    pairs = query_values.drop_nulls().join(documents.drop_nulls(), on="value").select("query", "document")
    answers = PairSet.build(pairs["query"].to_numpy(), pairs["document"].to_numpy(), width=dataset.n_documents)
    return Truth(np.unique(pairs["query"].to_numpy()), answers, complete=True)


def audit_judged(
    dataset: Dataset,
    plan: Plan,
    truth: Truth,
    *,
    group: str | None = None,
    score: str | None = None,
    block_size: int = 4_096,
    fit: Fit | None = None,
) -> Audit:
    """Mine as the plan says and count the negatives that are answers by labels it did not see."""
    plan.check(dataset)
    name = hardness_score(plan, score)
    unseen = unseen_answers(dataset, plan.split, truth)
    fitted = plan if fit is None else fit(plan, dataset)
    with task("auditing", total=len(unseen.queries), unit="queries") as advance:
        outcomes, _ = counted(unseen, {"": fitted}, score=name, block_size=block_size, advance=advance)
    kind: Literal["truth", "judged"] = "truth" if truth.complete else "judged"
    return Audit(kind, together([labelled(outcomes[""], dataset, group=group, seed=0)]), name)


def unseen_answers(dataset: Dataset, split: str, truth: Truth) -> Planted:
    """Treat the answers that a dataset does not know as hidden from it; of copies, one stands for all."""
    queries = np.intersect1d(dataset.queries_of(split), truth.query).astype(np.int32)
    if len(queries) == 0:
        raise DatasetError(
            f"the labels to audit with speak of no query of the split {split!r} of {dataset.name}; name another split"
        )
    query, document = truth.answers.among(queries)
    new = ~dataset.is_answer(query, document)
    pairs = pl.DataFrame({"query": query[new], "document": document[new], "text": dataset.text_group[document[new]]})
    once = pairs.unique(["query", "text"], keep="first", maintain_order=True)
    hidden = PairSet.build(once["query"].to_numpy(), once["document"].to_numpy(), width=dataset.n_documents)
    return Planted(dataset, queries, hidden)
