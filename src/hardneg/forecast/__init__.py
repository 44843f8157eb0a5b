"""How long a piece of work will take on this machine, how much memory and disk, and on how many machines."""

from hardneg.forecast.calibration import Calibration
from hardneg.forecast.forecast import forecast
from hardneg.forecast.sizes import Sizes
from hardneg.forecast.stages import Forecast, Stage
from hardneg.forecast.texts import Texts
from hardneg.forecast.workload import Workload

__all__ = ["Calibration", "Forecast", "Sizes", "Stage", "Texts", "Workload", "forecast"]
