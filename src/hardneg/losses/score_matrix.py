"""What a loss sees: scores, which column is the answer, and which columns may be negatives."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """Scores of a batch of queries against a pool of documents."""

    scores: Float[Tensor, "queries pool"]  # raw, before any temperature
    target: Int64[Tensor, " queries"]
    allowed: Bool[Tensor, "queries pool"]  # no other answer of the query, nor a copy of one
    teacher: Float[Tensor, "queries pool"] | None = None  # not a number where it gave none
    # Of the chance with which a document came into the pool of the query; 0 is one that is there by choice. What it
    # says of a target is taken from the logit of that target.
    log_q: Float[Tensor, "queries pool"] | None = None
    weight: Float[Tensor, "queries pool"] | None = None  # in [0, 1]; what it says of targets is not looked at

    @property
    def positive(self) -> Float[Tensor, " queries"]:
        """Score of each query's target."""
        return self.scores.gather(1, self.target.unsqueeze(1)).squeeze(1)

    @property
    def is_negative(self) -> Bool[Tensor, "queries pool"]:
        """`True` where the document is a negative of the query, with a weight above 0."""
        negative = self.allowed.scatter(1, self.target.unsqueeze(1), False)
        return negative if self.weight is None else negative & (self.weight > 0)
