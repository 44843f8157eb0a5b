"""A score matrix of a pool, as a step makes it, from any towers."""

from hardneg.training.pool.pool import build_pool
from hardneg.training.step import _score_matrix, _texts


def score_pool(query, pool, dataset, towers):
    queries, documents = towers(*_texts(query, pool, dataset))
    return _score_matrix(queries, [documents], pool)


def score(batch, dataset, towers, *, shared_negatives=True):
    return score_pool(batch.query, build_pool(dataset, batch, shared_negatives=shared_negatives), dataset, towers)
