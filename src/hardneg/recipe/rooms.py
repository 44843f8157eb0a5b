"""What a recipe can name, room by room."""

from hardneg import domains
from hardneg.components import Room
from hardneg.filters import FILTERS, Filter
from hardneg.losses import LOSSES, WeightedSum
from hardneg.losses.protocol import Loss
from hardneg.negatives import STRATEGIES
from hardneg.scoring import SCORERS, Scorer
from hardneg.sources import SOURCES, Source
from hardneg.training.masks import MASKS, Mask

SOURCE = Room("source", SOURCES | domains.SOURCES, Source)
SCORER = Room("scorer", SCORERS, Scorer)
FILTER = Room("filter", FILTERS | domains.FILTERS, Filter, inner={"scorer": SCORER})
SELECT = {"strategy": Room("strategy", STRATEGIES)}
TRAIN = {"loss": Room("loss", LOSSES, Loss, total=WeightedSum), "mask": Room("mask", MASKS, Mask)}
# Distillation wants a teacher's raw outputs, where a filter's bounds are easier to name between 0 and 1.
TEACHER_FALLBACKS = {"activation": "identity"}
