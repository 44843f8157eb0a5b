"""A code-search dataset from Python source: the docstring asks, the function answers."""

import importlib.util
import sysconfig
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hardneg.data.dataset import Dataset
from hardneg.data.pairs import content_ids
from hardneg.data.python_functions import functions_of
from hardneg.data.text import normalised
from hardneg.errors import DatasetError
from hardneg.progress import task

MIN_WORDS = 3
_NEVER = {"__pycache__", "site-packages", "dist-packages", "node_modules", "lib-dynload"}
_NOT_IN_STDLIB = {"test", "tests", "idle_test", "turtledemo"}
_SPLITS = ("train", "dev", "test")
_FUNCTIONS = {
    "summary": pl.String,
    "source": pl.String,
    "path": pl.String,
    "name": pl.String,
    "line": pl.Int64,
}


def python_source(
    paths: Sequence[str | Path],
    *,
    name: str = "python",
    seed: int = 0,
    test_share: float = 0.3,
    dev_share: float = 0.1,
    undocumented: bool = False,
    max_documents: int | None = None,
) -> Dataset:
    """Build a dataset from Python source: first paragraph of the docstring → function without its docstring.

    Files are dealt to the splits in an order that a hash of their path and the seed decides, so a model is
    tested on files it never saw. Where equal docstrings or equal functions tie files of different splits
    together, all that is tied goes to `test` before `dev` before `train`. Equal docstrings are one query with
    several positives, equal functions one document. Functions whose docstring's first paragraph has fewer
    than three words ask nothing and are left out.

    Args:
        paths: Folders, `.py` files, names of installed packages (found, not imported), or `stdlib` for the
            standard library of the running Python without its tests.
        name: What to call the dataset.
        seed: Which files go to which split.
        test_share: Share of the documented functions whose files are kept for testing, in [0, 1]; about,
            since files are never divided.
        dev_share: Likewise for choosing settings, in [0, 1 - test_share].
        undocumented: Keep functions without a docstring as documents that answer no query.
        max_documents: Take whole files, in their hashed order, until there are this many functions.

    Returns:
        The dataset; documents have the metadata `path`, `name` (qualified) and `line`. Files that do not
        parse are counted in `skipped`.

    Raises:
        DatasetError: A path is neither a folder, a file nor a package, a share is out of range, or there is
            no documented function.
    """
    if min(test_share, dev_share) < 0 or test_share + dev_share > 1:
        raise DatasetError(f"test_share {test_share} and dev_share {dev_share} must lie in [0, 1], their sum too")
    files = sorted(_files(paths), key=lambda file: blake2b(f"{seed}:{file[0]}".encode(), digest_size=8).digest())
    functions, n_broken = _read_functions(files, undocumented=undocumented, max_documents=max_documents)
    if not (functions["summary"] != "").any():
        raise DatasetError(f"no documented Python function in {', '.join(map(str, paths))}")
    functions = _with_split(functions, test_share=test_share, dev_share=dev_share).sort("path", "line", "name")
    return _dataset(functions, name=name, skipped={"file that does not parse": n_broken} if n_broken else {})


def _with_split(functions: pl.DataFrame, *, test_share: float, dev_share: float) -> pl.DataFrame:
    """Deal the files, in the order given, to test, then dev, then train by where their middle query falls."""
    files = functions.group_by("path", maintain_order=True).agg(n=(pl.col("summary") != "").sum())
    middle = (pl.col("n").cum_sum() - pl.col("n") / 2) / pl.col("n").sum()
    split = pl.when(middle < test_share).then(2).when(middle < test_share + dev_share).then(1).otherwise(0)
    return functions.join(files.select("path", split=split), on="path", maintain_order="left")


def _dataset(functions: pl.DataFrame, *, name: str, skipped: dict[str, int]) -> Dataset:
    functions = functions.with_columns(doc_id=content_ids(functions["source"], prefix="d"))
    asked = functions.filter(pl.col("summary") != "")
    asked = asked.with_columns(query_id=content_ids(asked["summary"], prefix="q"))
    split = _tied_splits(asked)
    qrels = asked.select("query_id", "doc_id", relevance=pl.lit(1, dtype=pl.Int32), split=split).unique(
        maintain_order=True
    )
    dataset = Dataset.from_tables(
        asked.select(id="query_id", text="summary").unique("id", keep="first", maintain_order=True),
        functions.select("path", "name", "line", id="doc_id", text="source")
        .select("id", "text", "path", "name", "line")
        .unique("id", keep="first", maintain_order=True),
        qrels,
        name=name,
    )
    return Dataset(dataset.queries, dataset.documents, dataset.qrels, name, skipped)


def _tied_splits(asked: pl.DataFrame) -> pl.Series:
    """Give pairs tied by a query or a document, in normalised text, the most protected of their splits."""
    groups = asked.select(normalised(pl.col("summary", "source")).rank("dense").cast(pl.Int64) - 1)
    query, document = groups["summary"].to_numpy(), groups["source"].to_numpy()
    n_queries, n_documents = int(query.max()) + 1, int(document.max()) + 1
    size = n_queries + n_documents
    ties = coo_array((np.ones(len(query)), (query, document + n_queries)), shape=(size, size))
    _, component = connected_components(ties, directed=False)
    tied = pl.DataFrame({"component": component[query], "split": asked["split"]})
    return tied.select(
        pl.col("split").max().over("component").replace_strict(dict(enumerate(_SPLITS)), return_dtype=pl.String)
    )["split"]


def _read_functions(
    files: list[tuple[str, Path]], *, undocumented: bool, max_documents: int | None
) -> tuple[pl.DataFrame, int]:
    """Read files until there are enough functions; count those that do not parse."""
    rows: list[tuple[str, str, str, str, int]] = []
    n_broken = 0
    with task("reading functions", total=len(files), unit="files") as advance:
        for label, file in files:
            if max_documents is not None and len(rows) >= max_documents:
                break
            try:
                functions = functions_of(file.read_bytes())
            except (SyntaxError, ValueError, RecursionError, OSError):
                functions, n_broken = [], n_broken + 1
            rows += [
                (function.summary, function.source, label, function.name, function.line)
                for function in functions
                if len(function.summary.split()) >= MIN_WORDS or (undocumented and not function.summary)
            ]
            advance(1)
    return pl.DataFrame(rows, schema=_FUNCTIONS, orient="row"), n_broken


def _files(paths: Sequence[str | Path]) -> list[tuple[str, Path]]:
    """List the Python files of all paths as (path to show, file), each file once."""
    found: dict[Path, str] = {}
    for path in paths:
        root, excluded = _root(path)
        prefix = f"{root.name}/" if len(paths) > 1 else ""
        files = [root] if root.is_file() else sorted(root.rglob("*.py"))
        for file in files:
            relative = Path(file.name) if file == root else file.relative_to(root)
            if not any(part in excluded or part.startswith(".") for part in relative.parts[:-1]):
                found.setdefault(file, prefix + relative.as_posix())
    return [(label, file) for file, label in found.items()]


def _root(path: str | Path) -> tuple[Path, set[str]]:
    """Find the folder or file that a path or package name means, and the folders to leave out."""
    if str(path) == "stdlib":
        return Path(sysconfig.get_path("stdlib")), _NEVER | _NOT_IN_STDLIB
    place = Path(path)
    if place.is_dir() or (place.suffix == ".py" and place.is_file()):
        return place, _NEVER
    try:
        spec = importlib.util.find_spec(str(path)) if str(path).isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))), _NEVER
    if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        return Path(spec.origin), _NEVER
    raise DatasetError("neither a folder, a .py file nor an installed package with Python source", path=place)
