"""What has to move between machines that share a piece of work, and how long their network takes for it."""

from dataclasses import dataclass

from hardneg.engines.ray import SHARD_GB

_ROW_BYTES = 8  # of what a shard found for a query: a position and a score


@dataclass(frozen=True)
class Machines:
    """Machines that share the work.

    Args:
        count: How many like this one.
        network_gbps: Gigabits a second between all of them together and the disk or store that they share; None where
            that is no limit.
        price_hour: Price of one of them for an hour; None if it is not asked for.
    """

    count: int = 1
    network_gbps: float | None = None
    price_hour: float | None = None


@dataclass(frozen=True)
class Moving:
    """What lies on the disk, or in the store, that all machines see.

    Args:
        texts_gb: The dataset, which each machine reads.
        vectors_gb: Vectors of documents: each machine maps all of them, or holds a shard.
        rows: Rows that a search finds: queries times depth.
        written_gb: What is written: vectors, candidates and negatives, scores, models.
    """

    texts_gb: float = 0.0
    vectors_gb: float = 0.0
    rows: int = 0
    written_gb: float = 0.0

    @property
    def shards(self) -> int:
        """Shards that vectors are searched in; 1 if each machine maps all of them."""
        return max(1, -(-int(self.vectors_gb * 1e9) // int(SHARD_GB * 1e9)))

    def gb(self, machines: int) -> dict[str, float]:
        """Say what moves, in GB; nothing on one machine.

        Args:
            machines: Those that share the work.

        Returns:
            By what it is; what shards found goes to the shared disk while other blocks come back from there.
        """
        if machines == 1:
            return {}
        times = machines if self.shards == 1 else max(1.0, machines / self.shards)
        found_gb = 0.0 if self.shards == 1 else self.shards * self.rows * _ROW_BYTES / 1e9
        parts = {
            "texts, to each machine": machines * self.texts_gb,
            "vectors, to each machine" if self.shards == 1 else "vectors, in shards": times * self.vectors_gb,
            "what shards found": found_gb,
            "what is written": self.written_gb,
        }
        return {name: size for name, size in parts.items() if size}

    def seconds(self, machines: int, gbps: float | None) -> float:
        """Say how long that takes.

        Args:
            machines: Those that share the work.
            gbps: Gigabits a second between all machines together and what they share; None for no limit.

        Returns:
            Seconds, as if nothing were computed meanwhile.
        """
        return 0.0 if gbps is None else sum(self.gb(machines).values()) * 8 / gbps
