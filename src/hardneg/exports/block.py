"""Some queries of an export at a time, so that texts are never all in memory in the form in which they are written."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from hardneg.exports.chosen import Chosen

_BYTES = 16 * 2**20  # of texts in a block
TEXT, SCORE, ID = pl.col("text"), pl.col("score"), pl.col("doc_id")


@dataclass(frozen=True, eq=False)
class Block:
    """The positives and negatives of some queries."""

    chosen: Chosen
    pairs: pl.DataFrame
    negatives: pl.DataFrame

    def positives(self, *columns: pl.Expr) -> pl.DataFrame:
        """List the positives: `query`, then expressions of `doc_id`, `title`, `body`, `text` and `score`.

        `text` is what models see, the title before the body. The score is that of the query's weakest positive.
        """
        rows = self.pairs.rename({"positive": "document"})
        if self.chosen.scores:
            weakest = self.negatives.select("query", score="positive_score").unique("query")
            rows = rows.join(weakest, on="query", how="left", maintain_order="left")
        return self._rows(rows, columns)

    def refused(self, *columns: pl.Expr) -> pl.DataFrame:
        """List the negatives: `query`, then expressions as above, and of what mining knows of them."""
        return self._rows(self.negatives, columns)

    def by_query(self, positive: dict[str, pl.Expr], negative: dict[str, pl.Expr]) -> pl.DataFrame:
        """Give a row for each query: `query_id`, `query`, and lists of what its positives and negatives are."""
        return self._named(self.pairs.select("query").unique(maintain_order=True)).pipe(
            self._with_lists, positive, negative
        )

    def by_positive(self, positive: dict[str, pl.Expr], negative: dict[str, pl.Expr]) -> pl.DataFrame:
        """Give a row for each positive: `query_id`, `query`, what it is, and lists of what its negatives are."""
        rows = self.positives(*(each.alias(name) for name, each in positive.items()))
        return self._named(rows).pipe(self._with_lists, {}, negative)

    def _with_lists(
        self, rows: pl.DataFrame, positive: dict[str, pl.Expr], negative: dict[str, pl.Expr]
    ) -> pl.DataFrame:
        for take, columns in ((self.positives, positive), (self.refused, negative)):
            if columns:
                flat = take(*(each.alias(name) for name, each in columns.items()))
                lists = flat.group_by("query", maintain_order=True).agg(list(columns))
                rows = rows.join(lists.rename({"query": "at"}), on="at", how="left", maintain_order="left")
        return rows.drop("at")

    def _named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put ids and texts of the queries before the rest, and their positions into `at`."""
        dataset, at = self.chosen.dataset, rows["query"]
        first = [at.alias("at"), dataset.queries["id"].gather(at).alias("query_id")]
        return pl.DataFrame([*first, dataset.query_texts.gather(at).alias("query"), *rows.drop("query").iter_columns()])

    def _rows(self, rows: pl.DataFrame, columns: tuple[pl.Expr, ...]) -> pl.DataFrame:
        wanted = {name for each in columns for name in each.meta.root_names()}
        documents, at = self.chosen.dataset.documents, rows["document"]
        more = []
        if "text" in wanted:
            more.append(self.chosen.dataset.document_texts.gather(at).alias("text"))
        for name, column in (("doc_id", "id"), ("title", "title"), ("body", "text")):
            if name in wanted and column in documents.columns:
                values = documents[column].gather(at).alias(name)
                more.append(values.fill_null("") if name == "title" else values)
            elif name in wanted:
                more.append(pl.repeat("", len(at), dtype=pl.String, eager=True).alias(name))
        return rows.with_columns(more).select("query", *columns)


def blocks(chosen: Chosen, *, size: int = _BYTES) -> Iterator[Block]:
    """Cut an export into blocks of queries, each of about so many bytes of texts in the widest of forms."""
    ends = _ends(chosen, size)
    starts = [0, *ends[:-1]]
    queries = chosen.negatives["query"].to_numpy()
    asked = np.unique(queries)
    of_pairs = chosen.pairs["query"].to_numpy()
    for start, end in zip(starts, ends, strict=True):
        first, last = asked[start], asked[end - 1]
        cuts = [
            slice(np.searchsorted(rows, first, "left"), np.searchsorted(rows, last, "right"))
            for rows in (of_pairs, queries)
        ]
        yield Block(chosen, chosen.pairs[cuts[0]], chosen.negatives[cuts[1]])


def _ends(chosen: Chosen, size: int) -> list[int]:
    """Say after how many queries each block ends."""
    dataset = chosen.dataset
    n_bytes = dataset.document_texts.str.len_bytes().cast(pl.Int64)
    mined = chosen.negatives.select("query", n=n_bytes.gather(chosen.negatives["document"]))
    labelled = chosen.pairs.select("query", p=n_bytes.gather(chosen.pairs["positive"]))
    mined = mined.group_by("query", maintain_order=True).agg(pl.col("n").sum(), n_rows=pl.len().cast(pl.Int64))
    labelled = labelled.group_by("query").agg(pl.col("p").sum(), p_rows=pl.len().cast(pl.Int64))
    costs = mined.join(labelled, on="query", how="left", maintain_order="left")
    asked = dataset.query_texts.str.len_bytes().cast(pl.Int64).gather(costs["query"])
    # As triplets: each pair of a positive and a negative with the query.
    total = costs.select(pl.col("n") * pl.col("p_rows") + pl.col("n_rows") * (pl.col("p") + pl.col("p_rows") * asked))
    block = (total.to_series().cum_sum() // size).to_numpy()
    return [*(np.flatnonzero(np.diff(block)) + 1).tolist(), len(block)]
