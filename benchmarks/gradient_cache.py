"""What does the gradient cache cost, and what memory does it save?

    python benchmarks/gradient_cache.py --data FOLDER [--dataset nl2bash] [--batch 64] [--cache-tokens 4096]
    python benchmarks/gradient_cache.py --data FOLDER --batch 4096 --only cached

Takes the same in-batch steps plainly and with the cache, each in a process of its own, in turn. Prints one JSON object:
for each the best step's seconds (of the processor and of the clock) and the peak memory, and the ratios cached / plain.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import torch

import one_step
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    one_step.add_options(parser)
    parser.add_argument("--cache-tokens", type=int, default=4096)
    parser.add_argument("--only", choices=["plain", "cached"], help="for batches of which the plain step does not fit")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--child", choices=["plain", "cached"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_measure(options)))
        return
    found: dict = {name: getattr(options, name) for name in ("dataset", "batch", "max_tokens", "cache_tokens")}
    modes = [options.only] if options.only else ["plain", "cached"]
    for _ in range(options.repeats):
        for mode in modes:
            run = [sys.executable, __file__, *sys.argv[1:], "--child", mode]
            measured = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout)
            found[mode] = {key: min(value, found.get(mode, measured)[key]) for key, value in measured.items()}
    if not options.only:
        found["cached / plain"] = {key: round(found["cached"][key] / found["plain"][key], 3) for key in found["plain"]}
    print(json.dumps(found, indent=2))


def _measure(options: argparse.Namespace) -> dict[str, float]:
    steps = one_step.Steps(options)
    settings = TrainSettings(
        batch_size=options.batch, cache_tokens=options.cache_tokens if options.child == "cached" else None
    )
    times = list(
        steps.seconds(lambda step: compute_gradient(step, steps.data, steps.towers, steps.accelerator, settings))
    )
    best = {"processor_s": min(t[0] for t in times), "clock_s": min(t[1] for t in times)}
    if torch.cuda.is_available():
        return best | {"peak_gb": torch.cuda.max_memory_allocated() / 1e9}
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return best | {"peak_gb": int(status["VmHWM"].split()[0]) * 1024 / 1e9}


if __name__ == "__main__":
    main()
