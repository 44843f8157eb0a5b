"""A table of PostgreSQL, which is only ever read."""

import atexit
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from hardneg.errors import MissingExtraError, ModelError, RecipeError
from hardneg.place import nearest
from hardneg.sources.indexes.asking import Passing, address_in, one_line, patiently, shown_address
from hardneg.sources.indexes.protocol import Page

T = TypeVar("T")

SCHEMES = ("postgresql", "postgres")
_PAGE = 5_000
# Classes of states that pass: a connection is lost, a server is full, starts or stops, a statement took too long.
_PASSING = ("08", "40", "53", "55", "57")
_open: dict[tuple[str, float], Any] = {}  # connections, by address and how long a statement may take
_REFUSED = ("password", "authentication", "does not exist", "no pg_hba.conf")


@dataclass(frozen=True)
class PostgresTable:
    """Where the records are."""

    url: str
    name: str  # perhaps with its schema before it
    id_field: str
    timeout_s: float
    patience_s: float
    kind: str  # of the source, in messages

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"table {self.name!r} at {shown_address(self._address)}"

    @property
    def sql(self) -> str:
        """Its name, quoted."""
        return ".".join(map(quoted, self.name.split(".")))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - whatever a column holds
        """Ask once."""
        return self.asked(lambda connection: connection.execute(query, values).fetchall())

    def asked(self, work: Callable[[Any], T]) -> T:
        """Do something with a connection, in a transaction; it is opened anew where it was lost."""
        psycopg = library(self.kind)

        def once() -> T:
            try:
                connection = _connection(self._address, self.timeout_s, self.kind)
                with connection.transaction():
                    return work(connection)
            except psycopg.Error as error:
                state = str(getattr(error, "sqlstate", None) or "")
                is_lost = not state and isinstance(error, psycopg.OperationalError)
                if is_lost and any(word in str(error) for word in _REFUSED):
                    way_out = (
                        "look at the user and database of url, and at PGPASSWORD or the file that PGPASSFILE names"
                    )
                    raise ModelError(f"{self.title} refuses: {one_line(error)}; {way_out}") from error
                if is_lost or state[:2] in _PASSING:
                    _close()
                    raise Passing(one_line(error)) from error
                raise ModelError(f"{self.title} refuses: {one_line(error)}") from error

        way_out = "see whether it runs, and whether url is its address"
        return patiently(once, patience_s=self.patience_s, title=self.title, way_out=way_out)

    def type_of(self, column: str, *, field: str) -> str:
        """Give the type of a column that a setting names; a RecipeError says what there is in its place."""
        columns = self._columns()
        if column not in columns:
            raise RecipeError(f"{self.title} has no column {column!r}, which {field} names; {nearest(column, columns)}")
        return columns[column]

    def state(self, where: str) -> tuple[int, str]:
        """Count rows, and sum up who wrote each of them last, which every write changes."""
        query = f"SELECT count(*), coalesce(sum(xmin::text::bigint), 0)::text FROM {self.sql} WHERE {where}"
        ((count, writers),) = self.rows(query)
        return int(count), str(writers)

    def pages(self, where: str) -> Iterator[Page]:
        """List the ids of rows, which are their keys too."""
        self.type_of(self.id_field, field="id_field")
        rows = self.rows(f"SELECT {quoted(self.id_field)}::text FROM {self.sql} WHERE {where}")
        for start in range(0, len(rows), _PAGE):
            yield [("" if name is None else name, name) for (name,) in rows[start : start + _PAGE]]

    def _columns(self) -> dict[str, str]:
        ((oid,),) = self.rows("SELECT to_regclass(%s)::oid", self.sql.replace("%%", "%"))
        if oid is None:
            tables = self.rows(
                "SELECT CASE WHEN schemaname = ANY(current_schemas(false)) THEN '' ELSE schemaname || '.' END "
                "|| tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
            )
            there = nearest(self.name, [each for (each,) in tables]) if tables else "there is none"
            raise RecipeError(f"{self.title} does not exist; {there}")
        return dict(
            self.rows(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
                "WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                oid,
            )
        )

    @property
    def _address(self) -> str:
        return address_in(self.url, kind=self.kind)


def quoted(name: str) -> str:
    """Quote the name of a column, for a statement with values."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def library(kind: str) -> Any:  # noqa: ANN401 - loaded when it is needed
    """Import psycopg."""
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtraError("psycopg", extra="pgvector", purpose=f"the source {kind}") from error
    return psycopg


def _connection(address: str, timeout_s: float, kind: str) -> Any:  # noqa: ANN401 - see above
    """Give the connection of this process, opened if there is none."""
    if (address, timeout_s) not in _open:
        settings = f"-c default_transaction_read_only=on -c statement_timeout={max(1, round(1_000 * timeout_s))}"
        _open[address, timeout_s] = library(kind).connect(
            address,
            connect_timeout=max(1, round(timeout_s)),
            options=settings,
            autocommit=True,
            prepare_threshold=None,  # what was prepared would outlive a table that is made anew
        )
    return _open[address, timeout_s]


@atexit.register
def _close() -> None:
    for connection in _open.values():
        connection.close()
    _open.clear()
