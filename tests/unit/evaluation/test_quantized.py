"""Search by rounded vectors, against plain loops and against sentence-transformers' own rounding."""

import numpy as np
import polars as pl
import pytest
from sentence_transformers import quantize_embeddings

from hardneg.errors import RecipeError
from hardneg.evaluation.quantized import Quantized, _Steps, bytes_of_vector, signs
from hardneg.sources import Dense
from toy import toy_dataset

RNG = np.random.default_rng(0)
DOCUMENTS = RNG.normal(size=(60, 24)).astype(np.float32)
QUERIES = RNG.normal(size=(7, 24)).astype(np.float32)
DATASET = toy_dataset()
BLOCK = np.arange(7, dtype=np.int32)


class Vectors(Dense):
    """A model whose vectors are given."""

    def vectors_of_documents(self, dataset):
        return DOCUMENTS

    def vectors_of_queries(self, dataset, queries):
        return QUERIES[queries]


def ranked(kept, rescore, depth=10):
    found = Quantized(Vectors(model="given"), kept, rescore=rescore).retrieve(DATASET, BLOCK, depth)
    return found.sort("query", "rank").group_by("query", maintain_order=True).agg("document")["document"].to_list()


def test_codes_are_those_of_sentence_transformers():
    ranges = np.stack([DOCUMENTS.min(axis=0), DOCUMENTS.max(axis=0)])
    for vectors in (DOCUMENTS, QUERIES):
        assert (_Steps.of(DOCUMENTS).codes(vectors) == quantize_embeddings(vectors, "int8", ranges=ranges)).all()
        bits = np.unpackbits(quantize_embeddings(vectors, "ubinary"), axis=-1)[:, : vectors.shape[1]]
        assert (signs(vectors) == bits.astype(np.float32) * 2 - 1).all()


def test_a_number_is_read_back_within_half_a_step():
    steps = _Steps.of(DOCUMENTS)
    assert (np.abs(steps.rounded(DOCUMENTS) - DOCUMENTS) <= steps.step * 0.51).all()


@pytest.mark.parametrize("kept", ["int8", "binary", "binary_int8"])
@pytest.mark.parametrize("rescore", [1, 3])
def test_two_passes_agree_with_a_plain_loop(kept, rescore):
    steps = _Steps.of(DOCUMENTS)
    first = signs if kept.startswith("binary") else steps.rounded
    second = signs if kept == "binary" else steps.rounded
    for query, documents in zip(QUERIES, ranked(kept, rescore), strict=True):
        rough = first(DOCUMENTS).astype(np.float64) @ first(query[None])[0].astype(np.float64)
        pool = sorted(range(60), key=lambda i: (-rough[i], i))[: 10 * rescore]
        fine = second(DOCUMENTS).astype(np.float64) @ query.astype(np.float64)
        assert documents == sorted(pool, key=lambda i: (-fine[i], i))[:10]


def test_all_documents_rescored_by_steps_are_nearly_the_exact_ranking():
    exact = [np.argsort(-(DOCUMENTS @ query), kind="stable")[:10].tolist() for query in QUERIES]
    shared = [len(set(one) & set(other)) for one, other in zip(exact, ranked("binary_int8", 6), strict=True)]
    assert min(shared) >= 9


def test_what_a_vector_takes():
    assert [bytes_of_vector(kept, 384) for kept in (None, "int8", "binary", "binary_int8")] == [1536, 384, 48, 432]


@pytest.mark.parametrize(("kept", "rescore"), [("int4", 1), ("int8", 0)])
def test_what_there_is_not_is_refused(kept, rescore):
    with pytest.raises(RecipeError, match="quantized: "):
        Quantized(Vectors(model="given"), kept, rescore=rescore)


def test_no_query_has_no_rows():
    found = Quantized(Vectors(model="given"), "int8").retrieve(None, BLOCK[:0], 5)
    assert isinstance(found, pl.DataFrame)
    assert found.is_empty()
