"""How fast is a step of training with mined negatives?

    python benchmarks/speed/training_step.py --data FOLDER --peers PYTHON [--steps 6] [--batch 64] [--max-tokens 160]

Pairs of SciFact with BM25's best document that is no answer, beside sentence-transformers' Trainer with
`MultipleNegativesRankingLoss`, its defaults and its `bf16=True`. Seconds are those of a step, from the seconds that
both state for all steps: the first counts too.
"""

import math
import tempfile
from pathlib import Path

import polars as pl

from hardneg.data.reading import read_dataset
from hardneg.models.given import resolve_model
from hardneg.models.options import Precision
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.sources import BM25
from hardneg.training.folder import TrainingFolder
from hardneg.training.loop import train
from hardneg.training.sampling.batches import training_pairs
from hardneg.training.settings import TrainSettings
from measure import HERE, Bar, Figures, Work, alternate, parser, write_result


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--steps", type=int, default=6)
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--max-tokens", type=int, default=160)
    options = options.parse_args(arguments)
    batch, max_tokens = (4, 64) if options.tiny else (options.batch, options.max_tokens)
    dataset = read_dataset(options.data / "scifact")
    negatives = mine(dataset, sources=[BM25()], filters=[], select=Selection(per_query=1), depth=20).negatives
    query, document = training_pairs(dataset, "train")
    pairs = pl.DataFrame({"query": query, "positive": document}).join(negatives, on="query", maintain_order="left")
    columns = [dataset.query_texts.gather(pairs["query"])]
    columns += [dataset.document_texts.gather(pairs[one]) for one in ("positive", "document")]
    with tempfile.TemporaryDirectory() as folder:
        negatives.write_parquet(Path(folder) / "negatives.parquet")
        given = {
            "model": resolve_model(options.model),
            "data": str(options.data / "scifact"),
            "rows": list(zip(*columns, strict=True)),
            "folder": folder,
            "steps": options.steps,
            "batch": batch,
            "max_tokens": max_tokens,
        }
        works = {"hardneg": Work(Path(__file__), "steps"), "hardneg, float32": Work(Path(__file__), "steps_fp32")}
        if options.peers:
            works["Trainer"] = Work(HERE / "peers_st.py", "train", options.peers)
            works["Trainer, bf16"] = Work(HERE / "peers_st.py", "train_bf16", options.peers)
        measured = alternate(works, given, options)
    bars = []
    for name, bound in (("Trainer", 1.5), ("Trainer, bf16", 1)):
        if name in measured:
            bars.append(Bar(f"times {name}", measured[name]["seconds"] / measured["hardneg"]["seconds"], bound))
    write_result(
        options,
        row="training_step",
        what="training step",
        work=f"{options.steps} steps of {batch} pairs with 1 mined negative each, SciFact, {max_tokens} tokens",
        measured=measured,
        bars=bars,
        checks={
            "the first loss is the same in bfloat16 and float32": math.isclose(
                measured["hardneg"]["first_loss"], measured["hardneg, float32"]["first_loss"], rel_tol=0.05
            )
        },
    )


def steps(given: Figures) -> Figures:
    """Train with the defaults."""
    return _train(given, "auto")


def steps_fp32(given: Figures) -> Figures:
    """Train in float32."""
    return _train(given, "fp32")


def _train(given: Figures, precision: Precision) -> Figures:
    settings = TrainSettings(
        batch_size=given["batch"],
        max_tokens=given["max_tokens"],
        negatives_per_row=1,
        max_steps=given["steps"],
        precision=precision,
    )
    with tempfile.TemporaryDirectory() as folder:
        negatives = pl.read_parquet(Path(given["folder"]) / "negatives.parquet")
        dataset = read_dataset(Path(given["data"]))
        done = train(given["model"], dataset, negatives, settings=settings, out=Path(folder) / "run")
        losses = [one["loss"] for one in TrainingFolder(Path(folder) / "run").records()]
    return {"seconds": done.seconds / given["steps"], "first_loss": losses[0], "loss": sum(losses) / len(losses)}


if __name__ == "__main__":
    main()
