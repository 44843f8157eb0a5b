"""What can be tried, by name. Each trial runs the real code on little, and says what it cost."""

from collections.abc import Callable
from typing import Any

from hardneg.costs.mining_trial import mining
from hardneg.costs.model_trials import encoding, scoring, training
from hardneg.costs.sizes import Sizes
from hardneg.costs.texts import Texts

TRIALS: dict[str, Callable[[Texts, dict[str, Any], Sizes], dict[str, Any]]] = {
    "mining": mining,
    "encoding": encoding,
    "scoring": scoring,
    "training": training,
}
