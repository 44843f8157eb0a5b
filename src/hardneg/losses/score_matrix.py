"""What a loss sees: scores, which column is the answer, and which columns may be negatives."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """Scores of a batch of queries against a pool of documents.

    Args:
        scores: Raw scores, before any temperature; larger is more relevant.
        target: Column of each query's positive.
        allowed: `True` where the document may be a negative of the query, or is its target. A document that
            answers the query by another label, or repeats the text of one that does, is not allowed.
        teacher: Scores of a teacher for the same pairs, not a number where it gave none; None without one.
        log_q: Logarithm of the chance with which each document came into each query's pool, at most 0; 0 is a
            document that is there by choice and not by chance. What it says of a target is taken from the logit of that
            target. None corrects nothing.
        weight: How much each document counts as a negative, in [0, 1]; 0 is as good as not allowed. What it
            says of targets is not looked at. None weighs all 1.
    """

    scores: Float[Tensor, "queries pool"]
    target: Int64[Tensor, " queries"]
    allowed: Bool[Tensor, "queries pool"]
    teacher: Float[Tensor, "queries pool"] | None = None
    log_q: Float[Tensor, "queries pool"] | None = None
    weight: Float[Tensor, "queries pool"] | None = None

    @property
    def positive(self) -> Float[Tensor, " queries"]:
        """Score of each query's target."""
        return self.scores.gather(1, self.target.unsqueeze(1)).squeeze(1)

    @property
    def is_negative(self) -> Bool[Tensor, "queries pool"]:
        """`True` where the document is a negative of the query, with a weight above 0."""
        negative = self.allowed.scatter(1, self.target.unsqueeze(1), False)
        return negative if self.weight is None else negative & (self.weight > 0)
