"""What do refreshes cost, as a share of training, and how much do they change the negatives?

    python benchmarks/speed/refresh.py --data FOLDER [--every 50] [--epochs 4] [--batch 64] [--max-tokens 160] [--all]

SciFact, one dense negative a pair below 0.95 of the positive, with candidates scored again and with a full refresh in
the loop; `--all` adds training without one, and a full one in a second process. Each refresh states its seconds, the
steps that training went on meanwhile (`lag`), the share of negatives that stayed, and the mean score of old and new
with the new weights.
"""

import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median

from hardneg.data.reading import read_dataset
from hardneg.filters import NearDuplicate, PositiveMargin
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Mode, Refresh
from hardneg.training.settings import TrainSettings
from measure import Bar, Figures, Work, alternate, parser, write_result

SHARE = 0.25


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--every", type=int, default=50)
    options.add_argument("--epochs", type=int, default=4)
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--max-tokens", type=int, default=160)
    options.add_argument("--all", action="store_true")
    options = options.parse_args(arguments)
    given: Figures = {"data": str(options.data / "scifact"), "model": options.model, "every": options.every}
    given |= {"epochs": options.epochs, "batch": options.batch, "max_tokens": options.max_tokens}
    if options.tiny:
        given |= {"every": 4, "epochs": 2, "batch": 4, "max_tokens": 64}
    modes = ("rescore", "full", *(("none", "second_process") if options.all else ()))
    measured = alternate({name: Work(Path(__file__), name) for name in modes}, given, options)
    epoch = measured["full"]["epoch_s"]
    longest = median(one["seconds"] for one in measured["full"]["refreshes"])
    write_result(
        options,
        row="refresh",
        what="refresh",
        work=f"SciFact, batch {given['batch']}, {given['max_tokens']} tokens, every {given['every']} steps of "
        f"{measured['full']['steps']}",
        measured=measured,
        bars=[
            Bar("of training time for `rescore`", measured["rescore"]["share"], SHARE, at_most=True),
            Bar("of the time of an epoch for a full refresh", longest / epoch, 1, at_most=True),
        ],
        checks={
            f"{name}: every refresh was made": _all_made(measured[name]["refreshes"]) for name in ("rescore", "full")
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
    waited = sum(one.waited for one in done.refreshes)
    return {
        "seconds": done.seconds,
        "steps": done.n_steps,
        "epoch_s": (done.seconds - waited) / given["epochs"],
        "share": max((one.share for one in done.refreshes), default=0.0),
        "refreshes": [asdict(one) for one in done.refreshes],
    }


if __name__ == "__main__":
    main()
