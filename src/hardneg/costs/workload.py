"""The work that a forecast is for."""

from dataclasses import dataclass
from typing import Literal, get_args

from hardneg.addresses import is_endpoint
from hardneg.errors import RecipeError

SourceName = Literal["bm25", "dense", "vectors"]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Mining, scoring and training, by how much there is of each.

    Args:
        documents: Documents searched, at least 1.
        queries: Queries mined for, at least 1.
        dim: Dimensions of vectors that are given; a model knows its own.
        depth: Candidates that each source gives a query.
        per_query: Negatives chosen for a query.
        sources: "bm25"; "dense", which encodes with `model`; "vectors", which are given.
        model: Encodes, and is trained; None if neither is done.
        max_tokens: Texts are cut there, when they are encoded, scored and trained on; None takes a model's own limit.
        teacher: Cross-encoder that scores pairs; None if none does.
        score_pairs: Pairs that it scores; None for every query's negatives and one positive.
        train_steps: Steps of training; 0 for none.
        batch_size: Pairs of a step.
        negatives_per_row: Mined negatives of each pair of a step.

    Raises:
        RecipeError: A number is out of range, or something is to be done that needs a model and none is named.
    """

    documents: int
    queries: int
    dim: int | None = None
    depth: int = 100
    per_query: int = 4
    sources: tuple[SourceName, ...] = ("bm25", "vectors")
    model: str | None = None
    max_tokens: int | None = None
    teacher: str | None = None
    score_pairs: int | None = None
    train_steps: int = 0
    batch_size: int = 32
    negatives_per_row: int = 1

    def __post_init__(self) -> None:
        if is_endpoint(self.model):
            raise RecipeError(
                "estimate: what is behind an endpoint is not tried, since it costs money; `hardneg encode` says what "
                "it takes before it sends anything"
            )
        self._check()

    def _check(self) -> None:
        least = {"documents": 1, "queries": 1, "dim": 1, "depth": 1, "per_query": 1, "max_tokens": 4, "score_pairs": 1}
        least |= {"train_steps": 0, "batch_size": 2, "negatives_per_row": 0}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise RecipeError(f"estimate: {name} is {value}; set it to {smallest} or more")
        for source in self.sources:
            if source not in get_args(SourceName):
                raise RecipeError(f"estimate: there is no source {source!r}; name {', '.join(get_args(SourceName))}")
        if {"dense", "vectors"} <= set(self.sources):
            raise RecipeError("estimate: name dense for vectors that a model makes, or vectors for given ones")
        if self.model is None and ("dense" in self.sources or self.train_steps):
            what = "training" if self.train_steps else "the source dense"
            raise RecipeError(f"estimate: {what} needs a model: name one with --model")
        if "vectors" in self.sources and self.dim is None:
            raise RecipeError("estimate: vectors need their number of dimensions: give --dim, say --dim 384")
        if "dense" in self.sources and self.dim is not None:
            raise RecipeError(
                "estimate: the model knows its dimensions: leave --dim out, or name vectors for given ones"
            )
        if self.score_pairs is not None and self.teacher is None:
            raise RecipeError("estimate: scoring pairs needs a cross-encoder: name one with --teacher")

    @property
    def pairs(self) -> int:
        """Pairs that the teacher scores."""
        if self.teacher is None:
            return 0
        return self.score_pairs or self.queries * (1 + self.per_query)
