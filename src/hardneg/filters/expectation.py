"""Where the score of an answer to a query is expected: at the mean of its known answers, drawn towards that of all."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer


@dataclass(frozen=True)
class Expectation:
    """The scores of answers, s = μ + query + answer: a level of all, the query's own, and what is left.

    The default expects nothing, so that deviations from it are the scores themselves.

    References:
        Robinson (1991), "That BLUP is a good thing: the estimation of random effects", section 2.
    """

    mean: float = 0.0  # μ
    between: float = 0.0  # τ², the variance of the levels of queries around it
    within: float = 1.0  # σ², the variance of the answers of one query around its level

    def centre(
        self, total: Float64[np.ndarray, " rows"], n: Integer[np.ndarray, " rows"]
    ) -> Float64[np.ndarray, " rows"]:
        """Expect the score of a further answer of a query whose `n` known ones add up to `total`; n may be 0.

        >>> Expectation(mean=0.5, between=0.02, within=0.01).centre(np.array([0.0, 0.9]), np.array([0, 1]))
        array([0.5       , 0.76666667])
        """
        return (self.between * total + self.within * self.mean) / (self.between * n + self.within)

    def spread(self, n: Integer[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
        """Give the standard deviation of such a score around its centre."""
        return np.sqrt(self.within + self.between * self.within / (self.between * n + self.within))


def fit_expectation(query: Integer[np.ndarray, " answers"], score: Float64[np.ndarray, " answers"]) -> Expectation:
    """Estimate level and variances from answers.

    Where queries have one answer each, or where the answers of a query are no more alike than those of two, nothing can
    be said of a query, and the default comes back.

    References:
        Analysis of variance of unbalanced one-way random effects: Searle, Casella and McCulloch (1992), "Variance
        components", section 3.6.
    """
    _, which, n = np.unique(query, return_inverse=True, return_counts=True)
    n_queries, n_answers = len(n), len(score)
    if not 1 < n_queries < n_answers:
        return Expectation()
    means = np.bincount(which, score) / n
    within = float(((score - means[which]) ** 2).sum() / (n_answers - n_queries))
    among = float((n * (means - score.mean()) ** 2).sum() / (n_queries - 1))
    size = float((n_answers - (n**2).sum() / n_answers) / (n_queries - 1))
    between = (among - within) / size
    if within <= 0 or between <= 0:
        return Expectation()
    weight = 1 / (between + within / n)
    return Expectation(float((weight * means).sum() / weight.sum()), between, within)
