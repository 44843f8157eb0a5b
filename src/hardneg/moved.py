"""Old module paths, kept for one version: importing one warns, and gives what is at its new place."""

import importlib.util
import sys
import warnings
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

# Rooms, modules that became part of a wing, and modules of another name; a longer path goes before a shorter one.
MOVED = {
    "hardneg.audit": "hardneg.audits",
    "hardneg.audit.evidence": "hardneg.planting.evidence",
    "hardneg.audit.fitting": "hardneg.planting.fitting",
    "hardneg.audit.planting": "hardneg.planting.planting",
    "hardneg.data.code": "hardneg.domains.code",
    "hardneg.data.conversations": "hardneg.domains.conversation.build",
    "hardneg.data.interactions": "hardneg.domains.recommender.build",
    "hardneg.data.sectioning": "hardneg.domains.legal.sections",
    "hardneg.data.sections": "hardneg.domains.legal.sections",
    "hardneg.filters.duplicate_code": "hardneg.domains.code.duplicate_code",
    "hardneg.filters.later_turns": "hardneg.domains.conversation.later_turns",
    "hardneg.forecast": "hardneg.costs",
    "hardneg.ladder": "hardneg.ladders",
    "hardneg.live": "hardneg.runs",
    "hardneg.negatives.mining": "hardneg.negatives.plan",
    "hardneg.pipeline.asking": "hardneg.costs.bills",
    "hardneg.pipeline.found": "hardneg.runs.found",
    "hardneg.pipeline.reporting": "hardneg.reports.write",
    "hardneg.report": "hardneg.reports",
    "hardneg.review.verdicts": "hardneg.audits.verdicts",
    "hardneg.report.standalone": "hardneg.drawing.figure",
    "hardneg.reports.standalone": "hardneg.drawing.figure",
    "hardneg.scoring.llm_judge": "hardneg.scoring.llm.judge",
    "hardneg.sources.earlier_turns": "hardneg.domains.conversation.earlier_turns",
    "hardneg.teaching": "hardneg.teachers",
}
_VERBS = ("hardneg.audit", "hardneg.ladder", "hardneg.report")


class OldPath(ModuleType):
    """A module under its old name; where a verb of the root has that name, calling it calls the verb."""

    def __getattr__(self, name: str) -> object:
        return getattr(import_module(new_path(self.__name__) or ""), name)

    def __call__(self, *args: object, **options: object) -> object:
        """Call the verb of this name."""
        if self.__name__ not in _VERBS:
            raise TypeError("'module' object is not callable")
        return sys.modules["hardneg"].__getattr__(self.__name__.removeprefix("hardneg."))(*args, **options)


class Finder(Loader):
    """Finds modules at their old paths; asked last, so it costs nothing where paths are right."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Give what loads `name`, if that is the old name of something that is there."""
        new = new_path(name)
        if new is None or importlib.util.find_spec(new) is None:
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Give the stand-in; its path is empty, or a module would be loaded a second time under its old name."""
        module = OldPath(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Warn; the stand-in looks names up when they are asked for."""
        new = new_path(module.__name__)
        message = f"{module.__name__} is now {new}; the old name goes with the next version"
        warnings.warn(message, DeprecationWarning, stacklevel=2)


def new_path(name: str) -> str | None:
    """Give the new path of a module that has moved, or None."""
    parent = name
    while parent not in MOVED:
        parent, dot, _ = parent.rpartition(".")
        if not dot:
            return None
    return MOVED[parent] + name.removeprefix(parent)


def install() -> None:
    """Let old paths be imported."""
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.append(Finder())
