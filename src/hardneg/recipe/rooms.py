"""What a recipe can name, room by room."""

from hardneg.filters import FILTERS, Filter
from hardneg.losses import LOSSES
from hardneg.losses.protocol import Loss
from hardneg.negatives import STRATEGIES
from hardneg.recipe.components import Room
from hardneg.sources import SOURCES, Source

SOURCE = Room("source", SOURCES, Source)
FILTER = Room("filter", FILTERS, Filter)
SELECT = {"strategy": Room("strategy", STRATEGIES)}
TRAIN = {"loss": Room("loss", LOSSES, Loss)}
