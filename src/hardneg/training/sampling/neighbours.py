"""Which training pairs are near each other: hard, and clean, as in-batch negatives of one another."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from jaxtyping import Bool, Float, Float32, Float64, Int32, Int64
from scipy.sparse import csr_matrix

from hardneg.checksums import checked
from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.files import opened_arrays, replacing
from hardneg.filters.positive_margin import threshold
from hardneg.randomness import bits
from hardneg.scoring.protocol import Scorer
from hardneg.search.cells import balanced_cells
from hardneg.search.exact import exact_topk, pair_scores
from hardneg.sources import Source
from hardneg.sources.retrieval import checked_retrieval
from hardneg.training.sampling.mirroring import mirrored

# Documents that every query is compared with; of more, only those of its own cell.
WHOLE = 65_536
_SPARE = 64  # documents looked at beyond those asked for, since answers and what is near an answer are among the best
_HEAVIEST = 4  # weight of a link to the best quarter of a query's documents; the last quarter's is 1
_BLOCK = 8_192
_CHOICE = 17


@dataclass(frozen=True, eq=False)
class TrainingPairs:
    """Training pairs by their distinct queries and distinct texts of documents."""

    dataset: Dataset
    query: Int32[np.ndarray, " pairs"]  # position in the dataset
    document: Int32[np.ndarray, " pairs"]
    queries: Int32[np.ndarray, " queries"]  # distinct, ascending
    documents: Int32[np.ndarray, " documents"]  # one for each distinct text
    query_row: Int64[np.ndarray, " pairs"]  # number in `queries`
    document_row: Int64[np.ndarray, " pairs"]  # number in `documents`

    @classmethod
    def of(
        cls, dataset: Dataset, query: Int32[np.ndarray, " pairs"], document: Int32[np.ndarray, " pairs"]
    ) -> "TrainingPairs":
        """Number the queries and texts of pairs."""
        queries, query_row = np.unique(query, return_inverse=True)
        _, first, document_row = np.unique(dataset.text_group[document], return_index=True, return_inverse=True)
        return cls(dataset, query, document, queries, document[first], query_row, document_row)


@dataclass(frozen=True, eq=False)
class Ranked:
    """The best documents of some queries, by number in `TrainingPairs`; -1 where a query has no more."""

    query: Int64[np.ndarray, " rows"]
    document: Int64[np.ndarray, "rows depth"]
    score: Float32[np.ndarray, "rows depth"]
    weakest: Float64[np.ndarray, " rows"]  # score of the query's weakest positive among the pairs; NaN if unknown


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Links between training pairs, and what may not be a negative although no label says so."""

    links: csr_matrix  # pairs × pairs, symmetric; weights from 1, those of both directions added up
    near: PairSet  # (number of a query's text, number of a document's text)

    def write(self, path: Path) -> None:
        """Write to a file of plain arrays."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            arrays = {name: getattr(self.links, name) for name in ("indptr", "indices", "data")}
            np.savez(file, near=self.near.keys, width=self.near.width, **arrays)

    @classmethod
    def read(cls, path: Path) -> "Neighbours":
        """Read back what `write` wrote."""
        with opened_arrays(checked(path)) as arrays:
            n_pairs = len(arrays["indptr"]) - 1
            links = csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n_pairs, n_pairs))
            return cls(links, PairSet(arrays["near"], int(arrays["width"])))


def by_vectors(
    pairs: TrainingPairs,
    queries: Float[np.ndarray, "queries dim"],
    documents: Float[np.ndarray, "documents dim"],
    *,
    depth: int,
    whole: int = WHOLE,
) -> Iterator[Ranked]:
    """Rank the documents of the pairs for each of their queries by the dot product of vectors.

    Every query is compared with every document, exactly. Of more than `whole` documents, it is compared with those of
    the cell that its first positive lies in: cells of equal size, cut by the documents' vectors. Vectors may lie in a
    file, of half precision too: memory holds those of one cell.
    """
    weakest = np.full(len(pairs.queries), np.inf)
    for begin in range(0, len(pairs.query), _BLOCK):
        query, document = pairs.query_row[begin : begin + _BLOCK], pairs.document_row[begin : begin + _BLOCK]
        row = np.arange(len(query))
        score = pair_scores(_in_memory(queries, query), _in_memory(documents, document), row, row)
        np.minimum.at(weakest, query, score.astype(np.float64))
    cells = balanced_cells(documents, size=whole)
    cell_of = np.empty(len(documents), dtype=np.int64)
    for number, cell in enumerate(cells):
        cell_of[cell] = number
    first = pairs.document_row[np.searchsorted(pairs.query_row, np.arange(len(pairs.queries)))]
    for number, cell in enumerate(cells):
        asked = np.flatnonzero(cell_of[first] == number)
        if len(asked):
            texts = _in_memory(documents, cell)
            best, score = exact_topk(_in_memory(queries, asked), texts, min(depth, len(cell)))
            yield Ranked(asked, cell[best], score, weakest[asked])


def _in_memory(
    vectors: Float[np.ndarray, "rows dim"], rows: Int64[np.ndarray, " chosen"]
) -> Float32[np.ndarray, "chosen dim"]:
    return np.asarray(vectors[rows], dtype=np.float32)


def by_source(pairs: TrainingPairs, source: Source, *, depth: int) -> Iterator[Ranked]:
    """Rank the documents of the pairs for each of their queries by what a source finds among them."""
    dataset = _only(pairs)
    weakest = np.full(len(pairs.queries), np.nan)
    if isinstance(source, Scorer):
        score = source.score(dataset, pairs.query, pairs.document_row.astype(np.int32)).astype(np.float64)
        np.fmin.at(weakest, pairs.query_row, score)
    for start in range(0, len(pairs.queries), _BLOCK):
        block = pairs.queries[start : start + _BLOCK]
        most = min(depth, dataset.n_documents)
        retrieved = source.retrieve(dataset, block, most)
        table = checked_retrieval(retrieved, source=source.name, dataset=dataset, block=block, depth=most)
        row, place = np.searchsorted(block, table["query"].to_numpy()), table["rank"].to_numpy() - 1
        document = np.full((len(block), depth), -1, dtype=np.int64)
        scores = np.full((len(block), depth), np.nan, dtype=np.float32)
        document[row, place] = table["document"].to_numpy()
        scores[row, place] = table["score"].cast(pl.Float32).fill_null(np.nan).to_numpy()
        asked = np.arange(start, start + len(block))
        yield Ranked(asked, document, scores, weakest[asked])


def depth_for(neighbours: int, skip: int) -> int:
    """Say how many documents to rank so that enough are left when answers are taken out."""
    return skip + neighbours + _SPARE


def link(
    pairs: TrainingPairs, rankings: Iterator[Ranked], *, neighbours: int, skip: int, ratio: float | None
) -> Neighbours:
    """Link each pair with the pairs whose documents its query ranks best, less answers and what scores like one.

    A document is near an answer of a query if its score reaches the bound that a ratio sets below the query's weakest
    positive; None takes none for near. Two pairs are linked if neither's document answers, or is near an answer of,
    the other's query. `skip` passes over so many of the best that are left.
    """
    dataset, n_queries = pairs.dataset, len(pairs.queries)
    linked = np.full((n_queries, neighbours), -1, dtype=np.int32)
    near_query, near_document = [], []
    for ranking in rankings:
        keep, near = _judge(pairs, ranking, ratio)
        row, place = np.nonzero(near)
        near_query.append(pairs.queries[ranking.query[row]])
        near_document.append(pairs.documents[ranking.document[row, place]])
        order = np.cumsum(keep, axis=1) - 1 - skip  # number of a document among those that are left
        row, place = np.nonzero(keep & (order >= 0) & (order < neighbours))
        linked[ranking.query[row], order[row, place]] = ranking.document[row, place]
    near_set = PairSet.build(
        dataset.query_text_group[np.concatenate(near_query)],
        dataset.text_group[np.concatenate(near_document)],
        width=int(dataset.text_group.max()) + 1,
    )
    one_way = _between_pairs(pairs, linked, near_set)
    del linked
    start, other, weight = mirrored(*one_way)
    return Neighbours(csr_matrix((weight, other, start), shape=(len(pairs.query),) * 2), near_set)


def _judge(
    pairs: TrainingPairs, ranking: Ranked, ratio: float | None
) -> tuple[Bool[np.ndarray, "rows depth"], Bool[np.ndarray, "rows depth"]]:
    """Mark what may be linked, and what is no answer by any label but near one."""
    there = ranking.document >= 0
    query = np.broadcast_to(pairs.queries[ranking.query][:, None], there.shape)[there]
    document = pairs.documents[ranking.document[there]]
    unlabelled = np.zeros(there.shape, dtype=bool)
    unlabelled[there] = ~pairs.dataset.is_answer(query, document)
    if ratio is None:
        return unlabelled, np.zeros(there.shape, dtype=bool)
    bound = threshold(ranking.weakest, ratio=ratio, absolute=None)[:, None]
    near = unlabelled & (ranking.score >= bound)  # nothing is near what has no number
    return unlabelled & ~near, near


def _between_pairs(
    pairs: TrainingPairs, linked: Int32[np.ndarray, "queries neighbours"], near: PairSet
) -> tuple[Int64[np.ndarray, " pairs_and_end"], Int32[np.ndarray, " links"], npt.NDArray[np.int8]]:
    """Go from documents that queries are linked with to pairs; of several pairs of a document, chance takes one.

    Gives where the links of a pair begin, what each leads to, and its weight.
    """
    dataset, n_pairs = pairs.dataset, len(pairs.query)
    by_document = np.argsort(pairs.document_row, kind="stable")
    start = np.searchsorted(pairs.document_row[by_document], np.arange(len(pairs.documents) + 1))
    indices, weights, counts = [], [], np.zeros(n_pairs + 1, dtype=np.int64)
    for begin in range(0, n_pairs, _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, n_pairs))
        documents = linked[pairs.query_row[rows]]
        at, place = np.nonzero(documents >= 0)
        row, document = rows[at], documents[at, place]
        several = start[document + 1] - start[document]
        turn = (bits(0, _CHOICE, row, document) % several.astype(np.uint64)).astype(np.int64)
        other = by_document[start[document] + turn]
        query, text = pairs.query[other], pairs.document[row]
        clean = ~dataset.is_answer(query, text)
        clean &= ~near.contains(dataset.query_text_group[query], dataset.text_group[text])
        indices.append(other[clean].astype(np.int32))
        weights.append((_HEAVIEST - _HEAVIEST * place[clean] // linked.shape[1]).astype(np.int8))
        counts[begin + 1 : begin + 1 + len(rows)] = np.bincount(at[clean], minlength=len(rows))
    return np.cumsum(counts), _joined(indices), _joined(weights)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Join arrays and let go of each as soon as it is copied."""
    whole = np.empty(sum(len(part) for part in parts), dtype=parts[0].dtype)
    at = 0
    for number, part in enumerate(parts):
        whole[at : at + len(part)] = part
        at += len(part)
        parts[number] = part[:0]
    return whole


def _only(pairs: TrainingPairs) -> Dataset:
    """Give a dataset of all queries and of the documents of the pairs alone, in the order of their numbers."""
    whole = pairs.dataset
    return Dataset(whole.queries, whole.documents[pairs.documents], whole.qrels.clear(), whole.name)
