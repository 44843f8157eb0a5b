"""Findings about texts that give an answer away: in the answer itself, in the corpus, between splits."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from jaxtyping import Int64

from hardneg.data.dataset import HELD_OUT, Dataset
from hardneg.data.findings import N_EXAMPLES, Finding
from hardneg.data.resemblance import LIKE_DOCUMENTS, LIKE_QUERIES, UNSPACED, Likeness, letters, near_pairs
from hardneg.data.unfit import own_texts

MINING_DEPTH = 100  # candidates of each source, where `mine` is not told otherwise

_WORDS = 4  # a query with fewer stands in many a text without being copied from it
_MANY = 0.05  # of the queries; fewer may be chance, as where a term is asked for
_PAIRS = 65_536
_DOCUMENTS = 65_536
_SHOWN = 60  # characters of a text


def queries_in_their_positives(dataset: Dataset) -> Finding | None:
    """HN024: queries whose text stands word for word in a document that answers them."""
    pairs = pl.concat([pl.DataFrame(schema={"query": pl.Int32, "document": pl.Int32}), *_contained(dataset)])
    n_queries = pairs["query"].n_unique()
    if not n_queries:
        return None
    n_asked = dataset.qrels.filter(pl.col("relevance") > 0)["query"].n_unique()
    return Finding(
        "HN024",
        "warning" if n_queries >= _MANY * n_asked else "info",
        "queries that stand in their own answer",
        f"the text of {n_queries:,} of {n_asked:,} queries with an answer stands word for word in it",
        "take it out of the documents, as a docstring out of its code (`hardneg data python` does) or a title out of "
        "its text; a model learns to find copies, and is measured on finding them",
        n_queries,
        _pair_examples(dataset, pairs.unique("query", maintain_order=True)),
    )


def nearly_repeated_between_splits(dataset: Dataset) -> Finding | None:
    """HN025: queries and answers of test or dev that are nearly, not exactly, those of train."""
    train = dataset.qrels.filter((pl.col("split") == "train") & (pl.col("relevance") > 0))
    held = dataset.qrels.filter(pl.col("split").is_in(HELD_OUT) & (pl.col("relevance") > 0))
    if train.is_empty() or held.is_empty():
        return None
    shares, examples, count, kinds = [], [], 0, []
    for kind, column, table, texts, group, likeness in (
        ("queries", "query", dataset.queries, dataset.query_texts, dataset.query_text_group, LIKE_QUERIES),
        ("answers", "document", dataset.documents, dataset.document_texts, dataset.text_group, LIKE_DOCUMENTS),
    ):
        pairs = _near(train[column].to_numpy(), held[column].to_numpy(), texts, group, likeness)
        n = len(np.unique(pairs[:, 0]))
        if n:
            shares.append(f"{n:,} of {held[column].n_unique():,} {kind} of {' and '.join(sorted(set(held['split'])))}")
            first = pairs[np.unique(pairs[:, 0], return_index=True)[1]]
            named = [(table["id"][int(a)], table["id"][int(b)], texts[int(a)]) for a, b in first[:N_EXAMPLES]]
            examples += [f"{ours} ~ {theirs}: {_short(text)}" for ours, theirs, text in named]
            count += n
            kinds.append(kind)
    if not count:
        return None
    by = "" if "queries" in kinds else " --by document"
    return Finding(
        "HN025",
        "warning",
        "test texts that nearly repeat training ones",
        f"{' and '.join(shares)} are nearly equal to those of train, but for case, punctuation or a few words; exact "
        "repeats are HN003 and HN016",
        f"deal them anew: `hardneg data split DATASET -o OUT --again{by}` keeps nearly equal {kinds[0]} in one split",
        count,
        tuple(examples),
    )


def positives_beyond_the_depth(dataset: Dataset) -> Finding | None:
    """HN027: queries with more positives than mining looks at candidates."""
    query = dataset.positives.keys // dataset.n_documents
    asked, n = np.unique(query, return_counts=True)
    many = n > MINING_DEPTH
    if not many.any():
        return None
    most = np.argsort(-n, kind="stable")[: min(N_EXAMPLES, int(many.sum()))]
    return Finding(
        "HN027",
        "warning",
        "more positives than candidates",
        f"{int(many.sum()):,} queries have more than {MINING_DEPTH} positives, the default depth of mining; the most "
        f"is {int(n.max()):,}",
        "nothing to do for mining, which looks at that many candidates besides the positives; see that a few queries "
        "do not make up most training pairs",
        int(many.sum()),
        tuple(f"{dataset.queries['id'][int(asked[at])]}: {int(n[at]):,}" for at in most),
    )


def _contained(dataset: Dataset) -> Iterator[pl.DataFrame]:
    """Yield the positive pairs whose query stands in the document, both less case and punctuation."""
    queries = pl.DataFrame({"text": dataset.query_texts}).select(letters(pl.col("text")))["text"]
    # A letter of a script without spaces stands alone here, and says about half as much as a word.
    enough = queries.str.count_matches(r"\S+") - queries.str.count_matches(UNSPACED) / 2 >= _WORDS
    pairs = (
        dataset.qrels.filter((pl.col("relevance") > 0) & enough.gather(dataset.qrels["query"]))
        .select("query", "document")
        .unique()
        .sort("document", "query")
    )
    for part in pairs.iter_slices(_PAIRS):
        distinct = part["document"].unique().sort()
        texts = pl.DataFrame({"document": distinct, "text": dataset.document_texts.gather(distinct)})
        texts = texts.with_columns(letters(pl.col("text")))
        both = part.join(texts, on="document", maintain_order="left").with_columns(sought=queries.gather(part["query"]))
        # Between spaces, so that only whole words count.
        inside = (" " + pl.col("text") + " ").str.contains(" " + pl.col("sought") + " ", literal=True)
        yield both.filter(inside).select("query", "document")


def _near(
    train: np.ndarray, held: np.ndarray, texts: pl.Series, group: np.ndarray, likeness: Likeness
) -> Int64[np.ndarray, "pairs 2"]:
    """Find (held out, training) texts that are nearly equal; of equal texts one stands for all."""
    ours, theirs = _once(train, group), _once(held, group)
    theirs = theirs[~np.isin(group[theirs], group[ours])]
    rows = np.concatenate([ours, theirs])
    side = np.repeat([0, 1], [len(ours), len(theirs)])
    pairs = near_pairs(texts.gather(rows), likeness, side=side)
    return rows[pairs[:, ::-1]]


def _once(rows: np.ndarray, group: np.ndarray) -> Int64[np.ndarray, " distinct"]:
    """Take one row of each group, the first, in the order of rows."""
    distinct = np.unique(rows).astype(np.int64)
    return distinct[np.sort(np.unique(group[distinct], return_index=True)[1])]


def _pair_examples(dataset: Dataset, pairs: pl.DataFrame) -> tuple[str, ...]:
    return tuple(
        f"{dataset.queries['id'][query]} in {dataset.documents['id'][document]}: {_short(dataset.query_texts[query])}"
        for query, document in pairs.select("query", "document").head(N_EXAMPLES).iter_rows()
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def query_in_corpus(dataset: Dataset, *, split: str | None = None) -> Finding | None:
    """HN044: documents that say what a query says, word for word, and are not labelled as its answer."""
    queries = dataset.queries_of(split) if split is not None else None
    query, document = own_texts(dataset, queries)
    if not len(query):
        return None
    table = pl.DataFrame(
        {
            "query": query,
            "query_id": dataset.queries["id"].gather(query),
            "doc_id": dataset.documents["id"].gather(document),
        }
    )
    n_queries = table["query"].n_unique()
    n_same = table.filter(pl.col("query_id") == pl.col("doc_id"))["query"].n_unique()
    examples = table.select(pl.format("{} = {}", "query_id", "doc_id")).to_series().head(N_EXAMPLES)
    return Finding(
        "HN044",
        "warning",
        "the query is in the corpus",
        f"{n_queries:,} queries have their own text among the documents, {n_same:,} of them under their own id, and no "
        "label calls it an answer",
        "nothing to do for mining: such a document is never a negative (query_itself); evaluate leaves out the "
        "document with the query's id (--exclude identical), so give these documents the ids of their queries, or "
        "remove them",
        n_queries,
        tuple(examples),
    )


CHECKS = (
    queries_in_their_positives,
    nearly_repeated_between_splits,
    positives_beyond_the_depth,
    query_in_corpus,
)
