"""Products of many vectors at once, in the number format that the machine multiplies fastest.

Products are rounded, and a bound on the rounding comes with them, so that what is found with them can be made exact.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Integer

from hardneg.search._kernels.compiled import frozen, in_threads, on_cache_lines
from hardneg.search._kernels.numbers import length_rows, round_rows

_WORTH_TORCH = 10**11  # products below which loading torch takes longer than multiplying without it


@dataclass(frozen=True, eq=False)
class Side:
    """Vectors of one side as they are multiplied."""

    values: Any  # one row a vector, in the format
    length: Float64[np.ndarray, " rows"]  # Euclidean, before rounding
    lost: Float64[np.ndarray, " rows"]  # length of what rounding took


class Float32Format:
    """A number format and the routine that multiplies in it: float32, by NumPy."""

    shift = 0  # bits of a float32 that a score lacks at its end
    scores: type[np.signedinteger[Any]] = np.int32  # integers of the size of a score

    def side(self, vectors: Float32[np.ndarray, "rows dim"]) -> Side:
        """Round vectors to the format; float32 takes them as they are."""
        rows = frozen(vectors)
        length = np.empty(len(rows))
        in_threads(len(rows), lambda part: length_rows(rows, length, part))
        return Side(rows, length, np.zeros(len(rows)))

    def multiply(self, documents: Any, queries: Any, out: Integer[np.ndarray, "documents queries"]) -> None:  # noqa: ANN401
        """Write the products of all pairs, one row a document, as the bits of floating-point numbers."""
        np.matmul(documents, queries.T, out=out.view(np.float32))

    def threads(self, n: int) -> AbstractContextManager[Executor]:
        """Start threads that can multiply side by side; while one does, on all cores, others look through scores."""
        return ThreadPoolExecutor(n)


class BFloat16Format(Float32Format):
    """bfloat16, multiplied by torch with sums in float32; several times faster where the processor has it."""

    shift = 16
    scores = np.int16

    def side(self, vectors: Float32[np.ndarray, "rows dim"]) -> Side:
        """Round vectors to the nearest bfloat16."""
        import torch

        rows = frozen(vectors)
        values = on_cache_lines(rows.size, np.int16).reshape(rows.shape)
        length, lost = np.empty(len(rows)), np.empty(len(rows))
        in_threads(len(rows), lambda part: round_rows(rows, values, length, lost, part))
        return Side(torch.from_numpy(values).view(torch.bfloat16), length, lost)

    def multiply(self, documents: Any, queries: Any, out: Integer[np.ndarray, "documents queries"]) -> None:  # noqa: ANN401
        """Multiply in bfloat16."""
        import torch

        torch.mm(documents, queries.T, out=torch.from_numpy(out).view(torch.bfloat16))

    @contextmanager
    def threads(self, n: int) -> Iterator[Executor]:
        """Start threads that multiply on one core each."""
        import torch

        before = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                yield pool
        finally:
            torch.set_num_threads(before)  # else threads that begin later would have one core


def fastest(n_products: int) -> Float32Format:
    """Choose the format in which this machine multiplies fastest."""
    import importlib.util
    import sys

    if "torch" not in sys.modules and (n_products < _WORTH_TORCH or importlib.util.find_spec("torch") is None):
        return Float32Format()
    from torch import cpu

    return BFloat16Format() if cpu._is_amx_tile_supported() or cpu._is_avx512_bf16_supported() else Float32Format()
