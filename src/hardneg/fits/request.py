"""What a fit is asked to do, and how much it may cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ir_measures import Measure

from hardneg.errors import RecipeError
from hardneg.ladders.prepare import Wanted

BASE = "in_batch"


@dataclass(frozen=True)
class Effort:
    """How much is tried, and how long it may take."""

    minutes: float
    strategies: tuple[str, ...]  # rungs of the ladder, those that pay most often first
    epochs: float  # the longest training that is tried
    max_tokens: int | None = None  # where texts are cut unless something else is asked for


_USUAL = (BASE, "mined_many", "clustered_many", "refresh_many", "learned_many", "mined_filtered", "clustered")
EFFORTS = {
    "fast": Effort(10, (BASE, "mined_many", "clustered_many"), 2, max_tokens=64),
    "normal": Effort(60, (*_USUAL, "relabelled"), 4),
    "thorough": Effort(240, (*_USUAL, "relabelled", "random_beside", "mined_alone", "refresh"), 8),
}


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """What a fit is asked to do, as `hardneg.fit` explains it; a RecipeError if that cannot be."""

    effort: str = "normal"
    minutes: float | None = None
    steps: int | None = None
    strategies: Sequence[str] | None = None
    preset: str | None = None
    recipe: str | Path | None = None
    model: str | None = None
    sources: Sequence[object] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: int | None = None
    measures: Sequence[str | Measure] | None = None
    primary: str | Measure | None = None
    split: str = "train"
    dev: str | None = None
    test: str = "test"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise RecipeError(f"fit: effort is {self.effort!r}; set it to {', '.join(EFFORTS)}")
        if self.minutes is not None and self.steps is not None:
            raise RecipeError("fit: a budget is in minutes or in steps; leave one of them out")
        if self.minutes is not None and not self.minutes > 0:
            raise RecipeError(f"fit: minutes must be more than 0, not {self.minutes}")
        if self.steps is not None and self.steps < 1:
            raise RecipeError(f"fit: steps must be at least 1, not {self.steps}")
        for key in ("max_steps", "epochs"):
            if key in self.settings:
                raise RecipeError(f"fit: it finds {key} by itself; leave it out, and give --minutes or --steps")

    @property
    def budget_s(self) -> float | None:
        """Seconds for all of it; None where the budget is in steps."""
        return None if self.steps is not None else (self.minutes or EFFORTS[self.effort].minutes) * 60

    @property
    def names(self) -> tuple[str, ...]:
        """The strategies that race, training against other positives of the batch always among them."""
        names = tuple(self.strategies or EFFORTS[self.effort].strategies)
        names = names if BASE in names else (BASE, *names)
        return names if self.preset is None or self.preset in names else (*names[:2], self.preset, *names[2:])

    @property
    def tokens(self) -> int | None:
        """Where texts are cut."""
        return self.max_tokens if self.max_tokens is not None else EFFORTS[self.effort].max_tokens

    def wanted(self) -> Wanted:
        """Ask for the strategies as for rungs of a ladder, with one seed."""
        return Wanted(
            rungs=self.names,
            recipe=self.recipe,
            model=self.model,
            sources=self.sources,
            settings=self.settings,
            seeds=1,
            max_tokens=self.tokens,
            measures=self.measures,
            primary=self.primary,
            split=self.split,
            dev=self.dev,
            test=self.test,
            seed=self.seed,
        )

    def as_dict(self) -> dict[str, Any]:
        """Give what decides the result as plain values; two requests with equal ones are the same."""
        kept = replace(self, sources=(), measures=None, primary=None)
        values = {name: getattr(kept, name) for name in self.__dataclass_fields__}
        values |= {"sources": [str(each) for each in self.sources], "recipe": self.recipe and str(self.recipe)}
        values |= {"measures": self.measures and [str(each) for each in self.measures]}
        values |= {"primary": self.primary and str(self.primary), "settings": dict(self.settings)}
        return values | {"strategies": list(self.names), "minutes": self.budget_s and self.budget_s / 60}
