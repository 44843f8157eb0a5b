"""The sampled audit: draw some negatives, have them judged, and report the share of answers."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.audits.intervals import Interval, wilson
from hardneg.audits.verdict_files import read_verdict_file, write_verdict_file
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from hardneg.notebook import Framed
from hardneg.planting.planting import id_keys
from hardneg.randomness import bits
from hardneg.scoring.protocol import Scorer
from hardneg.scoring.store import stored_scores

_SAMPLE = 6


@dataclass(frozen=True)
class JudgedSample(Framed):
    """A sample of negatives and how many of them are answers.

    Args:
        contamination: Share of answers among those judged, with Wilson's interval.
        unjudged: Rows left open. If these are not a random part of the sample, the share is off.
        judge: Who judged: a file's name, or a scorer's.
    """

    contamination: Interval
    unjudged: int
    judge: str

    def frame(self) -> pl.DataFrame:
        """One row: the share with its interval, who judged, and how many rows were left open."""
        return pl.DataFrame([asdict(self.contamination) | {"judge": self.judge, "unjudged": self.unjudged}])

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "kind": "sampled",
            "judge": self.judge,
            "unjudged": self.unjudged,
            "figures": {"contamination": asdict(self.contamination)},
        }


def draw(negatives: pl.DataFrame, dataset: Dataset, n: int, *, seed: int) -> pl.DataFrame:
    """Draw negatives, each as likely as any other; the draw depends on ids and seed, not on the order of rows."""
    query, document = (negatives[name].to_numpy() for name in ("query", "document"))
    keys = id_keys(dataset.queries["id"], query), id_keys(dataset.documents["id"], document)
    drawn = negatives.select("query", "document", draw=pl.Series(bits(seed, _SAMPLE, *keys)))
    return drawn.sort("draw", "query", "document").head(n).select("query", "document")


def write_sample(sample: pl.DataFrame, dataset: Dataset, path: Path) -> Path:
    """Write a file to fill in: the column `answer` is empty, to be yes or no."""
    return write_verdict_file(sample.select("query", "document"), dataset, path)


def read_sample(path: Path, dataset: Dataset) -> JudgedSample:
    """Read a file that was filled in and report the share of answers."""
    drawn = read_verdict_file(path, dataset).filter("drawn")["answer"]
    n_open = drawn.null_count()
    if n_open == len(drawn):
        raise DatasetError("no answer is filled in; write yes or no into the column 'answer'", path=path)
    return JudgedSample(wilson(int(drawn.sum()), len(drawn) - n_open), n_open, path.name)


def judge(sample: pl.DataFrame, dataset: Dataset, scorer: Scorer, *, threshold: float) -> JudgedSample:
    """Have a sample judged by a scorer: what scores at least the threshold counts as an answer."""
    query, document = (sample[name].to_numpy() for name in ("query", "document"))
    is_answer = stored_scores(scorer, dataset, query, document) >= threshold
    return JudgedSample(wilson(int(is_answer.sum()), len(is_answer)), 0, scorer.name)
