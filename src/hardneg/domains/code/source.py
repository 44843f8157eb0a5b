"""A code-search dataset from source trees: the documentation asks, the definition answers."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hardneg.data.dataset import Dataset
from hardneg.data.readers.ids import content_ids
from hardneg.data.text import normalised
from hardneg.domains.code.definition import KINDS, Definition
from hardneg.domains.code.files import is_minified, source_files
from hardneg.domains.code.languages import LANGUAGE_OF, LANGUAGES
from hardneg.errors import DatasetError
from hardneg.progress import task

MIN_WORDS = 3
METADATA: dict[str, pl.DataType | type[pl.DataType]] = {
    "path": pl.String,
    "language": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "symbol": pl.String,
    "owner": pl.String,
    "line": pl.Int64,
    "signature": pl.String,
    "shape": pl.String,
    "calls": pl.List(pl.String),
    "ast_hash": pl.String,
    "trivial": pl.Boolean,
}

_TABLE: dict[str, pl.DataType | type[pl.DataType]] = {"summary": pl.String, "source": pl.String, **METADATA}


def code_source(
    paths: Sequence[str | Path],
    *,
    languages: Sequence[str] = tuple(LANGUAGES),
    kinds: Sequence[str] = KINDS,
    name: str = "code",
    seed: int = 0,
    test_share: float = 0.3,
    dev_share: float = 0.1,
    undocumented: bool = False,
    max_documents: int | None = None,
    masks_names: bool = False,
    labels_clones: bool = True,
) -> Dataset:
    """Build a dataset from source trees: first paragraph of the documentation → definition without it.

    Documentation is the docstring in Python and the comment above in other languages. Files are dealt to the splits
    in an order that a hash of their path and the seed decides, so a model is tested on files it never saw. Where equal
    questions or equal definitions tie files of different splits together, all that is tied goes to `test` before `dev`
    before `train`. Equal questions are one query with several positives, equal definitions one document. Definitions
    whose question has fewer than three words ask nothing and are left out.

    Args:
        paths: Folders, source files, names of installed packages of Python (found, not imported), or `stdlib` for the
            standard library of the running Python without its tests.
        languages: Whose files are read.
        kinds: What becomes a document. A class is an outline without the bodies of its methods.
        name: What to call the dataset.
        seed: Which files go to which split.
        test_share: Share of the documented definitions whose files are kept for testing, in [0, 1]; about, since files
            are never divided.
        dev_share: Likewise for choosing settings, in [0, 1 - test_share].
        undocumented: Keep definitions without documentation as documents that answer no query of their own.
        max_documents: Take whole files, in their hashed order, until there are this many definitions.
        masks_names: Replace in the questions the names that give the answer away, see `mask_names`.
        labels_clones: A definition that only names of its own tell from an answer is labelled as an answer too.

    Returns:
        The dataset; documents have the metadata `METADATA`. Files that are left out are counted in `skipped`.

    Raises:
        DatasetError: A path is neither a folder, a file nor a package, a language or kind is unknown, a share is out of
            range, or there is no documented definition.
        MissingExtraError: The parser of a language that is met is not installed.
    """
    if min(test_share, dev_share) < 0 or test_share + dev_share > 1:
        raise DatasetError(f"test_share {test_share} and dev_share {dev_share} must lie in [0, 1], their sum too")
    _check_known(languages, LANGUAGES, "language")
    _check_known(kinds, KINDS, "kind")
    files = source_files(paths, languages)
    files = sorted(files, key=lambda file: blake2b(f"{seed}:{file[0]}".encode(), digest_size=8).digest())
    table, skipped = _read(
        files, kinds, undocumented=undocumented, max_documents=max_documents, masks_names=masks_names
    )
    if not (table["summary"] != "").any():
        raise DatasetError(f"no documented {_listed(kinds)} of {_listed(languages)} in {_listed(map(str, paths))}")
    table = dealt(table, test_share=test_share, dev_share=dev_share).sort("path", "line", "name")
    return _dataset(table, name=name, skipped=skipped, labels_clones=labels_clones)


def _read(
    files: list[tuple[str, Path]],
    kinds: Sequence[str],
    *,
    undocumented: bool,
    max_documents: int | None,
    masks_names: bool,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Read files until there are enough definitions; count those that cannot be read."""
    rows: list[dict[str, object]] = []
    skipped: dict[str, int] = {}
    with task("reading definitions", total=len(files), unit="files") as advance:
        for label, file in files:
            if max_documents is not None and len(rows) >= max_documents:
                break
            definitions, problem = _definitions(file)
            if problem is not None:
                skipped[problem] = skipped.get(problem, 0) + 1
            for each in definitions:
                summary = mask_names(each) if masks_names else each.summary
                asks = len(summary.split()) >= MIN_WORDS
                if each.kind in kinds and (asks or (undocumented and not each.summary)):
                    rows.append(_row(each, label, LANGUAGE_OF[file.suffix], summary))
            advance(1)
    return pl.DataFrame(rows, schema=_TABLE), skipped


def _definitions(file: Path) -> tuple[list[Definition], str | None]:
    try:
        source = file.read_bytes()
        if is_minified(source):
            return [], "minified file"
        return LANGUAGES[LANGUAGE_OF[file.suffix]].definitions(source), None
    except (SyntaxError, ValueError, RecursionError, OSError):
        return [], "file that does not parse"


