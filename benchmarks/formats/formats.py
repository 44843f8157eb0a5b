"""What `hardneg export` writes, read by the peers' own installed loaders, each in its own environment.

    make formats [PEER=FlagEmbedding]

An environment for each peer of `peers.toml` is made below `--venvs`, unless `--python NAME=PATH` names one that is
there. A dataset with all that formats stumble over is exported, the peer's loader is asked for (query, positive,
negative) and scores, and both must be what was mined. `--contracts` asks no peer: it compares each form with what its
reader's documents say, and has hardneg read it back; of a peer that cannot be installed that is all there is. Results
are kept in `results/`, one file a peer; the table of docs/formats.md is made of them.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "tests")]

import hardneg as hn  # noqa: E402
from exported_toy import READ_BACK, meant, odd_dataset, odd_negatives, pairs_meant, scores_meant  # noqa: E402
from hardneg.exports import FORMS  # noqa: E402
from layout_readers import READERS  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Try each peer; 1 if a form was read otherwise than it was meant."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--venvs", type=Path, default=Path(".venv-formats"), help="where environments are made")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="an environment there is")
    parser.add_argument("--peer", action="append", help="one peer; all if not given")
    parser.add_argument("--contracts", action="store_true", help="compare with the documents alone")
    options = parser.parse_args(argv)
    if options.contracts:
        return contracts()
    peers = tomllib.loads((HERE / "peers.toml").read_text(encoding="utf-8"))
    given = dict(each.split("=", 1) for each in options.python)
    failures = 0
    for name in options.peer or peers:
        peer = peers[name]
        if "contract" in peer:
            rows = [{"form": form, "result": peer["contract"]} for form in peer["forms"]]
            keep(peer["loader"], {"peer": name, "python": platform.python_version(), "forms": rows})
            continue
        python = given.get(name) or environment(
            options.venvs / name.replace(" ", "-"), peer["install"], peer.get("bare", [])
        )
        rows = [tried(str(python), peer["loader"], form) for form in peer["forms"]]
        failures += sum(row["result"] != "read as meant" for row in rows)
        for row in rows:
            print(f"{name} {row.get('version', '')}: {row['form']}: {row['result']}")
        keep(peer["loader"], {"peer": name, "python": platform.python_version(), "forms": rows})
    return int(failures > 0)


def keep(name: str, content: dict) -> None:
    """Write results."""
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def contracts() -> int:
    """Compare each form with its documents, and read it back."""
    dataset, negatives = odd_dataset(), odd_negatives()
    rows = []
    for form, layout in FORMS.items():
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / (f"rows{layout.suffixes[0]}" if layout.suffixes else "folder")
            hn.export(dataset, negatives, form=form, path=path)
            row = {"form": form}
            if form in READERS:
                row["documents"] = "as meant" if READERS[form](path)[0] == meant(dataset, negatives) else "otherwise"
            if form in READ_BACK:
                back = read_back(form, path)
                row["back"] = "as meant" if back == pairs_meant(dataset, negatives, form) else "otherwise"
            rows.append(row)
    keep("hardneg", {"peer": "hardneg", "python": platform.python_version(), "forms": rows})
    return int("otherwise" in {value for row in rows for value in row.values()})


def read_back(form: str, path: Path) -> set[tuple[str, str, bool]]:
    """Read an export as a dataset: (query, document, whether it answers)."""
    options = {name: path / file for name, file in READ_BACK[form].items()}
    read = hn.read_dataset(path / "train.jsonl" if form == "tevatron" else path, mapping=options)
    query, document = read.query_texts.to_list(), read.document_texts.to_list()
    return {(query[q], document[d], grade > 0) for q, d, grade, _ in read.qrels.iter_rows()}


def environment(folder: Path, packages: Sequence[str], bare: Sequence[str]) -> Path:
    """Make an environment with a peer in it, and give its Python; `bare` packages come without what they name."""
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True)
        (folder / "torch.txt").write_text(pinned("torch"), encoding="utf-8")
        pip = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", folder / "torch.txt"]
        subprocess.run([*pip, *packages], check=True)
        if bare:
            subprocess.run([*pip, "--no-deps", *bare], check=True)
        (folder / "done").touch()
    return python


def pinned(package: str) -> str:
    """Give the line of constraints.txt for a package; torch left open comes with gigabytes of CUDA."""
    lines = (HERE.parents[1] / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{package}==")) + "\n"


def tried(python: str, loader: str, form: str) -> dict[str, str]:
    """Export in a form, with scores where it has them, and ask a loader what it reads."""
    dataset, negatives = odd_dataset(), odd_negatives()
    layout = FORMS[form]
    scored = layout.scores != "never" and not form.startswith("labeled")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / (f"rows{layout.suffixes[0]}" if layout.suffixes else "folder")
        hn.export(dataset, negatives, form=form, path=path, scores=scored and layout.scores == "asked")
        script = HERE / "loaders" / f"{loader}.py"  # -P, or it would be imported as the peer of its name
        command = [python, "-P", str(script), form, str(path), *(["scored"] if scored else [])]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        return {"form": form, "result": f"cannot be loaded: {run.stderr.strip().splitlines()[-1]}"}
    read = json.loads(run.stdout.strip().splitlines()[-1])
    result = "read as meant"
    by = read.get("by", "text")
    if {tuple(each) for each in read["triples"]} != meant(dataset, negatives, by=by):
        result = "read otherwise"
    wanted, values = scores_meant(dataset, negatives, by=by), {(q, n): score for q, n, score in read["scores"]}
    if values and not all(abs(values[pair] - score) < 1e-6 for pair, score in wanted.items()):
        result = "other scores"
    return {"form": form, "version": read["version"], "scores": "read" if values else "not read", "result": result}


if __name__ == "__main__":
    raise SystemExit(main())
