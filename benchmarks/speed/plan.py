"""How far is `hardneg plan` from what the other benchmarks measured?

    python benchmarks/speed/plan.py --data FOLDER

Measures nothing but its own trials: it predicts what stands in the results of the other rows, from texts of the same
datasets, and gives the factor between the two, whichever is larger. Run it last, on the machine of the other rows.
"""

import argparse
import json
import tempfile
from pathlib import Path

import corpus
import cross_encoder
import encoding
import growth
from measure import Bar, Figures, parser, write_result
from sampling import texts_of

from hardneg.data.reading import read_dataset
from hardneg.forecast import Calibration, Forecast, Sizes, Texts, Workload, forecast
from hardneg.models.resolve import resolve_model

FACTOR = 1.5
TINY = Sizes(queries=32, vectors=1_024, indexed=256, mined=64, seconds=0.05, steps=3)


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        predicted = predictions(options, Path(folder))
    measured: dict[str, Figures] = {}
    for name, seconds in predicted.items():
        found = _measured(name, options.results)
        if found is not None:
            off = max(found / seconds, seconds / found)
            measured[name] = {"seconds": found, "predicted_s": round(seconds, 4), "times_off": round(off, 3)}
    write_result(
        options,
        row="plan",
        what="plan",
        work="predictions from trials of some seconds each, against the other rows",
        measured=measured,
        bars=[Bar(f"times off, {name}", one["times_off"], FACTOR, at_most=True) for name, one in measured.items()],
        checks={"every prediction is a time": all(seconds > 0 for seconds in predicted.values())},
    )


def predictions(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Predict seconds, by row and contender as the results name them."""
    model, found = resolve_model(options.model), {}
    mined = _calibration(options, folder, corpus.documents(options.data, 8_192), corpus.queries(options.data, 2_048))
    for name, (queries, documents) in growth.SIZES.items():
        size = {"queries": growth.QUERIES * queries, "documents": growth.DOCUMENTS * documents}
        for source in growth.SOURCES:
            work = Workload(sources=(source,), dim=growth.DIM, depth=growth.DEPTH, **size)
            found[f"growth/{source}, {name}"] = forecast(work, mined).seconds()
    queries = read_dataset(options.data / "scifact").query_texts.to_list()
    both = _calibration(options, folder, texts_of(options.data, encoding.SETS, every=10), queries)
    encoded = Workload(documents=1, queries=1, sources=("dense",), model=model, max_tokens=64 if options.tiny else 256)
    found["encoding/hardneg"] = _stage(forecast(encoded, both), "encode documents")
    cross_encoder.save_cross_encoder(model, folder / "teacher")
    scored = Workload(documents=1, queries=1, sources=(), teacher=str(folder / "teacher"), score_pairs=1)
    found["cross_encoder/hardneg"] = _stage(forecast(scored, both), "score by the teacher")
    one = Texts.of(read_dataset(options.data / "scifact"))
    taught = Workload(
        documents=1,
        queries=1,
        sources=(),
        model=model,
        max_tokens=64 if options.tiny else 160,
        train_steps=1,
        batch_size=4 if options.tiny else 64,
    )
    scifact = _calibration(options, folder, one.documents, one.queries)
    found["training_step/hardneg"] = _stage(forecast(taught, scifact), "train")
    return found


def _calibration(options: argparse.Namespace, folder: Path, documents: list[str], queries: list[str]) -> Calibration:
    texts = Texts(documents, queries, about=f"{len(documents)} documents, {len(queries)} queries")
    return Calibration(folder / "calibration", texts, sizes=TINY if options.tiny else Sizes())


def _stage(found: Forecast, name: str) -> float:
    return next(stage.seconds for stage in found.stages if stage.name == name)


def _measured(name: str, results: Path) -> float | None:
    """Look up the seconds of a contender, of one document or pair where the prediction is for one."""
    row, contender = name.split("/")
    path = results / f"{row}.json"
    if not path.exists():
        return None
    figures = json.loads(path.read_text(encoding="utf-8"))["measured"][contender]
    for rate in ("documents_per_s", "pairs_per_s"):
        if rate in figures:
            return 1 / figures[rate]
    return figures["seconds"]


if __name__ == "__main__":
    main()