def _row(definition: Definition, path: str, language: str, summary: str) -> dict[str, object]:
    fields = {field: getattr(definition, field) for field in ("source", *METADATA) if hasattr(definition, field)}
    owner = f"{path}::{definition.scope}" if definition.scope else None
    return {**fields, "summary": summary, "path": path, "language": language, "owner": owner}


def _dataset(table: pl.DataFrame, *, name: str, skipped: dict[str, int], labels_clones: bool) -> Dataset:
    table = table.with_columns(doc_id=content_ids(table["source"], prefix="d"))
    asked = table.filter(pl.col("summary") != "")
    asked = asked.with_columns(query_id=content_ids(asked["summary"], prefix="q"))
    asked = asked.with_columns(split=tied_splits(asked, ["source", *(["ast_hash"] if labels_clones else [])]))
    queries = asked.select(id="query_id", text="summary").unique("id", keep="first", maintain_order=True)
    if labels_clones:
        clones = table.select("ast_hash", "doc_id").unique(maintain_order=True)
        asked = asked.select("query_id", "ast_hash", "split").join(clones, on="ast_hash", maintain_order="left_right")
    labels = asked.select("query_id", "doc_id", relevance=pl.lit(1, dtype=pl.Int32), split="split")
    dataset = Dataset.from_tables(
        queries,
        table.select(*METADATA, id="doc_id", text="source")
        .select("id", "text", *METADATA)
        .unique("id", keep="first", maintain_order=True),
        labels.unique(maintain_order=True),
        name=name,
    )
    return replace(dataset, skipped=skipped)


def _check_known(given: Sequence[str], known: Collection[str], kind: str) -> None:
    unknown = [each for each in given if each not in known]
    if unknown or not given:
        what = f"{kind} {unknown[0]!r} is unknown" if unknown else f"no {kind} is given"
        raise DatasetError(f"{what}; name some of: {', '.join(known)}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


_SPLITS = ("train", "dev", "test")


def dealt(table: pl.DataFrame, *, test_share: float, dev_share: float) -> pl.DataFrame:
    """Deal the files, in the order given, to test, then dev, then train by where their middle query falls."""
    files = table.group_by("path", maintain_order=True).agg(n=(pl.col("summary") != "").sum())
    middle = (pl.col("n").cum_sum() - pl.col("n") / 2) / pl.col("n").sum()
    split = pl.when(middle < test_share).then(2).when(middle < test_share + dev_share).then(1).otherwise(0)
    return table.join(files.select("path", split=split), on="path", maintain_order="left")


def tied_splits(asked: pl.DataFrame, answers: Sequence[str]) -> pl.Series:
    """Give rows that something equal ties together the most protected of their splits."""
    columns = ["summary", *answers]
    groups = asked.select(normalised(pl.col(columns)).rank("dense").cast(pl.Int64) - 1)
    start, links = asked.height, []
    for column in columns:
        links.append(groups[column].to_numpy() + start)
        start += asked.height
    row = np.tile(np.arange(asked.height), len(columns))
    ties = coo_array((np.ones(len(row)), (row, np.concatenate(links))), shape=(start, start))
    _, component = connected_components(ties, directed=False)
    tied = pl.DataFrame({"component": component[: asked.height], "split": asked["split"]})
    return tied.select(
        pl.col("split").max().over("component").replace_strict(dict(enumerate(_SPLITS)), return_dtype=pl.String)
    )["split"]


_WORD = re.compile(
    r"(?P<open>[`'\"*|]{0,2})(?P<word>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)(?P<call>\(\s*\)|(?=\())?"
    r"(?P<close>[`'\"*|]{0,2})"
)
# Only identifiers are spelled so: inner underscores, capitals behind small letters, digits, a leading underscore.
_COMPOUND = re.compile(r"[^_]_+[^_]|[a-z][A-Z]|\d|^_|\$")


def mask_names(definition: Definition) -> str:
    """Replace, in the summary of a definition, the names that only its author knows.

    Its own name becomes "function", "method" or "class", that of its class "class", and a parameter "argument", so
    the sentence stays one and nothing in it points to one document. Else a model can find the answer by comparing
    strings, which a user who does not know the answer cannot.

    A name that is also a word is left where it is used as a word: `copy` in "Return a copy". It is masked where it is
    spelled or marked as code: in quotes, behind a dot, in front of a parenthesis, with a capital inside a sentence.
    The parts of a name ("read", "text" of `read_text`) stay: they are the words that a user asks with.
    """
    names = dict.fromkeys(definition.parameters, "argument")
    if definition.kind == "method" and definition.scope:
        names[definition.scope.split(".")[-1]] = "class"
    names[definition.symbol] = definition.kind
    return _WORD.sub(lambda match: _masked(match, names), definition.summary)


def _masked(match: re.Match[str], names: Mapping[str, str]) -> str:
    word = match["word"]
    last = word.rpartition(".")[2]
    if last not in names or not _is_code(match, last):
        return match[0]
    if match["open"] and match["close"]:
        return names[last]
    return f"{match['open']}{names[last]}{match['close']}"


def _is_code(match: re.Match[str], name: str) -> bool:
    marked = match["open"] and match["close"]
    before = match.string[: match.start("word")].rstrip()
    capital = name[0].isupper() and before != "" and before[-1] not in ".!?:"
    return bool(marked or "." in match["word"] or match["call"] is not None or _COMPOUND.search(name) or capital)
