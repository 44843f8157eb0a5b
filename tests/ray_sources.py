"""Sources that die, wait and fail where they are told to, for tests of clusters."""

import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardneg.errors import RecipeError
from hardneg.sources.retrieval import retrieval_table


@dataclass(frozen=True)
class Troubled:
    """The first documents for every query; the first to ask for a block with a query gets into trouble.

    `marks` is a folder where the first leaves a file, `trouble` what happens to it: "kill", "fail", "memory" (which it
    then lacks) or a number of seconds to wait. Every block waits `each` seconds.
    """

    marks: str
    query: int = 0
    trouble: str = "0"
    each: float = 0.0
    name: str = "troubled"

    def retrieve(self, dataset, block, depth):
        time.sleep(self.each)
        if self.query in block.tolist() and self._first():
            self._suffer()
        found = np.tile(np.arange(min(depth, dataset.n_documents), dtype=np.int32), (len(block), 1))
        found = (found + block[:, None]) % dataset.n_documents
        score = -np.arange(found.shape[1], dtype=np.float32)
        return retrieval_table(block, found.astype(np.int32), np.tile(score, (len(block), 1)))

    def _first(self):
        try:
            (Path(self.marks) / f"{self.query}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _suffer(self):
        if self.trouble == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.trouble == "fail":
            raise RecipeError("troubled: told to fail")
        elif self.trouble == "memory":
            taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (taken + 2**26, taken + 2**26))
            np.ones(2**28)
        else:
            time.sleep(float(self.trouble))
