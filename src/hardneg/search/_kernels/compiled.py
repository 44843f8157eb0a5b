"""Machine code for inner loops, and threads that run it side by side."""

import inspect
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from hardneg.progress import Advance

Function = TypeVar("Function", bound=Callable[..., Any])
Item = TypeVar("Item")
Result = TypeVar("Result")
Part = tuple[int, int]

# What a folder says in `.numba_config.yaml` is not to decide where machine code, a pickle, is read from.
for _setting in ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES"):
    os.environ.setdefault(_setting, "")
numba.config.reload_config()

_LINE = 64  # bytes
_MIN_ROWS = 8


def compiled(function: Function) -> Function:
    """Compile a function on first use and keep the machine code beside the source.

    Floating point keeps its order of operations, and the interpreter lock is released. Kernels are plain
    functions without `prange`: Numba's own pool of threads can abort the process when two Python threads
    enter it.
    """
    return _kept(numba.njit(nogil=True, cache=True, error_model="numpy")(inspect.unwrap(function)))


def compiled_sums(function: Function) -> Function:
    """Compile a function whose sums may be taken in any order, for figures that nothing exact is made of."""
    compile_function = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc"})
    return _kept(compile_function(inspect.unwrap(function)))


def _kept(kernel: Any) -> Any:  # noqa: ANN401
    """Let a kernel compile again where an earlier version left machine code that names modules which are gone.

    Numba would stop with ModuleNotFoundError: it reads what it kept before it looks whether the source has changed.
    """
    cache, load = kernel._cache, kernel._cache.load_overload

    def load_overload(*signature: object) -> object:
        try:
            return load(*signature)
        except (ImportError, AttributeError):
            cache.flush()
            return None

    cache.load_overload = load_overload
    return kernel


def in_threads(
    n_rows: int, run: Callable[[Part], object], *, advance: Advance | None = None, shown_rows: int = 64
) -> None:
    """Call `run` on consecutive parts of `range(n_rows)`, on as many threads as there are cores.

    Parts must not write to shared places. `advance` is called in this thread; parts are smaller then.
    """
    n_threads = max(1, min(n_cores(), -(-n_rows // _MIN_ROWS)))
    n_parts = n_threads if advance is None else max(n_threads, -(-n_rows // shown_rows))
    edges = np.linspace(0, n_rows, n_parts + 1).astype(int).tolist()
    parts = list(itertools.pairwise(edges))
    with ThreadPoolExecutor(n_threads) if n_threads > 1 else nullcontext() as pool:
        done = map(run, parts) if pool is None else pool.map(run, parts)
        for (start, stop), _ in zip(parts, done, strict=True):
            if advance is not None:
                advance(stop - start)


def ahead(items: Iterable[Item], work: Callable[[Item], Result]) -> Iterator[Result]:
    """Yield what `work` makes of each item, in order, while threads are already at the next few."""
    with ThreadPoolExecutor(n_cores()) as pool:
        begun: deque[Future[Result]] = deque()
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) > n_cores():
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def n_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View an array as contiguous and read-only, so that kernels are compiled for one kind of array only."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


def on_cache_lines(n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Allocate an array without values whose first one begins a cache line: products are up to a third faster."""
    n_bytes = n * np.dtype(dtype).itemsize
    room = np.empty(n_bytes + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + n_bytes].view(dtype)
