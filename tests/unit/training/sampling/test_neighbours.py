"""Who is linked with whom, against a textbook loop over all pairs."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from hardneg.data.dataset import Dataset
from hardneg.search.cells import balanced_cells
from hardneg.sources.retrieval import retrieval_table
from hardneg.training.sampling.batches import training_pairs
from hardneg.training.sampling.mirroring import mirrored
from hardneg.training.sampling.neighbours import Neighbours, TrainingPairs, by_source, by_vectors, depth_for, link

DIM = 6


def dataset_of(pairs, n_queries, texts):
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(n_queries)], "text": [f"query {i}" for i in range(n_queries)]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(len(texts))], "text": texts}),
        pl.DataFrame(
            {
                "query_id": [f"q{q}" for q, _ in pairs],
                "doc_id": [f"d{d}" for _, d in pairs],
                "relevance": 1,
                "split": "train",
            }
        ),
    )


@dataclass(frozen=True)
class Vectors:
    """A source that scores by given vectors, as no encoder would."""

    seed: int
    name: str = "vectors"

    def tables(self, n_queries, n_documents):
        rng = np.random.default_rng(self.seed)
        return (rng.normal(size=(n, DIM)).astype(np.float32) for n in (n_queries, n_documents))

    def _of(self, dataset):
        number = dataset.documents["id"].str.slice(1).cast(pl.Int64).to_numpy()
        queries, documents = self.tables(dataset.n_queries, 100)
        return queries, documents[number]

    def retrieve(self, dataset, block, depth):
        queries, documents = self._of(dataset)
        scores = queries[block] @ documents.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        return retrieval_table(block, order.astype(np.int32), np.take_along_axis(scores, order, 1))

    def score(self, dataset, query, document):
        queries, documents = self._of(dataset)
        return (queries[query] * documents[document]).sum(axis=1)


def textbook(dataset, query, document, scores, *, neighbours, skip, ratio):
    """Links between pairs, each with one pair of every document, and what is near an answer, by loops."""
    weakest = {q: min(scores[q, d] for p, d in zip(query, document, strict=True) if p == q) for q in set(query)}

    def is_near(q, d):
        if ratio is None or dataset.is_answer(np.array([q]), np.array([d]))[0]:
            return False
        return scores[q, d] >= weakest[q] - abs(weakest[q]) * (1 - ratio)

    linked = set()
    for i, q in enumerate(query):
        ranked = sorted(set(document), key=lambda d, q=q: -scores[q, d])
        clean = [d for d in ranked if not is_near(q, d) and not dataset.is_answer(np.array([q]), np.array([d]))[0]]
        for d in clean[skip : skip + neighbours]:
            for j, other in enumerate(query):
                mutual = is_near(other, document[i]) or dataset.is_answer(np.array([other]), np.array([document[i]]))[0]
                if document[j] == d and not mutual:
                    linked |= {(i, j), (j, i)}
    near = {(q, d) for q in set(query) for d in set(document) if is_near(q, d)}
    return linked, near


def links_of(found):
    return set(zip(*(each.tolist() for each in found.links.nonzero()), strict=True))


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 11)), min_size=2, max_size=20, unique=True),
    neighbours=st.integers(1, 4),
    skip=st.integers(0, 2),
    ratio=st.sampled_from([None, 0.95, 0.5]),
    seed=st.integers(0, 5),
)
def test_links_are_those_of_a_loop_over_all_pairs(pairs, neighbours, skip, ratio, seed):
    dataset = dataset_of(pairs, 10, [f"document {i}" for i in range(12)])
    query, document = training_pairs(dataset, "train")
    given_pairs = TrainingPairs.of(dataset, query, document)
    queries, documents = Vectors(seed).tables(10, 100)
    scores = queries @ documents[:12].T
    vectors = (queries[given_pairs.queries], documents[given_pairs.documents])
    options = {"neighbours": neighbours, "skip": skip, "ratio": ratio}
    ranked = by_vectors(given_pairs, *vectors, depth=depth_for(neighbours, skip))
    one = link(given_pairs, ranked, **options)
    wanted, near = textbook(dataset, query.tolist(), document.tolist(), scores, **options)
    assert links_of(one) <= wanted
    if len(set(document.tolist())) == len(document):  # of several pairs with one document, chance takes one
        assert links_of(one) == wanted
    assert (one.links != one.links.T).nnz == 0
    groups = dataset.query_text_group, dataset.text_group
    wanted_near = {(int(groups[0][q]), int(groups[1][d])) for q, d in near}
    assert {tuple(divmod(int(key), one.near.width)) for key in one.near.keys} == wanted_near
    other = link(given_pairs, by_source(given_pairs, Vectors(seed), depth=depth_for(neighbours, skip)), **options)
    assert links_of(other) == links_of(one)
    assert other.near.keys.tolist() == one.near.keys.tolist()


def test_a_pair_is_never_linked_with_an_answer_of_equal_text(tmp_path):
    dataset = dataset_of([(0, 0), (1, 1), (2, 2)], 3, ["same", "Same", "other"])
    pairs = TrainingPairs.of(dataset, *training_pairs(dataset, "train"))
    vectors = np.ones((3, DIM), dtype=np.float32), np.ones((2, DIM), dtype=np.float32)
    one = link(pairs, by_vectors(pairs, *vectors, depth=9), neighbours=4, skip=0, ratio=None)
    assert links_of(one) == {(0, 2), (2, 0)} or links_of(one) == {(0, 2), (2, 0), (1, 2), (2, 1)}
    one.write(tmp_path / "links.npz")
    again = Neighbours.read(tmp_path / "links.npz")
    assert links_of(again) == links_of(one)
    assert (again.near.keys.tolist(), again.near.width) == (one.near.keys.tolist(), one.near.width)


def test_of_many_documents_a_query_is_compared_with_the_cell_of_its_answer():
    rng = np.random.default_rng(0)
    dataset = dataset_of([(i, i) for i in range(128)], 128, [f"document {i}" for i in range(128)])
    pairs = TrainingPairs.of(dataset, *training_pairs(dataset, "train"))
    queries, documents = (rng.normal(size=(128, DIM)).astype(np.float32) for _ in range(2))
    one = link(pairs, by_vectors(pairs, queries, documents, depth=64, whole=16), neighbours=15, skip=0, ratio=None)
    cell_of = np.empty(128, dtype=int)
    for number, cell in enumerate(balanced_cells(documents, size=16)):
        cell_of[cell] = number
    rows, others = one.links.nonzero()
    assert len(rows) == 128 * 15
    assert (cell_of[pairs.document_row[rows]] == cell_of[pairs.document_row[others]]).all()


@settings(max_examples=60, deadline=None)
@given(
    links=st.lists(st.lists(st.integers(0, 8), max_size=6, unique=True), min_size=9, max_size=9),
    seed=st.integers(0, 99),
)
def test_links_of_both_directions_are_those_of_scipy(links, seed):
    counts = [len(others) for others in links]
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    other = np.array([each for others in links for each in others], dtype=np.int32)
    weight = np.random.default_rng(seed).integers(1, 5, size=len(other)).astype(np.int8)
    one_way = csr_matrix((weight, other, start), shape=(9, 9))
    wanted = (one_way + one_way.T).tocsr()
    begin, to, weighs = mirrored(start, other, weight)
    assert begin.tolist() == wanted.indptr.tolist()
    if not one_way.has_canonical_format:  # then in the same order too, which decides between equal weights
        assert to.tolist() == wanted.indices.tolist()
    assert (csr_matrix((weighs, to, begin), shape=(9, 9)) != wanted).nnz == 0


def test_vectors_in_files_of_half_precision_link_as_those_in_memory(tmp_path):
    rng = np.random.default_rng(3)
    dataset = dataset_of([(i, i) for i in range(64)], 64, [f"document {i}" for i in range(64)])
    pairs = TrainingPairs.of(dataset, *training_pairs(dataset, "train"))
    halves = [rng.normal(size=(64, DIM)).astype(np.float16) for _ in range(2)]
    in_files = []
    for number, half in enumerate(halves):
        np.save(tmp_path / f"{number}.npy", half)
        in_files.append(np.load(tmp_path / f"{number}.npy", mmap_mode="r"))
    options = {"neighbours": 7, "skip": 1, "ratio": 0.95}
    in_memory = (half.astype(np.float32) for half in halves)
    one = link(pairs, by_vectors(pairs, *in_memory, depth=32, whole=16), **options)
    other = link(pairs, by_vectors(pairs, *in_files, depth=32, whole=16), **options)
    assert (one.links != other.links).nnz == 0
    assert one.near.keys.tolist() == other.near.keys.tolist()
