"""What a fit is asked to do, and how much it may cost."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

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
    "fast": Effort(10, (BASE, "mined_many", "mined_filtered", "clustered"), 2, max_tokens=64),
    "normal": Effort(60, (*_USUAL, "relabelled"), 4),
    "thorough": Effort(240, (*_USUAL, "relabelled", "random_beside", "mined_alone", "refresh"), 8),
}


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """What a fit is asked to do, as `hardneg.fit` explains it; a RecipeError if that cannot be."""

    effort: str = "normal"
    minutes: float | None = None
    steps: int | None = None
    wanted: Wanted = field(default_factory=Wanted)  # its rungs are the strategies; seeds and budget are the fit's own

    @classmethod
    def of(cls, *, effort: str, minutes: float | None, steps: int | None, **wanted: Any) -> "FitRequest":  # noqa: ANN401
        """Put a request together; all but its budget is asked for as of a ladder."""
        return cls(effort=effort, minutes=minutes, steps=steps, wanted=Wanted(**wanted))

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
            if key in self.wanted.settings:
                raise RecipeError(f"fit: it finds {key} by itself; leave it out, and give --minutes or --steps")

    @property
    def budget_s(self) -> float | None:
        """Seconds for all of it; None where the budget is in steps."""
        return None if self.steps is not None else (self.minutes or EFFORTS[self.effort].minutes) * 60

    @property
    def names(self) -> tuple[str, ...]:
        """The strategies that race, training against other positives of the batch always among them."""
        names, preset = tuple(self.wanted.rungs or EFFORTS[self.effort].strategies), self.wanted.preset
        names = names if BASE in names else (BASE, *names)
        return names if preset is None or preset in names else (*names[:2], preset, *names[2:])

    def rungs(self, names: Sequence[str] | None = None, *, defaults: Mapping[str, Any] | None = None) -> Wanted:
        """Ask for strategies as for rungs of a ladder, with one seed; settings that were given go before defaults."""
        cut = EFFORTS[self.effort].max_tokens if self.wanted.max_tokens is None else self.wanted.max_tokens
        settings = {**(defaults or {}), **self.wanted.settings}
        return replace(self.wanted, rungs=names or self.names, preset=None, settings=settings, seeds=1, max_tokens=cut)

    def as_dict(self) -> dict[str, Any]:
        """Give what decides the result as plain values; two requests with equal ones are the same."""
        wanted = {each.name: getattr(self.wanted, each.name) for each in fields(Wanted)}
        asked = {key: wanted[key] for key in ("model", "max_tokens", "split", "dev", "test", "seed", "preset")}
        asked |= {key: wanted[key] and str(wanted[key]) for key in ("recipe", "primary")}
        settings = json.loads(json.dumps(dict(wanted["settings"]), default=str))
        asked |= {"sources": list(map(str, wanted["sources"])), "settings": settings}
        asked |= {"measures": wanted["measures"] and list(map(str, wanted["measures"]))}
        budget = {"minutes": self.budget_s and self.budget_s / 60, "steps": self.steps}
        return {"effort": self.effort, **budget, "strategies": list(self.names), **asked}
