"""Steps that must come out the same in one process and in several, and a process of a group that does them."""

import copy
import os
from dataclasses import replace

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from sentence_transformers import SentenceTransformer
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from hardneg.losses import LOSSES
from hardneg.training.batches import MinedNegatives, training_pairs
from hardneg.training.embedding import TwoTowers
from hardneg.training.loop import train
from hardneg.training.own_score import OwnScore
from hardneg.training.plan import TrainingData, plan_steps
from hardneg.training.queue import Queue
from hardneg.training.queue_state import QueueState
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from toy import toy_dataset, toy_negatives

# Batches of five pairs and less: the last have fewer queries than a group of four has processes.
COMMON = TrainSettings(batch_size=5, accumulate=2, max_pairs=18, max_grad_norm=0.5)
POOLS = {
    "in-batch": {"negatives_per_row": 0},
    "mined": {},
    "own": {"shared_negatives": False},
}


def cases():
    """Every loss with every pool, and every queue with a mask and several sizes; with and without the cache."""
    found = {
        f"{loss}, {pool}, cache {cache_tokens}": replace(
            COMMON, loss=LOSSES[loss](), cache_tokens=cache_tokens, **changes
        )
        for loss in LOSSES
        for pool, changes in POOLS.items()
        for cache_tokens in (None, 64)
    }
    queues = {
        f"{queue}, {pool}, cache {cache_tokens}": replace(
            COMMON, queue=queue, cache_tokens=cache_tokens, matryoshka=(8, 32), mask=OwnScore(margin=0.01), **changes
        )
        for queue in (Queue(size=12), Queue(size=12, momentum=0.5))
        for pool, changes in POOLS.items()
        for cache_tokens in (None, 64)
    }
    return found | queues


def measure(settings, model):
    """Do all steps of a run with plain gradient descent.

    Returns what each measured, the weights it led to, and how many times a step had gradients exchanged.
    """
    dataset = toy_dataset()
    query, document = training_pairs(dataset, "train", max_pairs=settings.max_pairs)
    negatives = toy_negatives().with_columns(weight=(1 + toy_negatives()["document"] % 3) / 3)
    data = TrainingData(dataset, query, document, MinedNegatives(negatives, n_queries=dataset.n_queries))
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


def measure_all(start, *, every=1):
    """Measure every case, or every so-many-th, from the same starting weights."""
    model = SentenceTransformer(str(start), device="cpu").eval()
    return {name: measure(settings, model) for name, settings in list(cases().items())[::every]}


def train_whole_run(start, out):
    """Train from the first step to the saved model; returns the final loss."""
    settings = replace(COMMON, learning_rate=1e-3, precision="fp32")
    return train(start, toy_dataset(), toy_negatives(), settings=settings, out=out).loss


def work(rank, n_processes, port, start, out):
    """Be one process of a group: train together into `out/run`, then write what was measured to `out/RANK.pt`."""
    group = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n_processes, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in group.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "ACCELERATE_USE_CPU": "true"}
    torch.set_num_threads(1)
    loss = train_whole_run(start, out / "run")
    every = 1 if n_processes == 2 else 5  # of a larger group some cases are enough: each loss, each pool
    torch.save((loss, measure_all(start, every=every)), out / f"{rank}.pt")
