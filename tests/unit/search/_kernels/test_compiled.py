import importlib
import pickle

import numba
import numpy as np
import pytest

from hardneg.search._kernels.compiled import ahead, compiled, frozen, in_threads, n_cores
from hardneg.search._kernels.numbers import places_at, select


@pytest.mark.parametrize("n_rows", [0, 1, 7, 100])
def test_parts_cover_all_rows_once(n_rows):
    seen = np.zeros(n_rows, int)

    def run(part):
        seen[part[0] : part[1]] += 1

    in_threads(n_rows, run)
    assert (seen == 1).all()


@pytest.mark.parametrize("n_rows", [0, 1, 7, 1_000])
def test_whoever_watches_is_told_of_all_rows_in_parts(n_rows):
    seen, told = np.zeros(n_rows, int), []

    def run(part):
        seen[part[0] : part[1]] += 1

    in_threads(n_rows, run, advance=told.append)
    assert (seen == 1).all()
    assert sum(told) == n_rows
    assert max(told) <= 64


def test_an_error_in_a_thread_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        in_threads(100, lambda _: 1 / 0)


def test_work_ahead_comes_back_in_order():
    assert list(ahead(range(50), lambda number: number * number)) == [number * number for number in range(50)]
    assert list(ahead([], str)) == []


def test_work_ahead_takes_no_more_items_than_there_are_cores():
    taken = []
    results = ahead((taken.append(number) or number for number in range(100)), str)
    assert next(results) == "0"
    assert len(taken) == n_cores() + 1
    results.close()


def test_an_error_in_work_ahead_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(ahead([1, 0], lambda number: 1 / number))


def test_frozen_leaves_the_original_writable():
    array = np.arange(6).reshape(2, 3).T
    view = frozen(array)
    assert view.flags.c_contiguous
    assert not view.flags.writeable
    assert array.flags.writeable
    assert n_cores() >= 1


def test_select_finds_what_sorting_finds():
    values = np.random.default_rng(0).integers(0, 20, 200).astype(np.float64)
    for rank in (0, 1, 57, 198, 199):
        assert select(values.copy(), rank) == np.sort(values)[rank]


def test_places_at_counts_the_ties_that_fit():
    assert places_at(np.array([3.0, 1.0, 2.0, 2.0, 2.0]), 2.0, 3) == 2


def test_machine_code_of_an_earlier_version_that_names_a_module_that_is_gone_is_made_again(tmp_path, monkeypatch):
    (tmp_path / "kernel_of_mine.py").write_text("def twice(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    twice = importlib.import_module("kernel_of_mine").twice
    assert compiled(twice)(4) == 8
    (index,) = (tmp_path / "__pycache__").glob("*.nbi")
    index.write_bytes(pickle.dumps(numba.__version__) + b"cmodule_that_is_gone\nname\n.")
    assert compiled(twice)(4) == 8
