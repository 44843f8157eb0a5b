"""The options that say how a dataset is laid out, the same on every command that reads one."""

import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from hardneg.addresses import address_of
from hardneg.data.layout import Layout

__all__ = ["Layout", "reads_dataset", "takes"]

T = TypeVar("T")

_PANEL = "What is what in the dataset"


def _option(name: str, kind: Any, help: str) -> inspect.Parameter:  # noqa: ANN401 - the type of an option
    flag = f"--{name.replace('_', '-')}"
    annotation = Annotated[kind, typer.Option(flag, help=help, rich_help_panel=_PANEL, show_default=False)]
    default = False if kind is bool else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_OPTIONS = (
    _option("query", str | None, "Column of the query; found by its name if not given."),
    _option("positive", str | None, "Column of the text, or list of texts, that answers it."),
    _option("negative", list[str] | None, "Column of texts judged not to answer it. Repeat for more."),
    _option("label", str | None, "Column that says how relevant a pair is."),
    _option("ignore", list[str] | None, "Column to leave out. Repeat for more."),
    _option("relevance", str | None, "What values of the relevance mean: 'E=1,S=0'; above 0 is relevant."),
    _option("min_relevance", float | None, "From this value on a pair is relevant; below, judged not relevant."),
    _option("documents", Path | None, "File with further documents: JSONL, CSV, TSV, Parquet, or text, one a line."),
    _option("split_column", str | None, "Column that names the split of each row."),
    _option("separator", str | None, "What stands between the fields of a text file: ';', tab, '::'."),
    _option("no_header", bool, "The first line of a text file is data."),
    _option("candidates", bool, "What the data list beside answers are candidates, with their scores, not judgements."),
    _option("columns", str | None, "Names of the columns of a text file, in order: query,positive."),
)


def takes(
    name: str, options: Sequence[inspect.Parameter], make: Callable[[dict[str, Any]], object]
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Give a command options, which its parameter `name` takes together as what `make` makes of them."""

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        signature = inspect.signature(command)
        parameters = [each for each in signature.parameters.values() if each.name != name]
        added = [each for each in options if each.name not in signature.parameters]  # `--documents` may count

        @functools.wraps(command)
        def described(*args: Any, **values: Any) -> T:  # noqa: ANN401 - whatever the command takes
            together = make({each.name: values.pop(each.name, each.default) for each in added})
            return command(*args, **{name: together}, **values)

        hints = typing.get_type_hints(command, include_extras=True) | {each.name: each.annotation for each in added}
        described.__signature__ = signature.replace(parameters=[*parameters, *added])  # type: ignore[attr-defined]
        described.__annotations__ = {key: hint for key, hint in hints.items() if key != name}
        del described.__wrapped__
        return described

    return decorate


def reads_dataset(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the options of a layout, which its parameter `layout` takes together."""
    return takes("layout", _OPTIONS, _layout)(command)


def _layout(said: dict[str, Any]) -> Layout:
    if said.get("documents") is not None and address_of(said["documents"]) is None:
        said["documents"] = said["documents"].expanduser().resolve()
    return Layout.of(said)
