"""What do refreshes cost, as a share of training, and how much do they change the negatives?

    python benchmarks/refresh_cost.py --data FOLDER [--dataset scifact] [--every 25] [--epochs 2] [--runs runs/refresh]

The pairs and settings of benchmarks/levers.py (dense negatives below 0.95 of the positive), trained without a refresh,
then with each mode in turn: full in the loop, candidates scored again, full in a second process. Figures are written to
benchmarks/results/refresh_cost_NAME.json: seconds of training, of them waited for refreshes, and for each refresh the
seconds, the lag in steps, the share of negatives that stayed, and the mean score of old and new under the new weights.
"""

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from filters_training import MODEL, SPLITS, TRAIN_TOKENS, TRAINED, with_trained
from hardneg.data.reading import read_dataset
from hardneg.training.loop import train
from hardneg.training.refresh import Refresh
from hardneg.training.settings import TrainSettings
from levers import mined

RESULTS = Path(__file__).parent / "results"
MODES = ("sync", "rescore", "async")


def main() -> None:
    """Train once a mode, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dataset", default="scifact", choices=list(SPLITS))
    parser.add_argument("--every", type=int, default=25)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs/refresh"))
    arguments = parser.parse_args()
    dataset = with_trained(read_dataset(arguments.data / arguments.dataset), SPLITS[arguments.dataset])
    found = mined(dataset, arguments.dataset, "dense_filtered", arguments.runs)
    rows = []
    for mode in (None, *MODES):
        settings = TrainSettings(
            max_tokens=TRAIN_TOKENS,
            negatives_per_row=1,
            learning_rate=3e-5,
            epochs=arguments.epochs,
            refresh=mode and Refresh(every=arguments.every, mode=mode),
        )
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            plan = found.plan if mode else None
            trained = train(
                MODEL, dataset, found.negatives, settings=settings, plan=plan, split=TRAINED, out=Path(folder) / "run"
            )
            seconds = time.perf_counter() - started
            shutil.rmtree(trained.path)
        rows.append(
            {
                "mode": mode or "none",
                "steps": trained.n_steps,
                "seconds": round(seconds, 1),
                "share": max((each.share for each in trained.refreshes), default=0.0),
                "refreshes": [asdict(each) for each in trained.refreshes],
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    (RESULTS / f"refresh_cost_{arguments.dataset}.json").write_text(json.dumps(rows, indent=2) + "\n")
    print("| mode | steps | seconds | against none | refreshes | seconds each | lag | stayed | old → new score |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        each = [one for one in row["refreshes"] if one["problem"] is None]
        cells = [row["mode"], row["steps"], row["seconds"], f"{row['seconds'] / rows[0]['seconds']:.2f}", len(each)]
        cells += [", ".join(f"{one['seconds']:.0f}" for one in each), ", ".join(str(one["lag"]) for one in each)]
        cells += [", ".join(f"{one['overlap']:.2f}" for one in each)]
        cells += [", ".join(f"{one['old_score']:.3f} → {one['new_score']:.3f}" for one in each)]
        print(f"| {' | '.join(str(cell) for cell in cells)} |")


if __name__ == "__main__":
    main()
