"""How long a piece of work will take on this machine, how much memory and disk, and on how many machines."""

from hardneg.costs.calibration import Calibration, Sizes
from hardneg.costs.estimate import Estimate, Stage
from hardneg.costs.forecast import forecast
from hardneg.costs.texts import Texts
from hardneg.costs.workload import Workload

__all__ = ["Calibration", "Estimate", "Sizes", "Stage", "Texts", "Workload", "forecast"]
