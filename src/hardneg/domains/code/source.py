"""A code-search dataset from source trees: the documentation asks, the definition answers."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.readers.ids import content_ids
from hardneg.domains.code.definition import KINDS, Definition
from hardneg.domains.code.files import is_minified, source_files
from hardneg.domains.code.languages import LANGUAGE_OF, LANGUAGES
from hardneg.domains.code.masking import mask_names
from hardneg.domains.code.splits import dealt, tied_splits
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
    own = {field: getattr(definition, field) for field in ("source", *METADATA) if hasattr(definition, field)}
    owner = f"{path}::{definition.scope}" if definition.scope else None
    return {**own, "summary": summary, "path": path, "language": language, "owner": owner}


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
