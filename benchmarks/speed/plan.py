"""How far is `hardneg plan` from what the other benchmarks measured?

    python benchmarks/speed/plan.py --data FOLDER

Measures nothing but its own trials: it predicts what stands in the results of other rows, from texts of the same
datasets, and gives the factor between the two, whichever is larger. Run it last, on the machine of the other rows.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import corpus
import growth
from hardneg.data.reading import read_dataset
from hardneg.forecast import Calibration, Forecast, Sizes, Texts, Workload, forecast
from hardneg.models.resolve import resolve_model
from measure import Bar, Figures, parser, write_result

FACTOR = 1.5
TINY = Sizes(queries=32, vectors=1_024, indexed=256, mined=64, seconds=0.05, steps=3)


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    predicted: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for row, predict in PREDICTIONS.items():
            # A row that nobody measured needs no prediction; at tiny size one shows that predicting works.
            if (options.results / f"{row}.json").exists() or (options.tiny and row == "growth"):
                predicted |= {f"{row}/{one}": seconds for one, seconds in predict(options, Path(folder)).items()}
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


def predict_growth(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Predict the whole command at each size."""
    documents, queries = corpus.documents(options.data, 8_192), corpus.queries(options.data, 2_048)
    tried, found = _calibration(options, folder, documents, queries), {}
    for source in growth.SOURCES[: 1 if options.tiny else None]:
        for name, (more_queries, more_documents) in growth.SIZES.items():
            work = Workload(
                queries=growth.QUERIES * more_queries,
                documents=growth.DOCUMENTS * more_documents,
                sources=(source,),
                dim=growth.DIM,
                depth=growth.DEPTH,
            )
            found[f"{source}, {name}"] = forecast(work, tried).seconds()
    return found


def predict_dense(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Predict the search, and mining from a dataset in memory; texts are ids."""
    import dense

    texts = [[f"{kind}{number}" for number in range(8_192)] for kind in "dq"]
    size = {"queries": dense.QUERIES, "documents": dense.DOCUMENTS, "dim": dense.DIM, "depth": dense.DEPTH}
    found = forecast(Workload(sources=("vectors",), per_query=3, **size), _calibration(options, folder, *texts))
    search = _stage(found, "search vectors")
    return {"search alone": search, "hardneg": search + _stage(found, "filter, choose, write")}


def predict_encoding(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Predict a document."""
    work = Workload(documents=1, queries=1, sources=("dense",), model=resolve_model(options.model), max_tokens=256)
    return {"hardneg": _stage(forecast(work, _both(options, folder)), "encode documents")}


def predict_cross_encoder(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Predict a pair."""
    import cross_encoder

    cross_encoder.save_cross_encoder(resolve_model(options.model), folder / "teacher")
    work = Workload(documents=1, queries=1, sources=(), teacher=str(folder / "teacher"), score_pairs=1)
    return {"hardneg": _stage(forecast(work, _both(options, folder)), "score by the teacher")}


def predict_training_step(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Predict a step."""
    texts = Texts.of(read_dataset(options.data / "scifact"))
    work = Workload(
        documents=1,
        queries=1,
        sources=(),
        model=resolve_model(options.model),
        max_tokens=160,
        train_steps=1,
        batch_size=64,
    )
    tried = _calibration(options, folder, texts.documents, texts.queries)
    return {"hardneg": _stage(forecast(work, tried), "train")}


PREDICTIONS: dict[str, Callable[[argparse.Namespace, Path], dict[str, float]]] = {
    "growth": predict_growth,
    "dense": predict_dense,
    "encoding": predict_encoding,
    "cross_encoder": predict_cross_encoder,
    "training_step": predict_training_step,
}


def _both(options: argparse.Namespace, folder: Path) -> Calibration:
    """Calibrate on SciFact's and ObliQA's texts."""
    both = [Texts.of(read_dataset(options.data / name)) for name in ("scifact", "obliqa")]
    # In the proportion of the two, as that row takes them.
    documents = [text for each in both for text in each.documents[::10]]
    return _calibration(options, folder, documents, [text for each in both for text in each.queries[:1_024]])


def _calibration(options: argparse.Namespace, folder: Path, documents: list[str], queries: list[str]) -> Calibration:
    texts = Texts(documents, queries, about=f"{len(documents)} documents, the first {documents[0][:60]!r}")
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
