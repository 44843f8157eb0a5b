"""Examples in docstrings do what they show."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import hardneg

MODULES = sorted(
    found.name for found in pkgutil.walk_packages(hardneg.__path__, "hardneg.") if found.name != "hardneg.__main__"
)


pytestmark = pytest.mark.filterwarnings("ignore:hardneg.* is now:DeprecationWarning")


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    for example in finder.find(module, name, extraglobs={"np": np}):
        if example.examples:
            assert doctest.DocTestRunner(verbose=False).run(example).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [each for name in MODULES for each in finder.find(importlib.import_module(name)) if each.examples]
    assert len(found) >= 5
