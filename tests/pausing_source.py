"""A source that stands still in the middle of mining, so that the process can be killed there."""

import sys
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hardneg.sources.retrieval import retrieval_table


@dataclass(frozen=True)
class Pausing:
    """Ranks the documents that follow the query's own number; stands still after `patience` blocks."""

    name: str = "pausing"

    patience: ClassVar[int | None] = None
    n_blocks: ClassVar[int] = 0

    def retrieve(self, dataset, block, depth):
        if Pausing.n_blocks == Pausing.patience:
            sys.stdout.write("standing still\n")
            sys.stdout.flush()
            time.sleep(600)
        Pausing.n_blocks += 1
        found = (block[:, None] + np.arange(min(depth, dataset.n_documents))) % dataset.n_documents
        return retrieval_table(block, found.astype(np.int32), -found.astype(np.float32))
