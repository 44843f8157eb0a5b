"""Steps that must come out the same in one process and in several, and a process of a group that does them."""

import copy
import functools
import os
import time
from contextlib import nullcontext
from dataclasses import replace

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from sentence_transformers import SentenceTransformer
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from hardneg.losses import LOSSES
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.progress import showing
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.masks import OwnScore
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.plan import TrainingData, plan_steps
from hardneg.training.pool.queue import QueueState
from hardneg.training.pool.settings import Queue
from hardneg.training.refresh.settings import Refresh
from hardneg.training.refresh.store import Rounds
from hardneg.training.sampling.batches import MinedNegatives, training_pairs
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from hardneg.training.teacher_scores import TeacherScores
from toy import toy_dataset, toy_negatives, toy_scores
from watched_toy import WATCH, watched_dataset, watched_negatives

IMPORTED_IN = os.getpid()
# Batches of five pairs and less: the last have fewer queries than a group of four has processes.
COMMON = TrainSettings(batch_size=5, accumulate=2, max_pairs=18, max_grad_norm=0.5)
POOLS = {
    "in-batch": {"negatives_per_row": 0},
    "mined": {},
    "own": {"shared_negatives": False},
}


def cases():
    """Every loss with every pool, and every queue with every pool, a mask and several sizes.

    Each loss, queue and pool comes both with and without the gradient cache.
    """
    nested = {"matryoshka": (8, 32), "mask": OwnScore(margin=0.01)}
    kinds = [{"loss": LOSSES[loss]()} for loss in LOSSES]
    kinds += [{"queue": queue, **nested} for queue in (Queue(size=12), Queue(size=12, momentum=0.5))]
    return {
        f"{kind}, {pool}": replace(COMMON, **kind, **POOLS[pool], cache_tokens=(None, 64)[(row + column) % 2])
        for row, kind in enumerate(kinds)
        for column, pool in enumerate(POOLS)
    }


@functools.cache  # not on import: processes are forked after it
def toy():
    return toy_dataset()


def measure(settings, model):
    """Do all steps of a run with plain gradient descent.

    Returns what each measured, the weights it led to, and how many times a step had gradients exchanged.
    """
    query, document = training_pairs(toy(), "train", max_pairs=settings.max_pairs)
    negatives = toy_negatives().with_columns(weight=(1 + toy_negatives()["document"] % 3) / 3)
    scores = TeacherScores.from_table(toy_scores(), toy())
    data = TrainingData(toy(), query, document, MinedNegatives(negatives, n_queries=toy().n_queries), scores)
    own = copy.deepcopy(model)
    accelerator = Accelerator(cpu=True, kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])
    plain = TwoTowers(own, query_prompt=None, document_prompt=None, bf16=False)
    queue = None if settings.queue is None else QueueState(settings.queue, plain)
    towers = accelerator.prepare(plain)
    exchanges = []
    if isinstance(towers, DistributedDataParallel):
        towers.register_comm_hook(exchanges, counting_allreduce)
    optimizer, found = torch.optim.SGD(own.parameters(), lr=0.1), []
    for step in plan_steps(data, settings):
        found.append(compute_gradient(step, data, towers, accelerator, settings, queue=queue))
        optimizer.step()
        optimizer.zero_grad()
    weights = torch.cat([value.detach().reshape(-1) for _, value in sorted(own.named_parameters())])
    return found, weights, len(exchanges) / len(found)


def counting_allreduce(exchanges, bucket):
    """Average gradients as usual, and take a note of it; all gradients of the tiny model fit into one bucket."""
    exchanges.append(bucket.index())
    return allreduce_hook(None, bucket)


def measure_all(start, *, some=slice(None)):
    """Measure all cases, or some, from the same starting weights."""
    model = SentenceTransformer(str(start), device="cpu").eval()
    return {name: measure(settings, model) for name, settings in list(cases().items())[some]}


def train_whole_run(start, out, *, mode="sync"):
    """Train from the first step to the saved model, with negatives that are mined anew; returns the result."""
    plan = Plan("train", (Dense(model=start, precision="fp32"),), (), Selection(per_query=3), depth=6)
    settings = replace(COMMON, learning_rate=1e-3, precision="fp32", epochs=3, refresh=Refresh(every=2, mode=mode))
    waiting = showing(Waiting(Rounds(out))) if mode == "async" and os.environ["RANK"] == "0" else nullcontext()
    with waiting:
        return train(start, toy(), toy_negatives(), settings=settings, plan=plan, out=out)


def train_watched(start, out):
    """Train until the best look does not move any more, and keep its model; returns what was seen."""
    watch = WATCH | {"every": 1, "keep": "best", "patience": 2}
    settings = replace(COMMON, learning_rate=1e-2, precision="fp32", epochs=6, max_pairs=None, watch=watch)
    return train(start, watched_dataset(), watched_negatives(), settings=settings, out=out).watched


class Waiting:
    """A display that holds the leading process up after its third step until the round of the second is there."""

    def __init__(self, rounds):
        self.rounds, self.n_steps = rounds, 0

    def task(self, description, *, total, unit):
        return nullcontext(self.advance if description == "training" else lambda _: None)

    def advance(self, pairs):
        self.n_steps += pairs > 0
        deadline = time.monotonic() + 120
        while self.n_steps == 3 and not self.rounds.is_there(2):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def work(rank, n_processes, start, out):
    """Be one process of a group: train together into `out/run`, then write what was measured to `out/RANK.pt`."""
    loss = train_whole_run(start, out / "run").loss
    followed = train_whole_run(start, out / "followed", mode="async") if n_processes == 2 else None
    watched = train_watched(start, out / "watched") if n_processes == 2 else None
    # A larger group is slow: some losses, both queues, all pools, with and without the cache.
    some = slice(None) if n_processes == 2 else slice(3, None, 5)
    measured = measure_all(start, some=some)
    torch.save((loss, measured, followed and (followed.loss, followed.refreshes), watched), out / f"{rank}.pt")
