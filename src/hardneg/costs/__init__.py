"""How long a piece of work will take on this machine, how much memory and disk, and on how many machines."""

from hardneg.costs.calibration import Calibration
from hardneg.costs.forecast import forecast
from hardneg.costs.sizes import Sizes
from hardneg.costs.stages import Forecast, Stage
from hardneg.costs.texts import Texts
from hardneg.costs.workload import Workload

__all__ = ["Calibration", "Forecast", "Sizes", "Stage", "Texts", "Workload", "forecast"]
