"""Machine code for inner loops, and threads that run it side by side."""

import inspect
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

Function = TypeVar("Function", bound=Callable[..., Any])
Part = tuple[int, int]

_MIN_ROWS = 8


def compiled(function: Function) -> Function:
    """Compile a function on first use and keep the machine code beside the source.

    Floating point keeps its order of operations, and the interpreter lock is released. Kernels are plain
    functions without `prange`: Numba's own pool of threads can abort the process when two Python threads
    enter it.
    """
    kernel: Function = numba.njit(nogil=True, cache=True, error_model="numpy")(inspect.unwrap(function))
    return kernel


def in_threads(n_rows: int, run: Callable[[Part], object]) -> None:
    """Call `run` on consecutive parts of `range(n_rows)`, on as many threads as there are cores.

    Args:
        n_rows: Rows in all, from 0.
        run: Work on the rows from the first to before the second number of a part; parts must not write to
            shared places.
    """
    n_parts = min(n_cores(), -(-n_rows // _MIN_ROWS))
    if n_parts <= 1:
        run((0, n_rows))
        return
    edges = np.linspace(0, n_rows, n_parts + 1).astype(int).tolist()
    with ThreadPoolExecutor(n_parts) as pool:
        list(pool.map(run, itertools.pairwise(edges)))


def n_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View an array as contiguous and read-only, so that kernels are compiled for one kind of array only."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view
