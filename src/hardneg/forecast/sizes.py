"""How much a trial tries."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How much a trial tries: less is quicker, and tells less.

    Args:
        queries: Queries that are searched and mined for; the size of a block of mining by default.
        vectors: Documents of the larger trial of vectors, at dimensions for which they fit into a quarter of a GB.
        indexed: Documents of the larger trial of BM25.
        mined: Documents of the trial of mining.
        seconds: How long a model encodes or scores.
        steps: Steps of training, of which the first two do not count.
    """

    queries: int = 4_096
    vectors: int = 131_072
    indexed: int = 65_536
    mined: int = 16_384
    seconds: float = 4.0
    steps: int = 6
