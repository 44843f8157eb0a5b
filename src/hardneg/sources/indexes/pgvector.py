"""Documents as PostgreSQL finds them: by the vectors of pgvector, or by words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from hardneg.errors import ModelError
from hardneg.leave import note_server
from hardneg.sources.indexes.asking import check_address
from hardneg.sources.indexes.by_vectors import IndexVectors
from hardneg.sources.indexes.by_words import IndexTexts
from hardneg.sources.indexes.options import check_metric
from hardneg.sources.indexes.postgres import SCHEMES, PostgresTable, quoted
from hardneg.sources.indexes.protocol import Facts, Key, Metric, Page, TextIndex, VectorIndex

_OPERATORS: dict[Metric, str] = {"cosine": "<=>", "dot": "<#>", "l2": "<->"}
_CLASSES: dict[str, Metric] = {"cosine_ops": "cosine", "ip_ops": "dot", "l2_ops": "l2"}
_VECTOR = re.compile(r"(?P<type>(?:.*\.)?\"?(?:vector|halfvec)\"?)(?:\((?P<dim>\d+)\))?")
_DEEPEST = 1_000  # that an index of kind hnsw can be asked for
_CLASS_OF_INDEX = """
SELECT o.opcname FROM pg_index i JOIN pg_opclass o ON o.oid = ANY(i.indclass)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indrelid = to_regclass(%s) AND a.attname = %s ORDER BY i.indexrelid
"""


@dataclass(frozen=True)
class PgVector(IndexVectors):
    """The best documents by vectors, as a table of PostgreSQL with pgvector finds them; the table is only read.

    Args:
        table: Name of the table, perhaps with its schema, `rag.passages`.
        url: Address, `postgresql://USER@HOST/DATABASE`, or `env:NAME` for a variable that holds it. The password comes
            from that variable, PGPASSWORD or the file that PGPASSFILE names.
        id_field: Column with the id of the document.
        vector: Column with the vector, of type vector or halfvec.
        metric: "cosine", "dot" or "l2"; None takes that of the column's index, without one the dot product.
        exact: Whether to compare with all rows, and not by the index.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range, or the source has no vectors.
    """

    table: str
    url: str
    id_field: str = "id"
    vector: str = "embedding"
    metric: Metric | None = None
    exact: bool = False
    name: str = "pgvector"

    server: ClassVar[str] = "url"

    def __post_init__(self) -> None:
        self.settle(self.name, "pgvector")
        check_address(self.url, kind="pgvector", schemes=SCHEMES)
        note_server(self.url)
        check_metric(self.metric, kind="pgvector")

    def index(self) -> VectorIndex:
        """Open the table."""
        return _VectorTable(
            PostgresTable(self.url, self.table, self.id_field, self.timeout_s, self.patience_s, "pgvector"), self
        )


@dataclass(frozen=True)
class PostgresText(IndexTexts):
    """The documents that share words with the query, as the full-text search of PostgreSQL ranks them.

    A document needs one of the query's words; its score is `ts_rank`, which knows no rare words from common ones. The
    table is only read.

    Args:
        table: Name of the table, perhaps with its schema.
        url: Address, `postgresql://USER@HOST/DATABASE`, or `env:NAME` for a variable that holds it.
        id_field: Column with the id of the document.
        text: Column with the text, or with its tsvector.
        language: Configuration of text search.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range.
    """

    table: str
    url: str
    id_field: str = "id"
    text: str = "text"
    language: str = "english"
    name: str = "postgres_text"

    server: ClassVar[str] = "url"

    def __post_init__(self) -> None:
        self.settle(self.name, "postgres_text")
        check_address(self.url, kind="postgres_text", schemes=SCHEMES)
        note_server(self.url)

    def index(self) -> TextIndex:
        """Open the table."""
        table = PostgresTable(self.url, self.table, self.id_field, self.timeout_s, self.patience_s, "postgres_text")
        return _TextTable(table, self)


class _VectorTable:
    most = 2**31 - 1

    def __init__(self, table: PostgresTable, source: PgVector) -> None:
        self._table, self._source = table, source
        self._vector, self._where = quoted(source.vector), f"{quoted(source.vector)} IS NOT NULL"

    def facts(self) -> Facts:
        table, type_ = self._table, self._type()
        count, writers = table.state(self._where)
        dim = type_["dim"]
        if dim is None and count:
            ((dim,),) = table.rows(f"SELECT vector_dims({self._vector}) FROM {table.sql} WHERE {self._where} LIMIT 1")
        return Facts(table.title, count, writers, None if dim is None else int(dim), self._metric())

    def pages(self) -> Iterator[Page]:
        return self._table.pages(self._where)

    def nearest(self, vectors: Float32[np.ndarray, "queries dim"], limit: int) -> list[list[Key]]:
        table = self._table
        statement = (
            f"SELECT {quoted(self._source.id_field)}::text FROM {table.sql} WHERE {self._where} "
            f"ORDER BY {self._vector} {_OPERATORS[self._metric()]} %s::{self._type()['type']} LIMIT {limit}"
        )
        by_index = not self._source.exact and limit <= _DEEPEST
        setting = f"SET LOCAL hnsw.ef_search = {limit}" if by_index else "SET LOCAL enable_indexscan = off"

        def work(connection: Any) -> list[list[Key]]:  # noqa: ANN401 - loaded when it is needed
            connection.execute(setting)
            texts = ("[" + ",".join(map(repr, vector)) + "]" for vector in vectors.tolist())
            return [[key for (key,) in connection.execute(statement, [text]).fetchall()] for text in texts]

        return table.asked(work)

    def vectors_of(self, keys: Sequence[Key]) -> tuple[list[Key], Float32[np.ndarray, "records dim"]]:
        table, column = self._table, quoted(self._source.id_field)
        type_ = table.type_of(self._source.id_field, field="id_field")
        rows = table.rows(
            f"SELECT {column}::text, {self._vector}::real[] FROM {table.sql} "
            f"WHERE {column} = ANY(%s::text[]::{type_}[]) AND {self._where}",
            list(keys),
        )
        return [key for key, _ in rows], np.array([vector for _, vector in rows], np.float32, ndmin=2)

    def _type(self) -> re.Match[str]:
        type_ = self._table.type_of(self._source.vector, field="vector")
        match = _VECTOR.fullmatch(type_)
        if match is None:
            raise ModelError(f"{self._table.title}: column {self._source.vector!r} is of type {type_}, not of vectors")
        return match

    def _metric(self) -> Metric:
        if self._source.metric is not None:
            return self._source.metric
        rows = self._table.rows(_CLASS_OF_INDEX, self._table.sql.replace("%%", "%"), self._source.vector)
        named = [_CLASSES.get(name.partition("_")[2]) for (name,) in rows]
        return next((each for each in named if each is not None), "dot")


class _TextTable:
    most = 2**31 - 1

    def __init__(self, table: PostgresTable, source: PostgresText) -> None:
        self._table, self._source = table, source
        self._where = f"{quoted(source.text)} IS NOT NULL"

    def facts(self) -> Facts:
        self._table.type_of(self._source.text, field="text")
        return Facts(self._table.title, *self._table.state(self._where))

    def pages(self) -> Iterator[Page]:
        return self._table.pages(self._where)

    def matching(self, texts: Sequence[str], limit: int) -> list[list[tuple[Key, float]]]:
        table, language = self._table, self._source.language
        column, ident = quoted(self._source.text), f"{quoted(self._source.id_field)}::text"
        is_ready = table.type_of(self._source.text, field="text") == "tsvector"
        words = column if is_ready else f"to_tsvector(%(language)s::regconfig, {column})"
        # Any of the words is enough: all of them would find nothing for a question in full.
        statement = (
            f"SELECT {ident}, ts_rank({words}, asked, 1) AS score FROM {table.sql}, ("
            "SELECT replace(plainto_tsquery(%(language)s::regconfig, %(text)s)::text, '&', '|')::tsquery AS asked) one "
            f"WHERE {words} @@ asked ORDER BY score DESC, {ident} LIMIT {limit}"
        )

        def work(connection: Any) -> list[list[tuple[Key, float]]]:  # noqa: ANN401 - loaded when it is needed
            asked = ({"language": language, "text": text} for text in texts)
            return [
                [(key, float(score)) for key, score in connection.execute(statement, each).fetchall()] for each in asked
            ]

        return table.asked(work)
