"""How fast is a step of the gradient cache, in which memory, and is its gradient the same?

    python benchmarks/speed/gradient_cache.py --data FOLDER --peers PYTHON [--batch 1024] [--chunk 32]
    python benchmarks/speed/gradient_cache.py --data FOLDER --dataset nl2bash --batch 64 --plain     beside no cache

In-batch steps over pairs of ObliQA without dropout, beside `CachedMultipleNegativesRankingLoss`. Its chunks have so
many texts; ours are counted in padded tokens, about as many as so many texts of ObliQA have.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
from accelerate import Accelerator

from hardneg.data.dataset import Dataset
from hardneg.models.given import resolve_model
from hardneg.models.loading import choose_precision
from hardneg.models.options import Precision
from hardneg.models.towers import prompt_of
from hardneg.training.inputs import load_for_training
from hardneg.training.passes.embedding import TwoTowers, cutting_texts
from hardneg.training.plan import Step, TrainingData
from hardneg.training.sampling.batches import MinedNegatives, training_pairs
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from measure import HERE, Bar, Figures, Work, alternate, parser, write_result
from sampling import SPLITS, pairs_of

Gradient = dict[str, torch.Tensor]


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--dataset", default="obliqa", choices=list(SPLITS))
    options.add_argument("--batch", type=int, default=1024)
    options.add_argument("--chunk", type=int, default=32)
    options.add_argument("--cache-tokens", type=int, default=2048)
    options.add_argument("--max-tokens", type=int, default=128)
    options.add_argument("--steps", type=int, default=1, help="steps to measure in a process")
    options.add_argument("--plain", action="store_true", help="beside a step without the cache; peers are left out")
    options = options.parse_args(arguments)
    pairs = one_to_one(pairs_of(options.data / options.dataset, SPLITS[options.dataset]))[: options.batch]
    given: Figures = {"pairs": pairs, "chunk": options.chunk, "steps": options.steps}
    given["cache_tokens"] = options.cache_tokens
    given |= {"model": resolve_model(options.model), "max_tokens": 64 if options.tiny else options.max_tokens}
    ours = {"hardneg": "cached", "hardneg, float32": "cached_fp32"}
    ours |= {"hardneg, no cache": "plain"} if options.plain else {}
    works = {name: Work(Path(__file__), function) for name, function in ours.items()}
    if options.peers and not options.plain:
        peers = {"cached loss": "cached_step", "cached loss, bf16": "cached_step_bf16"}
        works |= {name: Work(HERE / "peers_st.py", function, options.peers) for name, function in peers.items()}
    with tempfile.TemporaryDirectory() as folder:
        measured = alternate(works, given | {"folder": folder}, options)
        found = {path.stem: torch.load(path) for path in Path(folder).iterdir()}
    few = given | {"pairs": pairs[: 2 * options.chunk]}
    cached, plain = gradient(few, "fp32", cache=True), gradient(few, "fp32", cache=False)
    checks = {"the float32 gradient is that of the whole batch at once": apart(cached, plain) < 1e-3}
    if "cached_step" in found:
        checks["it is that of the cached loss"] = apart(found["cached_fp32"], found["cached_step"]) < 1e-3
    write_result(
        options,
        row="gradient_cache",
        what="gradient cache",
        work=f"a step over {len(pairs):,} pairs of {options.dataset}, {given['max_tokens']} tokens, "
        f"chunks of {options.chunk}",
        measured=measured,
        bars=bars_of(measured),
        checks=checks,
    )


def bars_of(measured: dict[str, Figures]) -> list[Bar]:
    """Hold our steps against the peer's, each precision against its like, and the defaults against each other."""
    bars = []
    for words, one, other in (
        ("both with their defaults", "hardneg", "cached loss"),
        ("both in float32", "hardneg, float32", "cached loss"),
        ("both in bf16", "hardneg", "cached loss, bf16"),
    ):
        if other in measured:
            ours, theirs = measured[one], measured[other]
            bars.append(Bar(f"times the cached loss, {words}", theirs["seconds"] / ours["seconds"], 1.3))
            bars.append(Bar(f"of its memory, {words}", ours["peak_mb"] / theirs["peak_mb"], 1, at_most=True))
    return bars


def cached(given: Figures) -> Figures:
    """Take steps with the cache."""
    return _steps(given, "auto", cache=True, name="cached")


def cached_fp32(given: Figures) -> Figures:
    """Take steps with the cache in float32."""
    return _steps(given, "fp32", cache=True, name="cached_fp32")


def plain(given: Figures) -> Figures:
    """Take steps without the cache."""
    return _steps(given, "auto", cache=False, name="plain")


def gradient(given: Figures, precision: Precision, *, cache: bool) -> Gradient:
    """Take one step, and give the gradient of every weight."""
    with tempfile.TemporaryDirectory() as folder:
        _steps(given | {"steps": 1, "folder": folder}, precision, cache=cache, name="gradient")
        found: Gradient = torch.load(Path(folder) / "gradient.pt")
        return found


def apart(one: Gradient, other: Gradient) -> float:
    """Say how far two gradients are from each other, as a share of the length of the second."""
    shared = [name for name in other if name in one]
    if len(shared) < len(other):
        raise SystemExit(f"no gradient for {sorted(set(other) - set(shared))[:3]}")
    distance = sum(float((one[name] - other[name]).double().square().sum()) for name in shared)
    return float((distance / sum(float(other[name].double().square().sum()) for name in shared)) ** 0.5)


def _steps(given: Figures, precision: Precision, *, cache: bool, name: str) -> Figures:
    data = _data(given["pairs"])
    settings = TrainSettings(
        batch_size=len(given["pairs"]),
        cache_tokens=given["cache_tokens"] if cache else None,
        max_grad_norm=None,
    )
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    model = load_for_training(given["model"], settings, device=accelerator.device)
    towers = TwoTowers(
        model,
        query_prompt=prompt_of(model, "query"),
        document_prompt=prompt_of(model, "document"),
        bf16=choose_precision(precision, accelerator.device) == "bf16",
    )
    everything = np.arange(len(given["pairs"]))
    with cutting_texts(model, given["max_tokens"]):
        compute_gradient(Step(0, [everything[: given["chunk"]]]), data, towers, accelerator, settings)
        started = time.perf_counter()
        for _ in range(given["steps"]):
            towers.zero_grad()
            measured = compute_gradient(Step(0, [everything]), data, towers, accelerator, settings)
        seconds = (time.perf_counter() - started) / given["steps"]
    of = {one: weight.grad for one, weight in model.named_parameters() if weight.grad is not None}
    torch.save(of, Path(given["folder"]) / f"{name}.pt")
    return {"seconds": seconds, "loss": measured.loss}


def one_to_one(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave pairs in which every query and document comes once, so that no loss has anything to mask."""
    found: list[tuple[str, str]] = []
    taken: set[str] = set()
    for pair in pairs:
        texts = {" ".join(text.casefold().split()) for text in pair}
        if not texts & taken:
            found.append(pair)
            taken |= texts
    return found


def _data(pairs: list[tuple[str, str]]) -> TrainingData:
    queries, documents = zip(*pairs, strict=True)
    ids = [str(at) for at in range(len(pairs))]
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": ids, "text": queries}),
        pl.DataFrame({"id": ids, "text": documents}),
        pl.DataFrame({"query_id": ids, "doc_id": ids, "relevance": [1] * len(ids), "split": ["train"] * len(ids)}),
    )
    return TrainingData(dataset, *training_pairs(dataset, "train"), MinedNegatives(None, n_queries=len(ids)))


if __name__ == "__main__":
    main()
