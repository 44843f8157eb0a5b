"""How much a trial tries."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How much a trial tries: less is quicker, and tells less.

    Args:
        documents: Documents that are mined at most.
        text_bytes: Bytes of their texts at most.
        vector_bytes: Bytes of their vectors at most.
        queries: Queries that are mined for at most: a block of mining by default.
        seconds: How long a model encodes or scores.
        steps: Steps of training, of which the first two do not count.
    """

    documents: int = 131_072
    text_bytes: int = 2**27
    vector_bytes: int = 2**28
    queries: int = 4_096
    seconds: float = 4.0
    steps: int = 6
