"""How long a piece of work will take on this machine, how much memory and disk, and on how many machines."""

import warnings

from hardneg.costs.calibration import Sizes, Trials
from hardneg.costs.estimate import Estimate, StageCost
from hardneg.costs.forecast import forecast
from hardneg.costs.moving import Machines, Moving
from hardneg.costs.texts import Texts
from hardneg.costs.workload import Workload

__all__ = ["Estimate", "Machines", "Moving", "Sizes", "StageCost", "Texts", "Trials", "Workload", "forecast"]


def __getattr__(name: str) -> object:
    if name != "Calibration":
        raise AttributeError(f"module 'hardneg.costs' has no attribute {name!r}")
    message = "hardneg.costs.Calibration is now hardneg.costs.Trials; the old name goes with the next version"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return Trials
