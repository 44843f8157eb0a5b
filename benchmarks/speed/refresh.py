"""What do refreshes cost, as a share of training, and how much do they change the negatives?

    python benchmarks/speed/refresh.py --data FOLDER [--every 50] [--epochs 5] [--batch 32] [--max-tokens 160]

SciFact, one dense negative a pair below 0.95 of the positive, trained without a refresh and with each mode: full in
the loop, candidates scored again, full in a second process. Each refresh states its seconds, the steps that training
went on meanwhile (`lag`), the share of negatives that stayed, and the mean score of old and new with the new weights.
"""

import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median

from measure import Bar, Figures, Work, alternate, parser, write_result

from hardneg.data.reading import read_dataset
from hardneg.filters import NearDuplicate, PositiveMargin
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.sources import Dense
from hardneg.training.folder import TrainingFolder
from hardneg.training.loop import train
from hardneg.training.refresh import Mode, Refresh
from hardneg.training.settings import TrainSettings

SHARE = 0.25


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--every", type=int, default=50)
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--max-tokens", type=int, default=160)
    options = options.parse_args(arguments)
    given: Figures = {"data": str(options.data / "scifact"), "model": options.model, "every": options.every}
    given |= {"epochs": options.epochs, "batch": options.batch, "max_tokens": options.max_tokens}
    if options.tiny:
        given |= {"every": 4, "epochs": 2, "batch": 4, "max_tokens": 64}
    works = {name: Work(Path(__file__), name) for name in ("none", "rescore", "full", "second_process")}
    measured = alternate(works, given, options)
    epoch = measured["none"]["epoch_s"]
    longest = median(one["seconds"] for one in measured["full"]["refreshes"])
    write_result(
        options,
        row="refresh",
        what="refresh",
        work=f"SciFact, batch {given['batch']}, {given['max_tokens']} tokens, every {given['every']} steps of "
        f"{measured['none']['steps']}",
        measured=measured,
        bars=[
            Bar("of training time for `rescore`", measured["rescore"]["share"], SHARE, at_most=True),
            Bar("of the time of an epoch for a full refresh", longest / epoch, 1, at_most=True),
        ],
        checks={
            f"{name}: every refresh was made": bool(one["refreshes"])
            and all(r["problem"] is None for r in one["refreshes"])
            for name, one in measured.items()
            if name != "none"
        },
    )


def _all_made(refreshes: list[Figures]) -> bool:
    return bool(refreshes) and all(one["problem"] is None for one in refreshes)


def none(given: Figures) -> Figures:
    """Train without a refresh."""
    return _train(given, None)


def rescore(given: Figures) -> Figures:
    """Score the candidates again."""
    return _train(given, "rescore")


def full(given: Figures) -> Figures:
    """Mine in full while training waits."""
    return _train(given, "sync")


def second_process(given: Figures) -> Figures:
    """Mine in full while training goes on."""
    return _train(given, "async")


def _train(given: Figures, mode: Mode | None) -> Figures:
    dataset = read_dataset(Path(given["data"]))
    found = mine(
        dataset,
        sources=[Dense(model=given["model"])],
        filters=[NearDuplicate(), PositiveMargin(ratio=0.95, score="dense")],
        select=Selection(per_query=4, shortage="fill_random"),
    )
    settings = TrainSettings(
        max_tokens=given["max_tokens"],
        batch_size=given["batch"],
        negatives_per_row=1,
        epochs=given["epochs"],
        refresh=None if mode is None else Refresh(every=given["every"], mode=mode),
    )
    with tempfile.TemporaryDirectory() as folder:
        out, plan = Path(folder) / "run", None if mode is None else found.plan
        done = train(given["model"], dataset, found.negatives, settings=settings, plan=plan, out=out)
        steps = TrainingFolder(out).records()
    return {
        "seconds": done.seconds,
        "steps": len(list(steps)),
        "epoch_s": done.seconds / given["epochs"],
        "share": max((one.share for one in done.refreshes), default=0.0),
        "refreshes": [asdict(one) for one in done.refreshes],
    }


if __name__ == "__main__":
    main()
