"""Names for the arrays that pass between rooms; within one call, dimensions of one name are of one length."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int32

Rows = Int32[np.ndarray, " rows"]  # positions of queries or documents, one for each pair
Scores = Float32[np.ndarray, " rows"]  # one for each pair; larger is more relevant
ScorePairs = Callable[[Rows, Rows], Scores]  # of queries and documents
