"""Pairs of a query and a document with a score, from whatever file or folder lists them beside answers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.data.headers import plain_name
from hardneg.data.layout import NOTHING_SAID
from hardneg.data.readers.hub import hub_configs, hub_table, scored_configs
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.scored_tables import is_scored_tables, pairs_of, scored_frame
from hardneg.data.readers.table import read_json_value, read_table
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

_NEGATIVE = ("negative", "neg")


@dataclass(frozen=True)
class ScoredPairs:
    """Columns `query`, `document` and `score` (null where there is none), in the order in which they were listed."""

    rows: pl.DataFrame
    by_id: bool  # whether queries and documents are named by ids, not by their texts


def read_scored_pairs(place: str | Path) -> ScoredPairs:
    """Read the pairs of a file, a folder, or `hf:NAME`; a DatasetError says what is known and was not there."""
    if str(place).startswith("hf:"):
        return _of_hub(str(place))
    path = Path(place)
    if path.is_dir() and (path / "meta.json").is_file():
        return _of_arrays(path)
    if path.is_dir() and is_scored_tables(path):
        return _of_pairs(pairs_of(scored_frame(path), path=path))
    if not path.is_file():
        raise DatasetError("no such file, and no folder with scored candidates; name one", path=path)
    frame = read_table(path, layout=NOTHING_SAID, rejections=Rejections(skip=False)).frame
    for fits, read in _LAYOUTS:
        if fits(frame):
            return read(frame, path)
    raise DatasetError(
        f"no scored candidates in it; it has: {', '.join(frame.columns)}. Known are query, positive, neg_1 … with "
        "scores; query, pos, neg, pos_scores, neg_scores; question, pos_doc, neg_doc; qid, pos, neg by source; "
        "query_id, document_ids, scores; query_id and doc_id with score",
        path=path,
    )


def _of_hub(address: str) -> ScoredPairs:
    name, _, config = address.removeprefix("hf:").partition(":")
    parts = scored_configs(hub_configs(name, address=address), config)
    frame = hub_table(name, parts.get("scores", config or "default"), address=address)
    if parts:
        return _of_pairs(pairs_of(frame, path=Path(address)))
    for fits, read in _LAYOUTS:
        if fits(frame):
            return read(frame, Path(address))
    raise DatasetError(f"no scored candidates in it; it has: {', '.join(frame.columns)}", path=address)


def _of_pairs(pairs: pl.DataFrame) -> ScoredPairs:
    return ScoredPairs(
        pairs.select("score", query="query_id", document="doc_id").select("query", "document", "score"), True
    )


def _of_arrays(folder: Path) -> ScoredPairs:
    """Read `indices.npy` and `scores.npy`, a row a query, beside `meta.json` with `query_ids` and `document_ids`."""
    meta = read_json_value(folder / "meta.json")
    lists = [meta.get(name) if isinstance(meta, dict) else None for name in ("query_ids", "document_ids")]
    if not all(isinstance(each, list) for each in lists):
        raise DatasetError(
            "it must have the lists query_ids and document_ids, in the order of rows", path=folder / "meta.json"
        )
    queries, documents = (pl.Series([str(each) for each in ids], dtype=pl.String) for ids in lists if ids is not None)
    indices, scores = (_array(folder / f"{name}.npy") for name in ("indices", "scores"))
    if indices.shape != scores.shape or indices.ndim != 2 or len(indices) != len(queries):
        raise DatasetError(
            f"indices of shape {indices.shape} and scores of shape {scores.shape} for {len(queries)} queries; each "
            "needs a row a query and a column a candidate",
            path=folder,
        )
    inside = (indices >= 0) & np.isfinite(scores)
    row, _ = np.nonzero(inside)
    at = indices[inside].astype(np.int64)
    if len(at) and at.max() >= len(documents):
        raise DatasetError(f"indices name row {at.max()}, but there are {len(documents)} document_ids", path=folder)
    rows = {"query": queries.gather(row), "document": documents.gather(at), "score": scores[inside].astype(np.float32)}
    return ScoredPairs(pl.DataFrame(rows), by_id=True)


def _array(path: Path) -> Any:  # noqa: ANN401 - an array of some type
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"not a readable .npy file ({error}); write it with np.save", path=path) from error


def _plain(frame: pl.DataFrame) -> dict[str, str]:
    return {plain_name(name): name for name in frame.columns}


def _has(*wanted: str) -> Callable[[pl.DataFrame], bool]:
    return lambda frame: set(wanted) <= set(_plain(frame))


def _listed(frame: pl.DataFrame, path: Path) -> ScoredPairs:
    """Read `query`, `pos`, `neg` with `pos_scores` and `neg_scores`, as FlagEmbedding has them."""
    names = _plain(frame)
    parts = []
    for kind in ("pos", "neg"):
        scores = names.get(f"{kind}scores")
        lists = frame.select(
            query=pl.col(names["query"]).cast(pl.String),
            document=names[kind],
            score=pl.col(scores) if scores else pl.col(names[kind]).list.eval(pl.lit(None, pl.Float32)),
        ).with_row_index("row")
        parts.append(_exploded(lists, path))
    return _joined(parts, by_id=False)


def _numbered(frame: pl.DataFrame, path: Path) -> ScoredPairs:  # noqa: ARG001 - as every layout
    """Read an anchor, a positive and `neg_1` …, with `scores` (the positive's first) or `neg_1_score` …."""
    names = _plain(frame)
    query = next(names[name] for name in ("query", "anchor", "question") if name in names)
    positive = next(names[name] for name in ("positive", "pos", "answer") if name in names)
    negatives = sorted((name for name in names if _number(name) is not None), key=lambda name: _number(name) or 0)
    documents = [positive, *(names[name] for name in negatives)]
    apart = [_score_of(name, names) for name in (plain_name(positive), *negatives)]
    together = next((names[name] for name in ("scores", "score") if name in names), None)
    parts = []
    for at, (name, own_score) in enumerate(zip(documents, apart, strict=True)):
        score: pl.Expr = pl.lit(None, pl.Float32)
        if own_score is not None:
            score = pl.col(own_score).cast(pl.Float32)
        elif together is not None and isinstance(frame.schema[together], pl.List):
            score = pl.col(together).list.get(at, null_on_oob=True).cast(pl.Float32)
        part = frame.select(query=pl.col(query).cast(pl.String), document=pl.col(name).cast(pl.String), score=score)
        parts.append(part.with_row_index("row").drop_nulls("document"))
    return _joined(parts, by_id=False)


def _number(plain: str) -> int | None:
    for head in _NEGATIVE:
        if plain.startswith(head) and plain[len(head) :].isdigit():
            return int(plain[len(head) :])
    return 0 if plain in _NEGATIVE else None


def _score_of(plain: str, names: dict[str, str]) -> str | None:
    return next((names[each] for each in (f"{plain}score", f"score{plain}", f"{plain}scores") if each in names), None)


def _nemo(frame: pl.DataFrame, path: Path) -> ScoredPairs:
    """Read `pos_doc` and `neg_doc` of objects with `id` and perhaps `score`."""
    names = _plain(frame)
    parts = []
    for kind in ("posdoc", "negdoc"):
        flat = frame.select(query=as_ids(frame[names["questionid"]], path=path), item=names[kind]).with_row_index("row")
        flat = flat.explode("item").drop_nulls("item")
        if not isinstance(flat.schema["item"], pl.Struct):
            parts.append(
                flat.select("row", "query", document=as_ids(flat["item"], path=path), score=pl.lit(None, pl.Float32))
            )
            continue
        fields = [each.name for each in flat.schema["item"].fields]
        if "id" not in fields:
            raise DatasetError(
                f"the objects in {names[kind]!r} have no 'id'; they have: {', '.join(fields)}", path=path
            )
        score = pl.col("item").struct.field("score").cast(pl.Float32) if "score" in fields else pl.lit(None, pl.Float32)
        ids = as_ids(flat["item"].struct.field("id"), path=path)
        parts.append(flat.select("row", "query", document=ids, score=score))
    return _joined(parts, by_id=True)


def _by_source(frame: pl.DataFrame, path: Path) -> ScoredPairs:
    """Read `qid`, `pos` and `neg` by source, with `ce-score` or as ids alone."""
    lists = {"pos": frame["pos"]} | {each.name: each for each in frame["neg"].struct.unnest().iter_columns()}
    parts = []
    for column in lists.values():
        flat = pl.DataFrame({"query": as_ids(frame["qid"], path=path), "item": column}).with_row_index("row")
        flat = flat.explode("item").drop_nulls("item")
        if isinstance(flat.schema["item"], pl.Struct):
            item = flat["item"].struct
            score = item.field("ce-score") if "ce-score" in item.fields else pl.lit(None, pl.Float32)
            flat = flat.select("row", "query", item.field("pid").alias("item"), score=score)
        else:
            flat = flat.with_columns(score=pl.lit(None, pl.Float32))
        parts.append(
            flat.select(
                "row", "query", as_ids(flat["item"], path=path).alias("document"), pl.col("score").cast(pl.Float32)
            )
        )
    return _joined(parts, by_id=True)


def _flat(frame: pl.DataFrame, path: Path) -> ScoredPairs:
    """Read a row a pair: `query_id`, `doc_id` or `document_id`, and `score`."""
    names = _plain(frame)
    document = next(names[name] for name in ("docid", "documentid", "corpusid", "pid") if name in names)
    rows = [
        as_ids(frame[names["queryid"]], path=path).alias("query"),
        as_ids(frame[document], path=path).alias("document"),
    ]
    return ScoredPairs(pl.DataFrame([*rows, frame[names["score"]].cast(pl.Float32).alias("score")]), by_id=True)


def _exploded(lists: pl.DataFrame, path: Path) -> pl.DataFrame:
    uneven = (lists["document"].list.len() != lists["score"].list.len()).arg_true()
    if len(uneven):
        raise DatasetError(f"record {uneven[0] + 1} has unequal numbers of documents and scores", path=path)
    flat = lists.explode("document", "score").drop_nulls("document")
    return flat.with_columns(pl.col("document").cast(pl.String), pl.col("score").cast(pl.Float32))


def _joined(parts: list[pl.DataFrame], *, by_id: bool) -> ScoredPairs:
    rows = pl.concat(
        [each.select("row", "query", "document", "score") for each in parts if each.height], how="vertical_relaxed"
    )
    return ScoredPairs(rows.sort("row", maintain_order=True).drop("row"), by_id)


def _is_numbered(frame: pl.DataFrame) -> bool:
    names = _plain(frame)
    return any(_number(name) is not None for name in names) and any(
        name in names for name in ("positive", "pos", "answer")
    )


def _is_by_source(frame: pl.DataFrame) -> bool:
    return _has("qid", "pos", "neg")(frame) and isinstance(frame.schema["neg"], pl.Struct)


_LAYOUTS: tuple[tuple[Callable[[pl.DataFrame], bool], Callable[[pl.DataFrame, Path], ScoredPairs]], ...] = (
    (_is_by_source, _by_source),
    (_has("queryid", "documentids", "scores"), lambda frame, path: _of_pairs(pairs_of(frame, path=path))),
    (_has("questionid", "posdoc", "negdoc"), _nemo),
    (
        lambda frame: _has("query", "pos", "neg")(frame) and isinstance(frame.schema[_plain(frame)["neg"]], pl.List),
        _listed,
    ),
    (_is_numbered, _numbered),
    (
        lambda frame: (
            _has("queryid", "score")(frame) and any(_has(name)(frame) for name in ("docid", "documentid", "corpusid"))
        ),
        _flat,
    ),
)
