"""Documents as a table of LanceDB finds them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
from jaxtyping import Float32

from hardneg.addresses import refuse_address
from hardneg.errors import MissingExtraError, ModelError, RecipeError
from hardneg.leave import note_file
from hardneg.place import nearest
from hardneg.sources.indexes.asking import one_line
from hardneg.sources.indexes.by_vectors import IndexVectors
from hardneg.sources.indexes.options import check_metric
from hardneg.sources.indexes.protocol import Facts, Key, Metric, Page, VectorIndex

_ROW, _DISTANCE = "_rowid", "_distance"
_TABLES = 10_000  # that are listed


@dataclass(frozen=True)
class LanceDB(IndexVectors):
    """The best documents by vectors, as a table of LanceDB finds them.

    Args:
        table: Name of the table.
        path: Folder of the database.
        id_field: Column with the id of the document.
        vector: Column with the vector.
        metric: "cosine", "dot" or "l2"; None takes that of the column's index, without one the dot product.
        exact: Whether to compare with all rows, and not by the index.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range, or the source has no vectors.
    """

    table: str
    path: str | Path
    id_field: str = "id"
    vector: str = "vector"
    metric: Metric | None = None
    exact: bool = False
    name: str = "lancedb"

    native_file: ClassVar[str] = "path"

    def __post_init__(self) -> None:
        self.settle(self.name, "lancedb")
        refuse_address(self.path, purpose="lancedb")
        note_file(self.path)
        check_metric(self.metric, kind="lancedb")

    def index(self) -> VectorIndex:
        """Open the newest version of the table."""
        return _Table(self)


class _Table:
    most = 2**31 - 1

    def __init__(self, source: LanceDB) -> None:
        try:
            import lancedb
        except ImportError as error:
            raise MissingExtraError("lancedb", extra="lancedb", purpose="the source lancedb") from error
        self._source = source
        self.title = f"table {source.table!r} in {source.path}"
        if not Path(source.path).is_dir():
            raise RecipeError(f"lancedb: there is no folder {source.path}; look at path")
        database = lancedb.connect(str(source.path))
        try:
            names = sorted(database.list_tables(limit=_TABLES).tables)
            if source.table not in names:
                there = nearest(source.table, names) if names else "there is none"
                raise RecipeError(f"{self.title} does not exist; {there}")
            self._table: Any = database.open_table(source.table)
            self._columns = {each.name: each.type for each in self._table.schema}
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(f"{self.title} cannot be read: {one_line(error)}") from error
        for field, column in {"id_field": source.id_field, "vector": source.vector}.items():
            if column not in self._columns:
                there = nearest(column, self._columns)
                raise RecipeError(f"{self.title} has no column {column!r}, which {field} names; {there}")

    def facts(self) -> Facts:
        dim = getattr(self._columns[self._source.vector], "list_size", None)
        if dim is None:
            type_ = self._columns[self._source.vector]
            raise ModelError(f"{self.title}: column {self._source.vector!r} is of type {type_}, not of vectors")
        # The version counts every write; the folder of an earlier one of the same name has other files.
        return Facts(self.title, int(self._table.count_rows()), f"version {self._table.version}", dim, self._metric())

    def pages(self) -> Iterator[Page]:
        column = self._source.id_field
        for batch in self._table.search().select([column]).with_row_id(True).to_batches():
            names = (None if name is None else str(name) for name in batch.column(column).to_pylist())
            yield list(zip(batch.column(_ROW).to_pylist(), names, strict=True))

    def nearest(self, vectors: Float32[np.ndarray, "queries dim"], limit: int) -> list[list[Key]]:
        return [self._nearest(vector, limit) for vector in vectors]

    def vectors_of(self, keys: Sequence[Key]) -> tuple[list[Key], Float32[np.ndarray, "records dim"]]:
        column = self._source.vector
        rows = self._table.take_row_ids(list(keys)).select([column]).with_row_id().to_arrow()
        rows = rows.filter(rows[column].is_valid())
        flat = rows[column].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        return rows[_ROW].to_pylist(), flat.reshape(rows.num_rows, -1)

    def _nearest(self, vector: Float32[np.ndarray, " dim"], limit: int) -> list[Key]:
        query: Any = self._table.search(vector, vector_column_name=self._source.vector)
        query = query.distance_type(self._metric()).limit(limit).select([_DISTANCE]).with_row_id(True)
        if self._source.exact:
            query = query.bypass_vector_index()
        return query.to_arrow()[_ROW].to_pylist()

    def _metric(self) -> Metric:
        if self._source.metric is not None:
            return self._source.metric
        for index in self._table.list_indices():
            if self._source.vector in index.columns:
                statistics = self._table.index_stats(index.name)
                named = "" if statistics is None else str(statistics.distance_type).lower()
                if named in get_args(Metric):
                    return named  # type: ignore[return-value]
        return "dot"
