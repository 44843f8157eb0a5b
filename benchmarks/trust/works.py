"""The commands that are disturbed, each with a folder of its own that it writes into."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from case import Case, contents

# Files that say how long something took, or when it was, and the caches of a command.
_TIMES = ("manifest.json", "training.json", "loss.jsonl", "refresh.jsonl", "report.html", "ladder.json", "plan.json")
_TIMES += ("fit.json", "draft.json", "report.json", "comparison.json", "miner.log", "README.md", "watch.jsonl")
_TIMES += ("teacher.json", "s.json", "scores.json")
_LEFT_OUT = ("tasks", "cache", "refresh", "speeds")

SMALL = ("batch_size=4", "precision=fp32")


@dataclass(frozen=True)
class Work:
    """A command, and the folder that it writes into."""

    name: str
    arguments: Callable[[Path], list[str]]
    is_same: bool = True  # whether it ends with the same bytes whenever it is stopped


def works(case: Case) -> dict[str, Work]:
    """List the commands, and make what they start from."""
    mined = case.made("mined", case.mine)
    scorer, model, data = f"bi_encoder(model='{case.model}')", str(case.model), str(case.data)
    train = [
        "train",
        "--negatives",
        str(mined),
        "--model",
        model,
        "--quiet",
        *settings("epochs=2", "checkpoint_every=2"),
    ]
    recipes = {mode: write_recipe(case, mode) for mode in ("sync", "async")}
    cross = ["--max-tokens", "32", "--precision", "fp32", "--batch-size", "16", "--depth", "10", "--evaluate", "8"]
    teacher = ["teacher", "train", data, "--negatives", str(mined), "--model", model, "--quiet", *cross]
    chosen = [
        Work("mine", case.mine),
        Work("train", lambda out: [*train, "-o", str(out)]),
        Work("run, refreshed", lambda out: ["run", str(recipes["sync"]), "-o", str(out), "--quiet"]),
        Work("run, refreshed async", lambda out: ["run", str(recipes["async"]), "-o", str(out), "--quiet"], False),
        Work("score", lambda out: ["score", str(mined), "--scorer", scorer, "-o", f"{out}/s.parquet", "--quiet"]),
        Work("teacher train", lambda out: [*teacher, "-o", str(out)]),
        Work("encode", lambda out: ["encode", data, "--model", model, "-o", str(out), "--quiet"]),
        Work("evaluate", lambda out: ["evaluate", data, "--model", model, "-o", str(out), "--quiet"]),
        Work("audit", lambda out: ["audit", "planted", data, "--source", "bm25", "-o", str(out), "--quiet"]),
        Work("ladder", lambda out: ladder(case, out)),
        Work("fit", lambda out: fit(case, out)),
        Work("export", lambda out: ["export", str(mined), "-o", f"{out}/e.jsonl", "--quiet"]),
        Work("data split", lambda out: ["data", "split", data, "--again", "--quiet", "-o", str(out / "dealt")]),
    ]
    return {work.name: work for work in chosen}


def settings(*more: str) -> list[str]:
    """Settings of a tiny training."""
    return [part for setting in (*SMALL, *more) for part in ("--set", setting)]


def ladder(case: Case, out: Path) -> list[str]:
    """A ladder of two rungs."""
    sizes = ["--seeds", "1", "--budget-steps", "4", "--yes", "--quiet", *settings()]
    rungs = [part for rung in ("zero_shot", "mined_filtered") for part in ("--rung", rung)]
    dense = ["--source", "dense(precision='fp32')"]
    return ["ladder", str(case.data), "-o", str(out), "--model", str(case.model), *dense, *sizes, *rungs]


def fit(case: Case, out: Path) -> list[str]:
    """A fit of two strategies."""
    sizes = ["--steps", "4", "--strategy", "in_batch", "--strategy", "mined_many", "--quiet", *settings()]
    return [
        "fit",
        str(case.data),
        "-o",
        str(out),
        "--model",
        str(case.model),
        "--source",
        "dense(precision='fp32')",
        *sizes,
    ]


def review(mined: Path, out: Path) -> list[str]:
    """The verdicts of a review so far."""
    return ["review", str(mined), "--database", f"{out}/v.sqlite", "--export", f"{out}/v.jsonl", "--json"]


def write_recipe(case: Case, mode: str) -> Path:
    """Write a recipe whose negatives are mined again while it trains."""
    path = case.place / f"{mode}.toml"
    path.write_text(
        f'dataset = "{case.data}"\nmodel = "{case.model}"\n[[sources]]\nuse = "dense"\nprecision = "fp32"\n'
        "[mine]\ndepth = 8\nblock_size = 8\n[select]\nper_query = 2\n"
        '[train]\nbatch_size = 4\nepochs = 2\nprecision = "fp32"\ncheckpoint_every = 2\n'
        f'[train.refresh]\nevery = 4\nmode = "{mode}"\n[evaluate]\nrows = ["zero_shot"]\ndepth = 10\n'
    )
    return path


def result(folder: Path) -> dict[str, bytes]:
    """What a folder holds but for times, where it is, and what is on its way."""
    return {
        name: content.replace(str(folder).encode(), b"FOLDER")
        for name, content in contents(folder).items()
        if Path(name).name not in _TIMES
        and not any(part.startswith(".") or part in _LEFT_OUT for part in Path(name).parts)
        and ".sqlite" not in name
    }


def kind(name: str) -> str:
    """Name what a file is, without its numbers and hashes: all parts of a table are one kind."""
    plain = re.sub(r"[0-9a-f]{16,}", "#", name)
    return re.sub(r"\d+(\.\d+)?(e-?\d+)?", "#", plain)


class cache_in:  # noqa: N801 - a context
    """Keep the cache in a folder, so that it is what the command left there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        self.before = os.environ["HARDNEG_CACHE"]
        os.environ["HARDNEG_CACHE"] = str(self.folder / "cache")

    def __exit__(self, *_: object) -> None:
        os.environ["HARDNEG_CACHE"] = self.before


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Name the files that are not the same."""
    return [name for name in sorted(one | other) if one.get(name) != other.get(name)]


def by_kind(names: list[str]) -> Iterator[str]:
    """Give one file of each kind, then the next of each, and so on, without end."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(kind(name), []).append(name)
    turn = 0
    while groups:
        yield from (group[turn % len(group)] for group in groups.values())
        turn += 1
