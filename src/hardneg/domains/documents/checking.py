"""Which of the queries that a model wrote are worth training on: those that lead back to their text, each once."""

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.data.resemblance import LIKE_QUERIES
from hardneg.data.ties import near_groups
from hardneg.domains.documents.crops import CROPPED
from hardneg.domains.documents.writer import STYLES
from hardneg.sources import Source


def checked(data: Dataset, check: Source, keep_top: int) -> tuple[Dataset, str]:
    """Leave out written queries that do not lead back to their text, and those that are nearly another query.

    Gives what to say of it, too.

    References:
        Round-trip consistency: Alberti et al. (2019), arXiv:1906.05416; Dai et al. (2022), "Promptagator",
        arXiv:2209.11755, section 3.2, which keeps what its retriever ranks first.
    """
    written = data.queries["kind"].is_in(list(STYLES)).to_numpy()
    leads_back = _leads_back(data, np.flatnonzero(written).astype(np.int32), check, keep_top)
    single = _first_of_its_like(data, written)
    kept = leads_back & single & written
    note = (
        f"{written.sum():,} queries were written; {(written & ~leads_back).sum():,} do not lead back to their text "
        f"(the {keep_top} best by {check.name}), {(written & leads_back & ~single).sum():,} nearly equal another; "
        f"{kept.sum():,} are kept"
    )
    queries = data.queries.filter(pl.Series(kept | ~written))
    labels = data.with_ids(data.qrels).join(queries.select(query_id="id"), on="query_id", how="semi")
    return Dataset.from_tables(queries, data.documents, labels, name=data.name), note


def _leads_back(data: Dataset, asked: np.ndarray, check: Source, keep_top: int) -> Bool[np.ndarray, " queries"]:
    """Mark the queries whose text is among the best that are found, crops left out."""
    whole = data.documents.filter(~pl.col("id").str.ends_with(CROPPED))
    labels = data.with_ids(data.qrels).join(whole.select(doc_id="id"), on="doc_id", how="semi")
    corpus = Dataset.from_tables(data.queries, whole, labels, name=data.name)
    ranked = check.retrieve(corpus, asked, min(keep_top, whole.height)).select(
        pl.col("query", "document").cast(pl.Int32)
    )
    origins = data.queries.select(query_id="id", doc_id="from")
    back = corpus.with_ids(ranked).join(origins, on=["query_id", "doc_id"], how="semi")["query_id"]
    return data.queries["id"].is_in(back.implode()).to_numpy()


def _first_of_its_like(data: Dataset, written: Bool[np.ndarray, " queries"]) -> Bool[np.ndarray, " queries"]:
    """Mark one of the queries that are nearly equal; what was not written goes before what was."""
    groups = near_groups(data.query_texts, data.query_text_group, LIKE_QUERIES)
    order = np.lexsort((np.arange(data.n_queries), written))
    first = np.zeros(data.n_queries, dtype=bool)
    first[order[np.unique(groups[order], return_index=True)[1]]] = True
    return first
