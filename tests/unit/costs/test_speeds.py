"""What is tried once serves every tower that is as fast, whoever wrote its class."""

from dataclasses import dataclass

import pytest

from hardneg.costs import speeds
from hardneg.costs.speeds import Part, Speeds
from hardneg.sources import Dense


@dataclass(frozen=True)
class Outside:
    """A source of vectors that does not say where it cuts."""

    model: str
    layer: int = 12


@dataclass(frozen=True)
class OutsideCutting(Outside):
    """One that does."""

    max_tokens: int = 64


@pytest.mark.parametrize(
    ("tried", "asked", "is_known"),
    [
        (Dense(model="m", max_tokens=64), Dense(model="m", max_tokens=64, name="other", precision="fp32"), True),
        (Dense(model="m", max_tokens=64), Dense(model="m", max_tokens=32), False),
        (Dense(model="m", max_tokens=64), OutsideCutting("m"), True),
        (Outside("m"), Outside("m"), True),
        (Outside("m"), Outside("m", layer=6), False),
    ],
)
def test_towers_of_one_model_that_cut_alike_are_as_fast(tried, asked, is_known):
    part = Part(1.0, 0.5)
    kept = Speeds.from_dict(Speeds({f"documents {speeds._model(tried)}": part}).as_dict())
    assert kept.documents(asked) == (part if is_known else Part(0.0, 0.0))
