"""Work done in this process, block after block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardneg.engines.protocol import Work


@dataclass(frozen=True)
class Here:
    """This process, with the threads that it has."""

    def each(self, work: "Work", numbers: Sequence[int]) -> Iterator[int]:
        """Do the blocks in their order."""
        for number in numbers:
            work.do(number)
            yield number
