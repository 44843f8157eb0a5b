"""What does a full queue cost a step?

    python benchmarks/queue_cost.py --data FOLDER [--dataset nl2bash] [--batch 32] [--size 65536] [--momentum 0.999]

Takes the same in-batch steps without a queue and with one that is full, in turn, in one process. Prints one JSON
object: the best step's seconds (of the processor and of the clock) of both, and the ratios with / without.
"""

import argparse
import json

import numpy as np
import torch

import one_step
from hardneg.training.pool.queue import QueueState
from hardneg.training.pool.settings import Queue
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    one_step.add_options(parser)
    parser.add_argument("--size", type=int, default=65_536)
    parser.add_argument("--momentum", type=float)
    options = parser.parse_args()
    steps = one_step.Steps(options)
    queue = QueueState(Queue(size=options.size, momentum=options.momentum), steps.towers)
    _fill(queue, steps)
    settings = TrainSettings(batch_size=options.batch)

    def take(step, queue):
        return compute_gradient(step, steps.data, steps.towers, steps.accelerator, settings, queue=queue)

    times: dict[str, list] = {"without": [], "with": []}
    for name, used in (("without", None), ("with", queue)) * 2:
        times[name] += steps.seconds(lambda step, used=used: take(step, used))
    found: dict = {name: getattr(options, name) for name in ("dataset", "batch", "max_tokens", "size", "momentum")}
    for name, measured in times.items():
        found[name] = {"processor_s": min(t[0] for t in measured), "clock_s": min(t[1] for t in measured)}
    found["with / without"] = {key: round(found["with"][key] / found["without"][key], 3) for key in found["with"]}
    print(json.dumps(found, indent=2))


def _fill(queue: QueueState, steps: one_step.Steps) -> None:
    """Put every document of the set into the queue, over and over, with vectors drawn at random."""
    rng, dataset = np.random.default_rng(0), steps.data.dataset
    _, documents = np.unique(dataset.text_group, return_index=True)
    while len(queue.ring) < queue.ring.size:
        document = rng.permutation(documents).astype(np.int32)
        vectors = torch.nn.functional.normalize(
            torch.randn(len(document), steps.towers.model.get_embedding_dimension())
        )
        queue.ring.add(document, dataset.text_group[document], vectors.to(queue.ring.device))


if __name__ == "__main__":
    main()
