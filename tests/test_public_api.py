import inspect
from importlib import metadata

import pytest

import hardneg


def test_all_is_sorted_and_is_what_dir_shows():
    assert hardneg.__all__ == sorted(hardneg.__all__)
    shown = dir(hardneg)
    assert set(hardneg.__all__) <= set(shown)
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize("name", hardneg.__all__)
def test_every_public_name_can_be_imported_and_is_documented(name):
    found = getattr(hardneg, name)
    assert inspect.isclass(found) or inspect.isfunction(found)
    assert found.__name__ == name
    summary = inspect.getdoc(found).partition("\n")[0]
    assert summary.endswith(".")
    assert "Args:" in found.__doc__


def test_a_star_import_brings_the_public_names_and_nothing_else():
    names = {}
    exec("from hardneg import *", names)
    assert sorted(names.keys() - {"__builtins__"}) == hardneg.__all__


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'hardneg' has no attribute 'mined'"):
        _ = hardneg.mined


def test_the_version_is_that_of_the_package():
    assert metadata.version("hardneg") == hardneg.__version__
