"""A source whose process ends at once when a certain file is there."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardneg.sources.retrieval import retrieval_table


@dataclass(frozen=True)
class Crashing:
    """Finds nothing, and ends its process with status 3 once the file is there."""

    file: str
    name: str = "crashing"

    def retrieve(self, dataset, block, depth):
        if Path(self.file).exists():
            sys.stderr.write("crashed on purpose\n")
            sys.stderr.flush()
            os._exit(3)
        return retrieval_table(block, np.full((len(block), 1), -1, dtype=np.int32))
