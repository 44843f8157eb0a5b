"""The file in which people judge: whether a document answers a query. A sample to fill in and a review share it."""

import csv
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.corpus import unknown_ids
from hardneg.data.dataset import Dataset
from hardneg.data.delimited import named_rows
from hardneg.data.lines import numbered_lines, parse_record, raise_encoding_error
from hardneg.errors import DatasetError
from hardneg.files import replacing
from hardneg.spreadsheets import guarded, unguarded

VERDICTS_SCHEMA = {"query": pl.Int32, "document": pl.Int32, "answer": pl.Boolean, "drawn": pl.Boolean}
SUFFIXES = (".csv", ".jsonl")

_COLUMNS = ("query_id", "doc_id", "query", "document", "positives", "answer")
_NEEDED = ("query_id", "doc_id", "answer")
_READ = (*_COLUMNS, "drawn")
_YES, _NO = ("yes", "y", "1", "true"), ("no", "n", "0", "false")
_COMPARED = 200  # letters and digits by which a text is known again
_IDS = {"query_id": pl.String, "doc_id": pl.String, "line": pl.Int64}
_JOINT = "\n---\n"


def write_verdict_file(pairs: pl.DataFrame, dataset: Dataset, path: Path) -> Path:
    """Write pairs with their texts and the verdicts on them."""
    check_name(path)
    more = [name for name in pairs.columns if name not in _COLUMNS]
    rows = [_row(dataset, pair) | {name: pair[name] for name in more} for pair in pairs.iter_rows(named=True)]
    with replacing(path, sums=False) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            table = csv.DictWriter(file, [*_COLUMNS, *more])
            table.writeheader()
            joined = (row | {"positives": _JOINT.join(row["positives"])} for row in rows)
            table.writerows({name: guarded(value) for name, value in row.items()} for row in joined)
    return path


def read_verdict_file(path: Path, dataset: Dataset) -> pl.DataFrame:
    """Read verdicts back."""
    check_name(path)
    seen: dict[tuple[int, int], int] = {}
    rows = []
    records = list(_records(path))
    ids = [(str(row["query_id"]), str(row["doc_id"]), line) for line, row in records]
    positions = dataset.positions(pl.DataFrame(ids, schema=_IDS, orient="row"))
    for name, unknown in unknown_ids(positions):
        raise DatasetError(f"{name} {unknown[name]!r} is not in {dataset.name}", path=path, line=unknown["line"])
    pairs = positions.select("query", "document").iter_rows()
    for (line, row), pair in zip(records, pairs, strict=True):
        _check_texts(row, dataset, pair, path, line)
        if pair in seen:
            raise DatasetError(f"the pair stands on line {seen[pair]} too; keep one", path=path, line=line)
        seen[pair] = line
        drawn = _truth(row.get("drawn", "yes"), "drawn", path, line)
        rows.append((*pair, _truth(row["answer"], "answer", path, line), drawn is not False))
    return pl.DataFrame(rows, schema=VERDICTS_SCHEMA, orient="row")


def check_name(path: Path) -> None:
    """Make sure that a file of verdicts is of a kind that can be filled in; a DatasetError says which."""
    if path.suffix not in SUFFIXES:
        raise DatasetError("a sample is a .csv or a .jsonl file; give it such a name", path=path)


def _row(dataset: Dataset, pair: dict[str, Any]) -> dict[str, Any]:
    query, document = pair["query"], pair["document"]
    return {
        "query_id": str(dataset.queries["id"][query]),
        "doc_id": str(dataset.documents["id"][document]),
        "query": dataset.query_texts[query],
        "document": dataset.document_texts[document],
        "positives": dataset.document_texts.gather(dataset.positives.of(query)).to_list(),
        "answer": pair.get("answer", ""),
    }


def _check_texts(row: dict[str, Any], dataset: Dataset, pair: tuple[int, int], path: Path, line: int) -> None:
    """Refuse a verdict on another text than the id means; what a spreadsheet does to quotes and length is no matter."""
    texts = ("query", "query_id", dataset.query_texts[pair[0]]), ("document", "doc_id", dataset.document_texts[pair[1]])
    for column, id_column, text in texts:
        judged, now = _letters(str(row.get(column) or "")), _letters(text)
        if judged and judged != now[: len(judged)]:
            raise DatasetError(
                f"the verdict is on another text than that of {id_column} {str(row[id_column])!r} in {dataset.name}; "
                f"name the dataset that was judged, or take the column {column!r} out to go by ids alone",
                path=path,
                line=line,
            )


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text[: 4 * _COMPARED]).casefold()
    return "".join(filter(str.isalnum, folded))[:_COMPARED]


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each record with the line on which it starts; all have what is needed."""
    raise_encoding_error(path)
    for line, record in _lines(path) if path.suffix == ".jsonl" else _rows(path):
        for name in _NEEDED:
            if name not in record:
                raise DatasetError(f"{name!r} is missing; it needs {', '.join(_NEEDED)}", path=path, line=line)
        yield line, record


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, record in named_rows(path, known=_READ):
        yield line, {name: unguarded(value) if isinstance(value, str) else value for name, value in record.items()}


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, _, line in numbered_lines(path):
        record = parse_record(line)
        if isinstance(record, str):
            raise DatasetError(record, path=path, line=number)
        yield number, record


def _truth(value: object, name: str, path: Path, line: int) -> bool | None:
    text = "" if value is None else str(value).strip().lower()
    if text and text not in (*_YES, *_NO):
        raise DatasetError(f"{name} {value!r} is neither yes nor no; leave it empty if unsure", path=path, line=line)
    return None if not text else text in _YES
