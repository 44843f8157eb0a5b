"""What a training step keeps for the way back: all of it, one chunk's (gradient cache), or layers' inputs alone.

    python benchmarks/way_back.py --data DATA --batch 64 --max-tokens 128

Each way has a process of its own, whose peak memory is that of three steps beside what was there before them.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from hardneg.costs.machine import identity
from hardneg.training.passes.recomputing import recompute_layers
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from one_step import Steps, add_options

WAYS = {
    "all": {},
    "gradient cache (2,048 tokens)": {"cache_tokens": 2_048},
    "gradient checkpointing": {"gradient_checkpointing": True},
}


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--way", choices=WAYS, help="measure one way in this process")
    options = parser.parse_args()
    if options.way:
        print(json.dumps(_measure(options)))
        return
    print(f"{identity()['cpu']}, batches of {options.batch}, {options.max_tokens} tokens, {options.dataset}\n")
    print("| kept for the way back | MiB | seconds of a step |")
    print("| --- | ---: | ---: |")
    for way in WAYS:
        command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"| {way} | {figures['mib']:,.0f} | {figures['seconds']:.2f} |")


def _measure(options: Namespace) -> dict[str, float]:
    steps = Steps(options)
    settings = TrainSettings(batch_size=options.batch, **WAYS[options.way])
    if settings.gradient_checkpointing:
        recompute_layers(steps.towers.model)
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    taken = list(
        steps.seconds(lambda step: compute_gradient(step, steps.data, steps.towers, steps.accelerator, settings))
    )
    return {"mib": (_memory("VmHWM") - before) / 1024, "seconds": min(seconds for seconds, _ in taken)}


def _memory(name: str) -> int:
    """KiB of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
