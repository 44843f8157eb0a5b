"""Which family of layouts a table of records belongs to."""

from collections.abc import Collection

from hardneg.data.dataset import Dataset
from hardneg.data.headers import plain_name
from hardneg.data.layout import Layout
from hardneg.data.readers.messages import has_messages, without_messages
from hardneg.data.readers.pair_columns import KNOWN
from hardneg.data.readers.pairs import read_pairs
from hardneg.data.readers.passages import has_passages, read_passages
from hardneg.data.readers.pool import read_pool
from hardneg.data.readers.table import Table
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError
from hardneg.storage import here

# What published layouts have, to name the nearest one where none fits.
_SIGNATURES = {
    "pairs of sentence-transformers": ("anchor", "positive"),
    "FlagEmbedding": ("query", "pos", "neg"),
    "DPR": ("question", "positive_ctxs", "negative_ctxs"),
    "Tevatron": ("query_id", "query", "positive_passages", "negative_passages"),
    "Tevatron, documents by id": ("query_id", "query_text", "positive_document_ids", "negative_document_ids"),
    "ms-swift": ("messages", "positive_messages", "negative_messages"),
    "NeMo": ("question", "pos_doc", "neg_doc"),
    **KNOWN,
}


def read_records_table(table: Table, *, layout: Layout, rejections: Rejections, name: str | None = None) -> Dataset:
    """Read a table of records, whatever family its columns belong to."""
    pool = None if layout.documents is None else read_pool(here(layout.documents), rejections=rejections)
    if has_messages(table):
        table, layout = without_messages(table, layout)
    elif has_passages(table) and layout.positive is None:
        return read_passages(table, layout=layout, rejections=rejections, pool=pool, name=name)
    try:
        return read_pairs(table, layout=layout, rejections=rejections, pool=pool, name=name)
    except DatasetError as error:
        if not str(error).count("no column for the"):
            raise
        near = nearest_layout(table.frame.columns)
        raise DatasetError(f"{_message(error)}{near}", path=error.path, line=error.line) from None


def nearest_layout(columns: Collection[str]) -> str:
    """Say which known layout some columns are nearest to and what they lack; nothing where none is near."""
    plain = {plain_name(name) for name in columns}
    shares = {kind: [name for name in names if plain_name(name) in plain] for kind, names in _SIGNATURES.items()}
    kind = max(shares, key=lambda each: len(shares[each]) / len(_SIGNATURES[each]))
    if not shares[kind]:
        return ""
    lacking = [name for name in _SIGNATURES[kind] if name not in shares[kind]]
    return f". The nearest known layout is {kind}, which also has: {', '.join(lacking)}"


def _message(error: DatasetError) -> str:
    where = "" if error.path is None else f"{error.path}: " if error.line is None else f"{error.path}:{error.line}: "
    return str(error).removeprefix(where)
