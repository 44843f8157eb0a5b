"""How far is `hardneg estimate` from what the other benchmarks measured?

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
from hardneg.costs import Estimate, Sizes, Texts, Trials, Workload, forecast
from hardneg.data.reading import read_dataset
from hardneg.models.given import resolve_model
from hardneg.randomness import permutation
from measure import Bar, Figures, parser, write_result

FACTOR = 1.5
TINY = Sizes(documents=64, queries=32, seconds=0.05, steps=3)
RATES = ("documents_per_s", "pairs_per_s")  # of which one document or pair is predicted
Predicted = dict[tuple[str, str], float]  # by contender and figure


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    predicted: dict[str, Predicted] = {}
    with tempfile.TemporaryDirectory() as folder:
        for row, predict in PREDICTIONS.items():
            # A row that nobody measured needs no prediction; at tiny size one shows that predicting works.
            if (options.results / f"{row}.json").exists() or (options.tiny and row == "growth"):
                predicted[row] = predict(options, Path(folder))
    measured: dict[str, Figures] = {}
    for row, figures in predicted.items():
        for (contender, figure), seconds in figures.items():
            found = _measured(row, contender, figure, options.results)
            if found is not None:
                name = f"{row}/{contender}" + ("" if figure == "seconds" else f", {figure}")
                off = max(found / seconds, seconds / found)
                measured[name] = {"seconds": found, "predicted_s": round(seconds, 4), "times_off": round(off, 3)}
    write_result(
        options,
        row="plan",
        what="plan",
        work="predictions from trials of some seconds each, against the other rows",
        measured=measured,
        bars=[Bar(f"times off, {name}", one["times_off"], FACTOR, at_most=True) for name, one in measured.items()],
        checks={"every prediction is a time": all(each > 0 for one in predicted.values() for each in one.values())},
    )


def predict_growth(options: argparse.Namespace, folder: Path) -> Predicted:
    """Predict the whole command at each size."""
    tried, found = _of_corpus(options, folder), {}
    for source in growth.SOURCES[: 1 if options.tiny else None]:
        for name, (more_queries, more_documents) in growth.SIZES.items():
            work = Workload(
                queries=growth.QUERIES * more_queries,
                documents=growth.DOCUMENTS * more_documents,
                sources=(source,),
                dim=growth.DIM if source == "vectors" else None,
                depth=growth.DEPTH,
            )
            found[f"{source}, {name}", "seconds"] = forecast(work, tried).seconds()
    return found


def predict_dense(options: argparse.Namespace, folder: Path) -> Predicted:
    """Predict the search, and mining from a dataset in memory; texts are ids."""
    import dense

    texts = [[f"{kind}{number}" for number in range(8_192)] for kind in "dq"]
    found: Predicted = {}
    for name, queries, documents in (
        ("hardneg", dense.QUERIES, dense.DOCUMENTS),
        ("hardneg, fewer", dense.FEW_QUERIES, dense.FEW_DOCUMENTS),
    ):
        size = {"queries": queries, "documents": documents, "dim": dense.DIM, "depth": dense.DEPTH}
        whole = forecast(Workload(sources=("vectors",), per_query=3, **size), _calibration(options, folder, *texts))
        found[name, "seconds"] = _seconds(whole, without=("start", "read the dataset"))
        found.setdefault(("search alone", "seconds"), _stage(whole, "search vectors"))
    return found


def predict_bm25(options: argparse.Namespace, folder: Path) -> Predicted:
    """Predict indexing and searching."""
    import bm25

    work = Workload(documents=bm25.DOCUMENTS, queries=bm25.QUERIES, depth=bm25.DEPTH, sources=("bm25",))
    found = forecast(work, _of_corpus(options, folder))
    return {
        ("hardneg", "index_s"): _stage(found, "index for BM25"),
        ("hardneg", "search_s"): _stage(found, "search with BM25"),
    }


def predict_encoding(options: argparse.Namespace, folder: Path) -> Predicted:
    """Predict a document, from a mixture of the two sets as they are large."""
    documents = [text for each in _both(options) for text in each.documents[::10]]
    mixed = [documents[number] for number in permutation(0, size=len(documents))]
    tried = _calibration(options, folder, mixed, mixed[:32])
    given = {"model": resolve_model(options.model), "max_tokens": 256}
    return {("hardneg", "documents_per_s"): tried.trial("encoding", given)["document_s"]}


def predict_end_to_end(options: argparse.Namespace, folder: Path) -> Predicted:
    """Predict mining of each sample, from reading to writing; the model is loaded before."""
    from sampling import SPLITS, write_sample

    found: Predicted = {}
    for name, split in SPLITS.items():
        part = folder / f"part-{name}"
        write_sample(options.data / name, split, part, n_queries=400, n_documents=1_500)
        data = read_dataset(part)
        texts = Texts.of(data)
        work = Workload(
            documents=data.n_documents,
            queries=len(data.queries_of("train")),
            sources=("dense",),
            model=resolve_model(options.model),
            max_tokens=256,
        )
        whole = forecast(work, _calibration(options, folder, texts.documents, texts.queries))
        found[f"{name}: hardneg", "seconds"] = _seconds(whole, without=("start",))
    return found


def predict_cross_encoder(options: argparse.Namespace, folder: Path) -> Predicted:
    """Predict a pair, from as many of each set."""
    import cross_encoder

    cross_encoder.save_cross_encoder(resolve_model(options.model), folder / "teacher")
    work = Workload(documents=1, queries=1, sources=(), teacher=str(folder / "teacher"), score_pairs=1)
    first, second = _both(options)
    documents = [text for pair in zip(first.documents, second.documents, strict=False) for text in pair]
    queries = [text for pair in zip(first.queries, second.queries, strict=False) for text in pair]
    tried = _calibration(options, folder, documents[:1_024], queries[:1_024])
    return {("hardneg", "pairs_per_s"): _stage(forecast(work, tried), "score by the teacher")}


def predict_training_step(options: argparse.Namespace, folder: Path) -> Predicted:
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
    return {("hardneg", "seconds"): _stage(forecast(work, tried), "train")}


PREDICTIONS: dict[str, Callable[[argparse.Namespace, Path], Predicted]] = {
    "growth": predict_growth,
    "dense": predict_dense,
    "bm25": predict_bm25,
    "encoding": predict_encoding,
    "end_to_end": predict_end_to_end,
    "cross_encoder": predict_cross_encoder,
    "training_step": predict_training_step,
}


def _of_corpus(options: argparse.Namespace, folder: Path) -> Trials:
    """Calibrate on the texts that the large rows replicate."""
    n_documents, n_queries = (64, 32) if options.tiny else (131_072, 4_096)
    documents, queries = corpus.documents(options.data, n_documents), corpus.queries(options.data, n_queries)
    return _calibration(options, folder, documents, queries)


def _both(options: argparse.Namespace) -> tuple[Texts, Texts]:
    """Read SciFact's and ObliQA's texts, in a random order."""
    return Texts.of(read_dataset(options.data / "scifact")), Texts.of(read_dataset(options.data / "obliqa"))


def _calibration(options: argparse.Namespace, folder: Path, documents: list[str], queries: list[str]) -> Trials:
    texts = Texts(documents, queries, about=f"{len(documents)} documents, the first {documents[0][:60]!r}")
    return Trials(folder / "calibration", texts, sizes=TINY if options.tiny else Sizes())


def _stage(found: Estimate, name: str) -> float:
    return next(stage.seconds for stage in found.stages if stage.name == name)


def _seconds(found: Estimate, *, without: tuple[str, ...]) -> float:
    return found.seconds() - sum(_stage(found, name) for name in without)


def _measured(row: str, contender: str, figure: str, results: Path) -> float | None:
    """Look up the seconds of a contender, of one document or pair where the prediction is for one."""
    path = results / f"{row}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))["measured"][contender][figure]
    return 1 / found if figure in RATES else found


if __name__ == "__main__":
    main()
