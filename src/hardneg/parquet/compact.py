"""Thrift's compact protocol, as far as the headers of Parquet need it: numbers are read, all else is passed over."""

from collections.abc import Collection, Iterator

_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT, _UUID = range(14)
_INTEGERS = (_I16, _I32, _I64)
_FIXED = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8, _UUID: 16}  # bytes of a field; a truth stands in its kind
_LONGEST = 10  # bytes of a number
_DEEPEST = 32


class Unreadable(ValueError):  # noqa: N818 - it is what the bytes are
    """Bytes that are no such header."""


class Cursor:
    """A place in bytes that are read forwards.

    References:
        Apache Thrift, "Thrift compact protocol encoding" (doc/specs/thrift-compact-protocol.md).
    """

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def fields(self) -> Iterator[tuple[int, int]]:
        """Go through the fields of a struct, by number and kind; the caller reads or skips each."""
        number = 0
        while kind := self.byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self.integer()
            yield number, kind

    def numbers(self, within: Collection[int] = ()) -> tuple[dict[int, int], dict[int, dict[int, int]]]:
        """Read the whole numbers of a struct, by number of the field, and those of some structs within it."""
        values, inner = {}, {}
        for number, kind in self.fields():
            if kind in _INTEGERS:
                values[number] = self.integer()
            elif kind == _STRUCT and number in within:
                inner[number] = self.numbers()[0]
            else:
                self.skip(kind)
        return values, inner

    def items(self) -> range:
        """Begin a list of structs; the caller reads as many as this counts."""
        n, kind = self._items()
        if kind != _STRUCT and n:
            raise Unreadable(f"a list of kind {kind} where one of structs is expected")
        return range(n)

    def byte(self) -> int:
        """Read one byte."""
        if self.at >= len(self.data):
            raise Unreadable("it ends too early")
        self.at += 1
        return self.data[self.at - 1]

    def integer(self) -> int:
        """Read a signed number."""
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def text(self) -> bytes:
        """Read a text."""
        start = self._pass(self._unsigned())
        return self.data[start : self.at]

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over the value of a field."""
        if kind in _INTEGERS:
            self._unsigned()
        elif kind in _FIXED:
            self._pass(_FIXED[kind])
        elif kind == _BINARY:
            self._pass(self._unsigned())
        elif depth > _DEEPEST:
            raise Unreadable("it is nested too deeply")
        else:
            self._skip_inner(kind, depth + 1)

    def _skip_inner(self, kind: int, depth: int) -> None:
        if kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth)
        elif kind in (_LIST, _SET):
            n, inner = self._items()
            for _ in range(n):
                self._skip_item(inner, depth)
        elif kind == _MAP:
            n = self._unsigned()
            kinds = self.byte() if n else 0
            for _ in range(n):
                self._skip_item(kinds >> 4, depth)
                self._skip_item(kinds & 15, depth)
        else:
            raise Unreadable(f"a field of the unknown kind {kind}")

    def _skip_item(self, kind: int, depth: int) -> None:
        if kind in (_TRUE, _FALSE):  # in lists they have a byte
            self._pass(1)
        else:
            self.skip(kind, depth)

    def _items(self) -> tuple[int, int]:
        head = self.byte()
        n = head >> 4
        return (self._unsigned() if n == 15 else n), head & 15

    def _unsigned(self) -> int:
        value = shift = 0
        for _ in range(_LONGEST):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise Unreadable("a number is too long")

    def _pass(self, n: int) -> int:
        start, end = self.at, self.at + n
        if end > len(self.data):
            raise Unreadable("it ends too early")
        self.at = end
        return start
