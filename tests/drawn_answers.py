"""Scores of answers as the model of expectations has them: a level for each query, and what is left."""

import numpy as np


def draw(seed, *, n_queries=400, between=0.3, within=0.1, most=6):
    """Scores of answers whose queries have levels of their own."""
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(n_queries), rng.integers(1, most, n_queries))
    level = rng.normal(0.5, between, n_queries)
    return query, level[query] + rng.normal(0, within, len(query))
