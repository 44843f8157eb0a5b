"""Folders of plain files as MS MARCO, TREC and MIRACL publish them: documents, queries or topics, qrels."""

import re
from pathlib import Path

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.layout import Layout
from hardneg.data.qrels import read_qrels
from hardneg.data.readers.texts import read_texts
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError

_ENDINGS = r"\.(tsv|txt|csv|jsonl|parquet)(\.gz)?$"
_DOCUMENTS = re.compile(
    rf"(collection|corpus|documents|docs|passages)([.\-_].*)?{_ENDINGS}|.*[.\-_](docs|corpus|collection){_ENDINGS}"
)
_QUERIES = re.compile(rf"(queries|topics|query)([.\-_].*)?{_ENDINGS}|.*[.\-_](queries|topics){_ENDINGS}")
_QRELS = re.compile(
    r"\d*qrels?([.\-_].*)?(\.(tsv|txt|trec|qrels))?(\.gz)?$|.*[.\-_]qrels?(\.(tsv|txt|trec))?(\.gz)?$|.*\.qrels?(\.gz)?$"
)
_SPLITS = ("train", "dev", "test", "valid", "validation", "eval", "trial")
_WORDS = re.compile(r"[.\-_]")


def is_trec(folder: Path) -> bool:
    """Tell whether a folder has qrels and queries, or a collection, beside each other."""
    documents, queries, qrels = _parts(folder)
    return bool(qrels) and bool(documents or queries)


def is_whole_trec(folder: Path) -> bool:
    """Tell whether a folder has documents, queries and qrels by the names of MS MARCO, TREC or MIRACL."""
    return all(_parts(folder))


def read_trec(folder: Path, *, layout: Layout, rejections: Rejections) -> Dataset:
    """Read a folder with files like `collection.tsv`, `queries.train.tsv` and `qrels.train.tsv`.

    The split of a qrels file is the word train, dev, test, … in its name, or what its name has beside `qrels`.
    """
    documents, queries, qrels = _parts(folder)
    for part, files, names in (
        ("documents", documents, "collection.tsv, corpus.tsv, docs*.jsonl"),
        ("queries", queries, "queries.train.tsv, topics.dev.tsv, queries.jsonl"),
    ):
        if not files:
            raise DatasetError(f"no file of {part} beside the qrels; it may be called {names}", path=folder)
    texts = read_texts(documents, rejections=rejections)
    asked = read_texts(queries, rejections=rejections, has_title=False)
    splits = _splits(qrels)
    read = [(path, read_qrels(path, split=splits[path], rejections=rejections, layout=layout)) for path in qrels]
    used = {query_id for _, each in read for query_id in each.rows["query_id"].unique()}
    judged_queries = asked.table.filter(asked.table["id"].is_in(used))
    unused = asked.table.height - judged_queries.height
    fields = [("queries", asked.about), ("documents", texts.about)]
    fields += [(f"relevance, split {splits[path]}", f"{path.name}: {each.about}") for path, each in read]
    ignored = [f"{path.name}: {name}" for path, each in read for name in each.ignored]
    ignored += [f"{unused:,} queries without qrels"] if unused else []
    ignored += [f"{name} (no part of this layout)" for name in _others(folder, {*documents, *queries, *qrels})]
    return assemble(
        judged_queries if judged_queries.height else asked.table,
        texts.table,
        [(path, each.rows) for path, each in read],
        paths=(queries[0], documents[0]),
        name=folder.resolve().name,
        rejections=rejections,
        mapping=FieldMapping("folder of documents, queries and qrels (MS MARCO, TREC)", tuple(fields), tuple(ignored)),
    )


def _parts(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    files += sorted(path for path in folder.glob("qrels/*") if path.is_file())
    qrels = [path for path in files if path.parent != folder or _QRELS.fullmatch(path.name.lower())]
    rest = [path for path in files if path not in qrels]
    queries = [path for path in rest if _QUERIES.fullmatch(path.name.lower())]
    documents = [path for path in rest if path not in queries and _DOCUMENTS.fullmatch(path.name.lower())]
    return documents, queries, qrels


def _others(folder: Path, used: set[Path]) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file() and path not in used)


def _splits(paths: list[Path]) -> dict[Path, str]:
    """Name the split of each file: by the one known word in its name, where that tells the files apart."""
    words = {
        path: [word for each in _WORDS.split(path.name.lower()) if (word := each.removeprefix("doc")) in _SPLITS]
        for path in paths
    }
    rests = {path: _rest(path) for path in paths}
    short = {path: split_names[0] if len(split_names) == 1 else rests[path] for path, split_names in words.items()}
    return short if len(set(short.values())) == len(short) else rests


def _rest(path: Path) -> str:
    """Give the name of a file without `qrels` and its ending."""
    stem = re.sub(r"\.(tsv|txt|trec|csv|qrels?)?(\.gz)?$", "", path.name)
    words = [word for each in _WORDS.split(stem) if (word := re.sub(r"qrels?$", "", each, flags=re.IGNORECASE))]
    return "-".join(words) or "train"
