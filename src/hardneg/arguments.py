"""What Python users give to public functions, checked before any work: one line that says what to give."""

from typing import Any

from hardneg.addresses import address_of
from hardneg.errors import RecipeError

_LONGEST = 60


def shown(value: object) -> str:
    """Show a value on one line, cut where it is long; tables and arrays by their kind alone.

    >>> shown("dense")
    "'dense'"
    >>> len(shown([1] * 90))
    61
    """
    text = repr(value)
    if "\n" in text:
        return f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def check_texts(purpose: str, **values: Any) -> None:  # noqa: ANN401 - whatever a user gave
    """Make sure that arguments are texts with something in them."""
    for name, value in values.items():
        if not isinstance(value, str) or not value.strip():
            raise RecipeError(f"{purpose}: {name} must be a text, not {shown(value)}")


def check_whole(purpose: str, *, least: int, **values: Any) -> None:  # noqa: ANN401 - whatever a user gave
    """Make sure that arguments are whole numbers."""
    for name, value in values.items():
        is_whole = hasattr(value, "__index__") and not isinstance(value, bool) and not getattr(value, "shape", ())
        if not is_whole or value < least:
            raise RecipeError(f"{purpose}: {name} must be a whole number from {least} on, not {shown(value)}")


def check_places(purpose: str, *, optional: bool = True, **values: Any) -> None:  # noqa: ANN401 - whatever a user gave
    """Make sure that arguments are paths."""
    for name, value in values.items():
        if not (optional and value is None) and (
            not (isinstance(value, str) or hasattr(value, "__fspath__")) or not str(value)
        ):
            raise RecipeError(f"{purpose}: {name} must be a path, not {shown(value)}")
        if address_of(value) is not None:
            raise RecipeError(
                f"{purpose}: {name} is an address, {value}; to read, give hardneg.storage.bring({str(value)!r}); to "
                f"write, `with hardneg.runs.publishing.published({str(value)!r}) as folder`, and give that folder"
            )


def check_tables(purpose: str, columns: tuple[str, ...], *, optional: bool = True, **values: Any) -> None:  # noqa: ANN401 - as above
    """Make sure that arguments are Polars tables with certain columns."""
    import polars as pl  # settings are read without it

    for name, value in values.items():
        if optional and value is None:
            continue
        wanted = f"a Polars table with columns {', '.join(columns)}"
        if not isinstance(value, pl.DataFrame):
            raise RecipeError(f"{purpose}: {name} must be {wanted}, not {shown(value)}")
        lacking = [column for column in columns if column not in value.columns]
        if lacking:
            raise RecipeError(
                f"{purpose}: {name} must be {wanted}, but it lacks {', '.join(lacking)}; it has: "
                f"{', '.join(value.columns)}"
            )
