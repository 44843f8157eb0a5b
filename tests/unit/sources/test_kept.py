from dataclasses import dataclass, field

import numpy as np

from hardneg.sources import gather
from hardneg.sources.kept import keeping_retrievals
from hardneg.sources.retrieval import retrieval_table
from toy import toy_dataset


@dataclass(frozen=True)
class Counting:
    """Finds the first documents, and keeps count of the blocks that it was asked for."""

    name: str = "counting"
    asked: list = field(default_factory=list, compare=False, repr=False)

    def retrieve(self, dataset, block, depth):
        self.asked.append(len(block))
        return retrieval_table(block, np.tile(np.arange(depth, dtype=np.int32), (len(block), 1)))


def test_a_source_is_asked_once_for_a_block_and_a_depth(tmp_path):
    tiny = toy_dataset()
    source, block = Counting(), tiny.queries_of("train")
    plain = gather(tiny, [source], block, 3)
    with keeping_retrievals(tmp_path):
        first, second = (gather(tiny, [Counting(asked=source.asked)], block, 3) for _ in range(2))
        assert len(source.asked) == 2
        gather(tiny, [source], block, 2)
        gather(tiny, [source], block[:1], 3)
    assert len(source.asked) == 4
    assert first.equals(plain)
    assert second.equals(plain)
    gather(tiny, [source], block, 3)
    assert len(source.asked) == 5
