"""Who is near whom with the weights of the time: found by the first process, kept for a run that goes on.

clusters/step-N.npz          the links between pairs from step N on; gone when the run is finished
clusters/.*.npy.tmp          vectors of the pairs while they are ranked, if there are many
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import torch
from accelerate import Accelerator

from hardneg.data.dataset import Dataset
from hardneg.progress import task
from hardneg.training.passes.embedding import TwoTowers, filed_vectors, live_vectors
from hardneg.training.sampling.clusters import Clusters
from hardneg.training.sampling.neighbours import (
    WHOLE,
    Neighbours,
    Ranked,
    TrainingPairs,
    by_source,
    by_vectors,
    depth_for,
    link,
)


@dataclass(frozen=True, eq=False)
class Drawing:
    """What neighbours are found for, and where they are kept."""

    path: Path  # of the training run
    clusters: Clusters
    pairs: TrainingPairs

    @property
    def follows(self) -> bool:
        """Whether other weights make other neighbours."""
        return self.clusters.source is None

    def steps(self) -> list[int]:
        """List the steps before which neighbours were found, ascending."""
        return sorted(int(file.stem.removeprefix("step-")) for file in self.path.glob("clusters/step-*.npz"))

    def cut(self, done: int) -> None:
        """Forget what a run from a step on will find again."""
        for step in self.steps():
            if step >= max(done, 1):
                self._file(step).unlink()

    def draw(self, step: int, towers: torch.nn.Module, accelerator: Accelerator) -> Neighbours:
        """Find neighbours, unless they are there; one process does, and all read what it wrote."""
        if accelerator.is_main_process and not self._file(step).exists():
            self._find(accelerator.unwrap_model(towers)).write(self._file(step))
        accelerator.wait_for_everyone()
        return self.read(step)

    def read(self, step: int) -> Neighbours:
        """Read the neighbours that were found before a step."""
        return Neighbours.read(self._file(step))

    def _find(self, towers: TwoTowers) -> Neighbours:
        clusters = self.clusters
        with task("finding neighbours", total=len(self.pairs.queries), unit="queries") as advance:

            def shown(rankings: Iterator[Ranked]) -> Iterator[Ranked]:
                for ranking in rankings:
                    yield ranking
                    advance(len(ranking.query))

            rankings = shown(self._rank(towers, self.pairs.dataset))
            return link(self.pairs, rankings, neighbours=clusters.neighbours, skip=clusters.skip, ratio=clusters.ratio)

    def _rank(self, towers: TwoTowers, dataset: Dataset) -> Iterator[Ranked]:
        depth = depth_for(self.clusters.neighbours, self.clusters.skip)
        if self.clusters.source is not None:
            return by_source(self.pairs, self.clusters.source, depth=depth)
        texts = (dataset.query_texts.gather(self.pairs.queries), dataset.document_texts.gather(self.pairs.documents))
        if max(len(each) for each in texts) <= WHOLE:
            return by_vectors(self.pairs, *live_vectors(towers, *texts), depth=depth)
        return self._from_files(towers, texts, depth)

    def _from_files(self, towers: TwoTowers, texts: tuple[pl.Series, pl.Series], depth: int) -> Iterator[Ranked]:
        """Rank by vectors that lie in files, which are gone when the last is ranked."""
        folder = self.path / "clusters"
        folder.mkdir(parents=True, exist_ok=True)
        files = (folder / ".queries.npy.tmp", folder / ".documents.npy.tmp")
        try:
            yield from by_vectors(self.pairs, *filed_vectors(towers, *texts, files), depth=depth)
        finally:
            for file in files:
                file.unlink(missing_ok=True)

    def _file(self, step: int) -> Path:
        return self.path / "clusters" / f"step-{step:08d}.npz"
