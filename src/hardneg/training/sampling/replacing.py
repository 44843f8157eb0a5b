"""Looking at the negatives of the rows to come, and replacing those that have become too easy."""

import json
import time
from collections.abc import Sequence
from functools import partial
from itertools import chain

import numpy as np
from jaxtyping import Int32

from hardneg.files import replacing
from hardneg.runs import layout
from hardneg.training.plan import Step, TrainingData
from hardneg.training.sampling.replaced import ReplacedNegatives
from hardneg.training.session import Session
from hardneg.training.symptoms.live_scores import live_scores


def enter(session: Session, data: TrainingData) -> None:
    """Score the negatives in use whose score on entry is not known: all of them at the start and after a refresh."""
    if isinstance(data.negatives, ReplacedNegatives):
        scores = partial(live_scores, session.towers, session.accelerator, data.dataset)
        data.negatives.enter(np.unique(data.query), scores)


def replace_before(number: int, session: Session, data: TrainingData, steps: Sequence[Step]) -> None:
    """Replace negatives before a step, if it is time for it; what was done is added to `replacement.jsonl`."""
    settings, started = session.settings.replacement, time.perf_counter()
    if settings is None or number == 0 or number % settings.every or not isinstance(data.negatives, ReplacedNegatives):
        return
    query = _coming(data, steps[number : number + settings.every])
    scores = partial(live_scores, session.towers, session.accelerator, data.dataset)
    looked_at, replaced = data.negatives.replace(query, scores)
    if session.accelerator.is_main_process:
        seconds = round(time.perf_counter() - started, 3)
        line = {"step": number, "looked_at": looked_at, "replaced": replaced, "seconds": seconds}
        with (session.folder.path / layout.REPLACEMENTS).open("a") as file:
            file.write(json.dumps(line) + "\n")


def cut_records(session: Session) -> None:
    """Drop the records of replacements that a session will do again."""
    path = session.folder.path / layout.REPLACEMENTS
    if session.accelerator.is_main_process and path.exists():
        lines = path.read_text().splitlines()
        with replacing(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines if json.loads(line)["step"] < session.done))


def _coming(data: TrainingData, steps: Sequence[Step]) -> Int32[np.ndarray, " queries"]:
    rows = np.concatenate(list(chain.from_iterable(step.batches for step in steps)))
    return np.unique(data.query[rows])
