import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardneg.errors import ModelError
from hardneg.search import exact, first_pass
from hardneg.search.exact import exact_topk, pair_scores
from hardneg.search.first_pass import SHARE, n_groups, rounding_bound, sample
from hardneg.search.products import BFloat16Format, Float32Format


@pytest.fixture(params=[Float32Format, BFloat16Format], autouse=True)
def every_format(request, monkeypatch):
    """Search in each number format, whichever is fastest on this machine."""
    if request.param is BFloat16Format:
        pytest.importorskip("torch")
    monkeypatch.setattr(exact, "fastest", lambda _n_products: request.param())


def brute_force(queries, documents, depth):
    scores = queries.astype(np.float64) @ documents.astype(np.float64).T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return order, np.take_along_axis(scores, order, axis=1).astype(np.float32)


def random_vectors(rows, dim, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def small_integers(draw, rows, dim):
    values = draw(st.lists(st.integers(-2, 2), min_size=rows * dim, max_size=rows * dim))
    return np.array(values, dtype=np.float32).reshape(rows, dim)


@st.composite
def tied_vectors(draw):
    """Vectors of small integers: their products are exact, so that ties are true ties."""
    dim = draw(st.integers(1, 4))
    queries = small_integers(draw, draw(st.integers(1, 4)), dim)
    documents = small_integers(draw, draw(st.integers(1, 40)), dim)
    return queries, documents


@given(tied_vectors(), st.integers(1, 50), st.integers(1, 5), st.integers(1, 50))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equals_brute_force_with_ties_by_position(vectors, depth, query_block, document_block):
    queries, documents = vectors
    found, score = exact_topk(queries, documents, depth, query_block=query_block, document_block=document_block)
    expected, expected_score = brute_force(queries, documents, depth)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(score, expected_score)


def test_equals_brute_force_on_random_vectors():
    queries, documents = random_vectors(20, 48), random_vectors(9_000, 48, seed=1)
    found, score = exact_topk(queries, documents, 100)
    expected, expected_score = brute_force(queries, documents, 100)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(score, expected_score, rtol=1e-6)


@pytest.mark.parametrize("depth", [1, 7, 300])
def test_thousands_of_equal_documents_come_by_position(depth):
    documents = np.repeat(random_vectors(3, 20), 2_000, axis=0)
    documents = documents[np.random.default_rng(2).permutation(len(documents))]
    queries = random_vectors(4, 20, seed=3)
    found, _ = exact_topk(queries, documents, depth, document_block=701)
    for query, row in zip(queries, found, strict=True):
        scores = {vector.tobytes(): float(query.astype(np.float64) @ vector) for vector in np.unique(documents, axis=0)}
        true = np.array([scores[vector.tobytes()] for vector in documents])
        np.testing.assert_array_equal(row, np.argsort(-true, kind="stable")[:depth])


def test_documents_that_float32_cannot_tell_apart_are_ordered_by_their_true_scores():
    """Large parts that cancel: in float32 all scores drown in rounding, in float64 they differ."""
    random = np.random.default_rng(4)
    n, dim = 3_000, 64
    common = (random.standard_normal(dim // 2) * 1_000).astype(np.float32)
    documents = np.empty((n, dim), np.float32)
    documents[:, : dim // 2] = common
    documents[:, dim // 2 :] = -common
    documents[np.arange(n), random.integers(0, dim, n)] += random.integers(-3, 4, n).astype(np.float32) * 2**-8
    queries = np.abs(random_vectors(3, dim // 2, seed=5)).repeat(2, axis=1).reshape(3, dim // 2, 2)
    queries = np.concatenate([queries[:, :, 0], queries[:, :, 1]], axis=1)
    found, score = exact_topk(queries, documents, 50)
    every = pair_scores(queries, documents, np.repeat(np.arange(3), n), np.tile(np.arange(n), 3)).reshape(3, n)
    assert len(np.unique(score[0])) > 1
    for row in range(3):
        rest = np.setdiff1d(np.arange(n), found[row])
        assert every[row, rest].max() <= score[row].min()
        np.testing.assert_array_equal(score[row], every[row, found[row]])


@pytest.mark.parametrize(("query_block", "document_block"), [(1, 8_192), (3, 1), (512, 100), (7, 333)])
def test_scores_have_the_same_bits_for_any_blocks(query_block, document_block):
    queries, documents = random_vectors(10, 33), random_vectors(400, 33, seed=1)
    found, score = exact_topk(queries, documents, 30)
    other, other_score = exact_topk(queries, documents, 30, query_block=query_block, document_block=document_block)
    np.testing.assert_array_equal(other, found)
    np.testing.assert_array_equal(other_score.view(np.int32), score.view(np.int32))


def test_more_queries_than_a_tile_and_negative_scores():
    queries, documents = np.abs(random_vectors(700, 24)), -np.abs(random_vectors(5_000, 24, seed=1))
    found, _ = exact_topk(queries, documents, 60)
    np.testing.assert_array_equal(found, brute_force(queries, documents, 60)[0])


@pytest.fixture
def searched_again(monkeypatch):
    """Note how many queries each call of `search_block` gets, the second and later ones being repairs."""
    n_queries, real = [], first_pass.search_block

    def counting(towers, *arguments, **options):
        n_queries.append(len(towers.queries))
        return real(towers, *arguments, **options)

    monkeypatch.setattr(first_pass, "search_block", counting)
    monkeypatch.setattr(exact, "search_block", counting)
    return n_queries


N_GUESSED = SHARE * n_groups(10) + 77  # documents, enough for a guess at depth 10


@pytest.mark.parametrize("shape", ["rising", "falling", "negative", "equal", "few values", "clusters", "zero queries"])
def test_a_guessed_level_changes_no_result(shape, searched_again):
    queries, documents = random_vectors(9, 24), random_vectors(N_GUESSED, 24, seed=1)
    if shape in {"rising", "falling"}:
        order = np.argsort(documents @ queries[0])
        documents = documents[order if shape == "rising" else order[::-1]]
    elif shape == "negative":
        queries, documents = np.abs(queries), -np.abs(documents)
    elif shape == "equal":
        documents = np.repeat(documents[:1], len(documents), axis=0)
    elif shape == "few values":
        queries, documents = np.round(queries), np.round(documents)
    elif shape == "clusters":
        documents = np.repeat(documents[: len(documents) // 40 + 1], 40, axis=0)[: len(documents)]
    else:
        queries[::2] = 0
    found, _ = exact_topk(queries, documents, 10)
    if shape in {"few values", "zero queries", "rising", "falling", "negative"}:
        np.testing.assert_array_equal(found, brute_force(queries, documents, 10)[0])
    elif shape == "equal":
        np.testing.assert_array_equal(found, np.tile(np.arange(10), (9, 1)))
    else:
        scores = documents[::40].astype(np.float64) @ queries.astype(np.float64).T
        np.testing.assert_array_equal(found, 40 * scores.argmax(axis=0)[:, None] + np.arange(10))
    assert searched_again == [9]


def test_queries_whose_level_was_guessed_too_high_are_searched_again(searched_again):
    """All documents that are near query 3 are in the sample, and nothing else reaches what it promises."""
    queries, documents = random_vectors(9, 24), random_vectors(N_GUESSED, 24, seed=1) / 100
    rows = sample(len(documents))
    near = rows[np.random.default_rng(2).permutation(len(rows))[:9]]
    documents[near] = queries[3] * np.linspace(1, 2, 9, dtype=np.float32)[:, None]
    found, score = exact_topk(queries, documents, 10)
    np.testing.assert_array_equal(found, brute_force(queries, documents, 10)[0])
    assert len(searched_again) == 2
    assert 1 <= searched_again[1] < len(queries)
    pairs = pair_scores(queries, documents, np.repeat(np.arange(9), 10), found.ravel())
    np.testing.assert_array_equal(pairs.view(np.int32), score.ravel().view(np.int32))


@pytest.mark.parametrize(("value", "meaning"), [(np.nan, "has a value that is NaN"), (3e38, "is so long")])
def test_a_vector_of_the_sample_that_cannot_be_searched_is_named(value, meaning):
    documents = random_vectors(N_GUESSED, 4)
    row = int(sample(N_GUESSED)[5])
    documents[row, 1] = value
    with pytest.raises(ModelError, match=f"document {row} .*{meaning}"):
        exact_topk(random_vectors(2, 4, seed=1), documents, 10)


def test_a_machine_that_rounds_more_than_it_may_does_not_spoil_the_result(monkeypatch):
    class Careless(BFloat16Format):
        def multiply(self, documents, queries, out):
            super().multiply(documents, queries, out)
            out[::2] -= 40  # about a third off

    monkeypatch.setattr(exact, "fastest", lambda _n_products: Careless())
    queries, documents = random_vectors(20, 48), random_vectors(3_000, 48, seed=1)
    np.testing.assert_array_equal(exact_topk(queries, documents, 30)[0], brute_force(queries, documents, 30)[0])


def test_formats_agree_to_the_bit(monkeypatch):
    queries, documents = random_vectors(70, 100), random_vectors(3_000, 100, seed=1)
    results = []
    for format_ in (Float32Format, BFloat16Format):
        monkeypatch.setattr(exact, "fastest", lambda _n_products, format_=format_: format_())
        results.append(exact_topk(queries, documents, 30))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one.view(np.int32), other.view(np.int32))


def test_pair_scores_have_the_bits_of_the_search():
    queries, documents = random_vectors(10, 384), random_vectors(500, 384, seed=1)
    found, score = exact_topk(queries, documents, 20)
    pairs = pair_scores(queries, documents, np.repeat(np.arange(10), 20), found.ravel())
    np.testing.assert_array_equal(pairs.view(np.int32), score.ravel().view(np.int32))


def test_memory_map_gives_what_the_array_gives(tmp_path):
    queries, documents = random_vectors(5, 16), random_vectors(300, 16, seed=1)
    np.save(tmp_path / "documents.npy", documents)
    mapped = np.load(tmp_path / "documents.npy", mmap_mode="r")
    for ours, expected in zip(exact_topk(queries, mapped, 10), exact_topk(queries, documents, 10), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_zero_vectors_tie_and_tiny_ones_do_not_vanish():
    documents = random_vectors(50, 8)
    found, score = exact_topk(np.zeros((1, 8), np.float32), documents, 5)
    assert found.tolist() == [[0, 1, 2, 3, 4]]
    assert score.tolist() == [[0, 0, 0, 0, 0]]
    tiny = (documents * 1e-25).astype(np.float32)
    expected = np.argsort(-(tiny.astype(np.float64) @ tiny[0].astype(np.float64)), kind="stable")[:5]
    np.testing.assert_array_equal(exact_topk(tiny[:1], tiny, 5)[0][0], expected)


def test_depth_beyond_the_corpus_returns_all_of_it():
    found, score = exact_topk(random_vectors(2, 4), random_vectors(3, 4, seed=1), 10)
    assert found.shape == score.shape == (2, 3)
    assert exact_topk(np.empty((0, 4), np.float32), random_vectors(3, 4), 2)[0].shape == (0, 2)


def test_rounding_bound_holds_for_hard_sums():
    random = np.random.default_rng(6)
    a = (random.standard_normal((2_000, 100)) * 10.0 ** random.integers(-3, 4, (2_000, 100))).astype(np.float32)
    b = random_vectors(1, 100)[0]
    lengths = np.linalg.norm(a.astype(np.float64), axis=1) * np.linalg.norm(b.astype(np.float64))
    error = np.abs((a @ b).astype(np.float64) - a.astype(np.float64) @ b.astype(np.float64))
    assert (error <= rounding_bound(100, lengths)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_named(value):
    good, bad = random_vectors(3, 4), random_vectors(30, 4)
    bad[17, 2] = value
    with pytest.raises(ModelError, match="document 17"):
        exact_topk(good, bad, 2, document_block=8)
    with pytest.raises(ModelError, match="query 17"):
        exact_topk(bad, good, 2)
    with pytest.raises(ModelError, match="document 17"):
        pair_scores(good, bad, np.array([0, 1]), np.array([0, 17]))


def test_vectors_that_do_not_fit_are_refused():
    with pytest.raises(ModelError, match="4 dimensions, of documents 5"):
        exact_topk(random_vectors(2, 4), random_vectors(2, 5), 1)
    with pytest.raises(ModelError, match="document 1 is so long"):
        exact_topk(random_vectors(2, 4), np.array([[1, 0, 0, 0], [3e38, 0, 0, 0]], np.float32), 1)
    with pytest.raises(ValueError, match="at least 1"):
        exact_topk(random_vectors(2, 4), random_vectors(2, 4), 0)
