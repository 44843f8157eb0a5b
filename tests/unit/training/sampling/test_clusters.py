"""Putting linked pairs into one batch: what must hold of any graph, and what a graph of cliques shows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from hardneg.errors import RecipeError
from hardneg.training.sampling.batches import even_sizes
from hardneg.training.sampling.clusters import Clusters, Greedy, Metis
from hardneg.training.settings import TrainSettings

BOTH = pytest.mark.parametrize("kind", [Greedy, Metis])


def graph_of(edges, n):
    weights = np.zeros((n, n), dtype=np.int8)
    for one, other, weight in edges:
        if one != other:
            weights[one, other] = weights[other, one] = weight
    return csr_matrix(weights)


def cliques(n_cliques, size, seed=0):
    """A graph of cliques whose members are strewn over all pairs; gives it and the clique of each pair."""
    clique_of = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_cliques), size))
    same = clique_of[:, None] == clique_of
    np.fill_diagonal(same, False)
    return csr_matrix(same.astype(np.int8)), clique_of


graphs = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.integers(1, 8)), max_size=120),
        st.just(n),
    )
)


@BOTH
@settings(max_examples=40)
@given(graph=graphs, batch_size=st.integers(2, 9), size=st.none() | st.integers(2, 4), seed=st.integers(0, 3))
def test_every_pair_has_one_place_whatever_the_graph(kind, graph, batch_size, size, seed):
    links, n = graph_of(*graph), graph[1]
    order = kind(size=size).order(links, even_sizes(n, batch_size), seed=seed, epoch=1)
    assert sorted(order.tolist()) == list(range(n))
    assert order.tolist() == kind(size=size).order(links, even_sizes(n, batch_size), seed=seed, epoch=1).tolist()


@settings(max_examples=60)
@given(graph=graphs, batch_size=st.integers(2, 9), seed=st.integers(0, 3))
def test_each_pair_that_joins_a_cluster_is_the_one_linked_with_it_most(graph, batch_size, seed):
    links, n = graph_of(*graph), graph[1]
    sizes = even_sizes(n, batch_size)
    order = Greedy().order(links, sizes, seed=seed, epoch=0)
    dense, batches = links.toarray().astype(int), np.split(order, np.cumsum(sizes)[:-1])
    # Batches are filled in turns that the seed decides: in the right order of turns, each choice is the best there is.
    from hardneg.randomness import permutation
    from hardneg.training.sampling.clusters import _SLOTS

    left = set(range(n))
    for turn in permutation(seed, _SLOTS, 0, size=len(sizes)):
        members = batches[turn].tolist()
        for place, pair in enumerate(members):
            gain = {each: dense[members[:place], each].sum() for each in left}
            assert gain[pair] == max(gain.values())
            left.discard(pair)


@BOTH
def test_batches_of_cliques_are_the_cliques(kind):
    links, clique_of = cliques(12, 8)
    order = kind().order(links, even_sizes(96, 8), seed=1, epoch=0)
    assert all(len(set(clique_of[batch].tolist())) == 1 for batch in order.reshape(12, 8))


@BOTH
def test_a_batch_is_made_of_as_many_clusters_as_it_has_room_for(kind):
    links, clique_of = cliques(12, 4)
    order = kind(size=4).order(links, even_sizes(48, 16), seed=1, epoch=0)
    assert all(len(set(clique_of[cluster].tolist())) == 1 for cluster in order.reshape(12, 4))


@BOTH
def test_seeds_and_epochs_make_other_batches_of_a_loose_graph(kind):
    rng = np.random.default_rng(3)
    links = graph_of([(*rng.integers(0, 60, size=2), 1) for _ in range(300)], 60)
    orders = [
        tuple(kind().order(links, even_sizes(60, 6), seed=seed, epoch=epoch).tolist())
        for seed, epoch in ((0, 0), (1, 0), (0, 1))
    ]
    assert len(set(orders)) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neighbours": 0}, "neighbours must be at least 1"),
        ({"skip": -1}, "skip must be at least 0"),
        ({"size": 1}, "size must be at least 2"),
        ({"ratio": 1.5}, "ratio is 1.5"),
        ({"source": "bm42"}, "unknown source 'bm42'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(RecipeError, match=message):
        Greedy(**options)


def test_settings_take_clusters_by_name_and_refuse_what_they_cannot_go_with():
    assert TrainSettings(clusters="greedy(size=8)").clusters == Greedy(size=8)
    assert isinstance(TrainSettings(clusters={"use": "metis", "source": "bm25"}).clusters, Clusters)
    with pytest.raises(RecipeError, match="in_batch = true"):
        TrainSettings(clusters="greedy", in_batch=False)
    with pytest.raises(RecipeError, match="log_q corrects for batches drawn by chance"):
        TrainSettings(clusters="greedy", log_q={}, repeat_documents=True)
