"""A labelled retrieval dataset: queries, documents and who answers whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Integer

from hardneg.arguments import check_tables
from hardneg.data.corpus import SHARES_ANSWERS, Corpus, unknown_ids
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.labels import Exclusions, PairSet
from hardneg.data.text import digest
from hardneg.errors import DatasetError
from hardneg.files import replacing
from hardneg.notebook import Framed

# A split of labels that are known, but would tie a query of one split to an answer of another.
UNUSED = "unused"
# Splits of labels that nothing is trained or measured on; "seen" holds what rankings leave out.
SET_ASIDE = ("seen", UNUSED)
# Names of splits that are measured on, and what deals two of them where a dataset has none.
DEVELOPMENT = ("dev", "validation", "valid", "val", "development")
HELD_OUT = ("test", *DEVELOPMENT)
MAKES_SPLITS = "`hardneg data split DATASET -o OUT` makes one, seeded and written down"
QRELS_SCHEMA = {"query": pl.Int32, "document": pl.Int32, "relevance": pl.Int32, "split": pl.String}


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Framed):
    """Queries, documents and qrels; texts stay in columns, rows are known by position.

    Build one with a reader (`read_dataset`) or with `Dataset.from_tables`, which check it.

    Args:
        queries: Columns `id`, `text` and any metadata; row number = position of the query.
        documents: Columns `id`, `text`, optional `title` and any metadata; row number = position.
        qrels: Columns `query`, `document` (positions, int32), `relevance` (int32; above 0 means relevant,
            0 or below means judged not relevant) and `split`.
        name: What to call it in reports.
        skipped: Rows that the reader left out, by reason.
        mapping: Which column, field or file became what; None for a dataset that was not read.
        corpus: The texts and what was computed from them; made from the tables if it is not of these.
    """

    queries: pl.DataFrame
    documents: pl.DataFrame
    qrels: pl.DataFrame
    name: str = "dataset"
    skipped: Mapping[str, int] = field(default_factory=dict)
    mapping: FieldMapping | None = None
    corpus: Corpus = field(default=None, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        corpus = self.corpus
        if corpus is None or corpus.queries is not self.queries or corpus.documents is not self.documents:
            object.__setattr__(self, "corpus", Corpus(self.queries, self.documents))

    def __repr__(self) -> str:
        return f"Dataset {self.name!r}: {self.n_queries:,} queries, {self.n_documents:,} documents"

    def frame(self) -> pl.DataFrame:
        """Count the queries with a positive, and the labels, of each split."""
        is_positive = pl.col("relevance") > 0
        return self.qrels.group_by("split", maintain_order=True).agg(
            pl.col("query").filter(is_positive).n_unique().alias("queries"),
            is_positive.sum().alias("positives"),
            (~is_positive).sum().alias("judged_negatives"),
        )

    @classmethod
    def from_tables(
        cls, queries: pl.DataFrame, documents: pl.DataFrame, qrels: pl.DataFrame, *, name: str = "dataset"
    ) -> "Dataset":
        """Build a dataset from tables that use ids, and check that they fit together.

        Args:
            queries: Columns `id`, `text` and any metadata.
            documents: Columns `id`, `text`, optional `title` and any metadata.
            qrels: Columns `query_id`, `doc_id`, `relevance` and `split`.
            name: What to call it in reports.

        Returns:
            The dataset, its qrels by position.

        Raises:
            DatasetError: A table is empty, an id is repeated, or qrels name an id that does not exist.
        """
        check_tables("from_tables", ("id", "text"), optional=False, queries=queries, documents=documents)
        check_tables("from_tables", ("query_id", "doc_id", "relevance", "split"), optional=False, qrels=qrels)
        problems = []
        for table, kind in ((queries, "queries"), (documents, "documents")):
            if table.is_empty():
                problems.append(f"{name} has no {kind}")
            repeated = table.filter(pl.col("id").is_duplicated())["id"]
            if len(repeated):
                problems.append(f"{kind} of {name} repeat the id {repeated[0]!r}; ids must be unique")
        if problems:
            raise DatasetError("; ".join(problems))
        positions = Corpus(queries, documents).positions(qrels)
        for key, row in unknown_ids(positions):
            kind = "query" if key == "query_id" else "document"
            problems.append(f"qrels of {name} name the {kind} {row[key]!r}, which does not exist")
        if problems:
            raise DatasetError("; ".join(problems))
        return cls(queries, documents, positions.select(pl.col(c).cast(t) for c, t in QRELS_SCHEMA.items()), name)

    @property
    def n_queries(self) -> int:
        """Number of queries, over all splits."""
        return self.queries.height

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return self.documents.height

    @cached_property
    def splits(self) -> list[str]:
        """Names of the splits, in the order in which qrels first name them."""
        return self.qrels["split"].unique(maintain_order=True).to_list()

    @property
    def document_texts(self) -> pl.Series:
        """Text of each document as models and BM25 see it: the title, a space, the text."""
        return self.corpus.document_texts

    @property
    def query_texts(self) -> pl.Series:
        """Text of each query."""
        return self.queries["text"]

    @cached_property
    def positives(self) -> PairSet:
        """Every (query, document) that some split calls relevant."""
        return self._pairs(pl.col("relevance") > 0)

    @cached_property
    def judged_negatives(self) -> PairSet:
        """Every (query, document) judged not relevant, and by no row relevant."""
        judged = self._pairs(pl.col("relevance") <= 0)
        return PairSet(np.setdiff1d(judged.keys, self.positives.keys, assume_unique=True), self.n_documents)

    @property
    def text_group(self) -> Int32[np.ndarray, " documents"]:
        """A number for each document, shared by exactly those whose normalised texts are equal."""
        return self.corpus.text_group

    @property
    def query_text_group(self) -> Int32[np.ndarray, " queries"]:
        """A number for each query, shared by exactly those whose normalised texts are equal."""
        return self.corpus.query_text_group

    @cached_property
    def answers(self) -> PairSet:
        """Every (query text group, document text group) with a positive: labels cover texts, not just ids."""
        query, document = np.divmod(self.positives.keys, self.n_documents)
        return PairSet.build(
            self.query_text_group[query], self.text_group[document], width=int(self.text_group.max()) + 1
        )

    @cached_property
    def exclusions(self) -> Exclusions:
        """Answers that queries share, those of one split with an equal value in the column `history_of`.

        A split counts because labels of the test split must not keep documents from training queries.
        """
        group = self._sharing_answers()
        split = pl.Series(self.splits, dtype=pl.String)
        labels = self.qrels.filter(pl.col("relevance") > 0)
        of_query = split.gather(pl.Series(self.query_split).gather(labels["query"]))
        labels = labels.filter((labels["split"] == of_query) & pl.Series(group >= 0).gather(labels["query"]))
        query, document = labels["query"].to_numpy(), labels["document"].to_numpy()
        width = int(self.text_group.max()) + 1
        return Exclusions(group, PairSet.build(group[query], self.text_group[document], width=width))

    def _sharing_answers(self) -> Int32[np.ndarray, " queries"]:
        if SHARES_ANSWERS not in self.queries.columns:
            return np.full(self.n_queries, -1, dtype=np.int32)
        value = pl.col(SHARES_ANSWERS).cast(pl.String)
        asked = self.queries.select(value, split=pl.Series(self.query_split))
        number = asked.select(pl.when(pl.col(SHARES_ANSWERS).is_not_null()).then(pl.struct(pl.all()).rank("dense")))
        return number.to_series().cast(pl.Int32).fill_null(0).to_numpy() - np.int32(1)

    def is_answer(
        self, query: Integer[np.ndarray, " rows"], document: Integer[np.ndarray, " rows"]
    ) -> Bool[np.ndarray, " rows"]:
        """Mark pairs that must never serve as a negative.

        A document is an answer if the labels of any split call it relevant to the query or to a query of the
        same text, or if its normalised text equals that of such a document, under any id. Queries that share their
        answers (`exclusions`) have those of each other too.

        Args:
            query: Positions of queries.
            document: Positions of documents, one for each query.

        Returns:
            `True` where the document answers the query.
        """
        group = self.text_group[document]
        return self.answers.contains(self.query_text_group[query], group) | self.exclusions.contains(query, group)

    @cached_property
    def query_split(self) -> Int32[np.ndarray, " queries"]:
        """Number in `splits` of the first split that names each query; -1 for a query that none names."""
        first = np.full(self.n_queries, -1, dtype=np.int32)
        for number, split in reversed(list(enumerate(self.splits))):
            first[self.qrels.filter(pl.col("split") == split)["query"].to_numpy()] = number
        return first

    def queries_of(self, split: str) -> Int32[np.ndarray, " queries"]:
        """List the queries that have a positive in a split.

        Args:
            split: Name of the split.

        Returns:
            Their positions, ascending.

        Raises:
            DatasetError: The split does not exist or has no positive.
        """
        return np.unique(self.pairs_of(split)[0])

    def pairs_of(self, split: str) -> tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]]:
        """List the positive pairs of a split.

        Args:
            split: Name of the split.

        Returns:
            Positions of queries and documents, ordered by query, then document, without repeats.

        Raises:
            DatasetError: The split does not exist or has no positive.
        """
        if split not in self.splits:
            splits = ", ".join(self.splits) or "none"
            way_out = f". {MAKES_SPLITS}" if split in ("test", "dev") else ""
            raise DatasetError(f"{self.name} has no split {split!r}; it has: {splits}{way_out}")
        rows = self.qrels.filter((pl.col("split") == split) & (pl.col("relevance") > 0))
        if rows.is_empty():
            raise DatasetError(f"split {split!r} of {self.name} has no positive (relevance above 0)")
        rows = rows.select("query", "document").unique().sort("query", "document")
        return rows["query"].to_numpy(), rows["document"].to_numpy()

    def positives_of(self, split: str) -> PairSet:
        """Give the pairs that one split calls relevant, as a set; an unknown split has none.

        Args:
            split: Name of the split.

        Returns:
            The pairs; asked for again, it is the same object.
        """
        if split not in self._by_split:
            self._by_split[split] = self._pairs((pl.col("split") == split) & (pl.col("relevance") > 0))
        return self._by_split[split]

    @cached_property
    def _by_split(self) -> dict[str, PairSet]:
        return {}

    def with_labels(self, qrels: pl.DataFrame) -> "Dataset":
        """Give the same texts other labels, or more; what was computed from the texts is shared.

        Args:
            qrels: Labels by position, as `qrels`.

        Returns:
            The dataset.
        """
        return replace(self, qrels=qrels.select(pl.col(name).cast(kind) for name, kind in QRELS_SCHEMA.items()))

    def without_labels(self, hidden: pl.DataFrame) -> "Dataset":
        """Take labels away, in every split and whatever their relevance; queries stay in the splits that they had.

        Args:
            hidden: Columns `query` and `document`, or any of the columns of `qrels`: what is taken away.

        Returns:
            The dataset; it shares what was computed from the texts.
        """
        kept = self.qrels.join(hidden, on=hidden.columns, how="anti", maintain_order="left")
        fewer = replace(self, qrels=kept)
        # Vectors of queries are encoded by the first split of each, so that must stay what it was.
        vars(fewer).update(splits=self.splits, query_split=self.query_split)
        return fewer

    def with_ids(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put ids in place of positions.

        Args:
            rows: Columns `query` and `document`, and any others.

        Returns:
            Columns `query_id` and `doc_id`, then the others, in the order of the rows.
        """
        return self.corpus.with_ids(rows)

    def positions(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Look ids up.

        Args:
            rows: Columns `query_id` and `doc_id`, and any others.

        Returns:
            All of it with `query` and `document`, the positions; null where the dataset has no such id.
        """
        return self.corpus.positions(rows)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all ids, texts and labels; two datasets with one fingerprint give the same negatives.

        The turns of conversations count as texts, since models may read them in another form than the dataset's.
        """
        before, after = self.corpus.digests
        labels = digest(self.qrels.select(pl.concat_str(pl.all(), separator=" "))["query"])
        return digest(pl.Series([*before, labels, *after]))

    @property
    def texts_fingerprint(self) -> str:
        """Hash of what each id means, whatever the order of rows: where it is equal, what was written by ids fits.

        Documents or queries more or fewer count too: negatives of a smaller corpus are not those of this one.
        """
        return self.corpus.fingerprint

    @cached_property
    def labels_fingerprint(self) -> str:
        """Hash of the labels by id, whatever the order of rows; the texts may be others."""
        ids = self.with_ids(self.qrels).with_columns(pl.col("relevance").cast(pl.String)).unique()
        ids = ids.sort(ids.columns)
        return digest(pl.Series([digest(column) for column in ids.iter_columns()]))

    def write(self, path: Path | str) -> Path:
        """Write the dataset as a folder of Parquet files that `read_dataset` reads back.

        Args:
            path: The folder; made if missing.

        Returns:
            The folder.
        """
        folder = Path(path)
        tables = {  # documents last: a folder that has them is whole
            "queries": self.queries,
            "qrels": self.with_ids(self.qrels),
            "documents": self.documents,
        }
        for name, table in tables.items():
            with replacing(folder / f"{name}.parquet", sums=False) as temporary:
                table.write_parquet(temporary)
        return folder

    def _pairs(self, condition: pl.Expr) -> PairSet:
        rows = self.qrels.filter(condition)
        return PairSet.build(rows["query"].to_numpy(), rows["document"].to_numpy(), width=self.n_documents)
