"""Engines: where work that is cut into blocks is done, in this process or on a cluster of machines."""

from hardneg.engines.protocol import Engine, Here, Work, current_engine, working_on
from hardneg.engines.ray import Ray

__all__ = ["Engine", "Here", "Ray", "Work", "current_engine", "working_on"]
