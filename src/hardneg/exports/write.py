"""Writing an export: checks first, then block by block, then the manifest beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.arguments import check_places, check_tables, check_texts
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.errors import RecipeError, RunError
from hardneg.exports import nemo
from hardneg.exports.block import blocks
from hardneg.exports.chosen import Chosen, choose
from hardneg.exports.files import Sinks
from hardneg.exports.form import Form
from hardneg.exports.forms import ALIASES, FORMS
from hardneg.exports.manifest import is_export, manifest_of, manifest_path, write_manifest
from hardneg.files import replacing, replacing_folder
from hardneg.place import nearest

_HEADS = {nemo.TRAIN: nemo.head()}


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: The file or folder.
        files: Rows of each file by its name, that of the form's rows first.
        columns: Columns of the rows.
        manifest: What lies beside it: in a folder as `manifest.json`, beside a file as `NAME.manifest`.
    """

    path: Path
    files: dict[str, int]
    columns: list[str]
    manifest: dict[str, Any]

    @property
    def n_rows(self) -> int:
        """Rows of the file that is trained on."""
        return next(iter(self.files.values()))


@dataclass(frozen=True)
class Wish:
    """What is asked of an export.

    Args:
        form: A name of `FORMS`, or another name of one.
        split: The positives of this split are exported.
        scores: Whether to write scores.
        ids: Whether to write ids, where the form has them on request.
        n_negatives: Negatives of each row; queries with fewer are left out.

    Raises:
        RecipeError: The form is unknown, or has not what is asked of it.
    """

    form: str
    split: str
    scores: bool = False
    ids: bool = False
    n_negatives: int | None = None

    def __post_init__(self) -> None:
        check_texts("export", split=self.split, form=self.form)
        if self.name not in FORMS:
            raise RecipeError(f"export: form is {self.form!r}; {nearest(self.form, FORMS)}")
        if self.n_negatives is not None and (not self.layout.takes_width or self.n_negatives < 1):
            others = ", ".join(name for name, each in FORMS.items() if each.takes_width)
            raise RecipeError(
                f"export: n_negatives is {self.n_negatives}; give 1 or more, and with a form whose rows have several: "
                f"{others}"
            )
        for what, asked, has in (("ids", self.ids, self.layout.ids), ("scores", self.scores, self.layout.scores)):
            if asked and has == "never":
                why = dict(self.layout.cannot).get(what, "its loader does not read them")
                raise RecipeError(f"export: {self.name} carries no {what} ({why}); leave {what} out")

    @property
    def name(self) -> str:
        """The form's own name."""
        return ALIASES.get(self.form, self.form)

    @property
    def layout(self) -> Form:
        """The form."""
        return FORMS[self.name]

    def choose(
        self, dataset: Dataset, negatives: pl.DataFrame, *, found: pl.DataFrame | None, n_answers: int = 0
    ) -> Chosen:
        """Take what is exported; `n_answers` counts what was left out before."""
        check_dataset(dataset, purpose="export")
        check_tables("export", ("query", "document"), optional=False, negatives=negatives)
        check_tables("export", ("query", "document"), found=found)
        asked = self.layout.scores
        return choose(
            dataset,
            negatives,
            split=self.split,
            scores=asked == "needed" or (asked == "asked" and self.scores),
            ids=self.ids,
            even=self.layout.even,
            n_negatives=self.n_negatives,
            found=found,
            n_answers=n_answers,
        )


def table_of(
    wish: Wish, dataset: Dataset, negatives: pl.DataFrame, *, found: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Give the rows of a form of one file as one table."""
    if wish.layout.is_folder:
        raise RecipeError(f"export: {wish.name} is several files; give a path")
    chosen = wish.choose(dataset, negatives, found=found)
    return pl.concat([wish.layout.rows(block)[""] for block in blocks(chosen)])


def write(
    wish: Wish,
    dataset: Dataset,
    negatives: pl.DataFrame,
    path: Path | str,
    *,
    found: pl.DataFrame | None = None,
    n_answers: int = 0,
) -> Exported:
    """Write negatives in a form, a block of queries at a time, so that memory does not grow with the export.

    Args:
        wish: The form and what is asked of it.
        dataset: The dataset that the negatives were mined from.
        negatives: Columns `query` and `document`, and what mining knows of each.
        path: The file, or the folder for a form that is one.
        found: Positives that mining found, as `found_of` reads them.
        n_answers: Negatives that were left out before as answers; the manifest counts them.

    Returns:
        What was written.

    Raises:
        RecipeError: The ending of the file does not fit the form.
        DatasetError: The split does not exist or has no positive.
        RunError: A score is missing, there would be no row, or the folder holds something else.
    """
    check_places("export", optional=False, path=path)
    place, layout = Path(path), wish.layout
    check_place(wish, place)
    chosen = wish.choose(dataset, negatives, found=found, n_answers=n_answers)
    columns: list[str] = []
    with _placed(place, layout) as temporary:
        with Sinks(temporary, suffix=None if layout.is_folder else place.suffix, heads=_HEADS) as sinks:
            for block in blocks(chosen):
                for file, rows in layout.rows(block).items():
                    columns = columns or rows.columns
                    sinks.write(file, rows)
            for file, rows in layout.texts(chosen):
                sinks.write(file, rows)
        for file, text in layout.fixed(chosen).items():
            (temporary / file).write_text(text, encoding="utf-8")
        files = {file or place.name: sink.n_rows for file, sink in sinks.files.items()}
        content = manifest_of(wish.name, layout, chosen, files)
        if layout.is_folder:
            write_manifest(manifest_path(temporary, layout), content)
    if not layout.is_folder:
        with replacing(manifest_path(place, layout), sums=False) as beside:
            write_manifest(beside, content)
    return Exported(place, files, columns, content)


def check_place(wish: Wish, place: Path) -> None:
    """Make sure that a form can be written to a place, and that nothing else is lost by it."""
    layout = wish.layout
    if not layout.is_folder:
        if place.suffix not in layout.suffixes:
            raise RecipeError(
                f"export: cannot tell the format of {place}; end its name in {' or '.join(layout.suffixes)}"
            )
        if wish.name == "lightning-ir" and len(place.suffixes) > 1:
            raise RecipeError(
                f"export: lightning-ir takes the first ending of {place.name} for its format; leave one dot in the name"
            )
        return
    if place.is_file() or place.suffix in (".jsonl", ".json", ".parquet", ".tsv", ".csv"):
        raise RecipeError(f"export: {wish.name} is several files, so {place} must be a folder; name one")
    if place.is_dir() and any(place.iterdir()) and not is_export(place):
        raise RunError(f"{place} holds something else than an export; name another folder, or empty it first")


@contextmanager
def _placed(place: Path, layout: Form) -> Iterator[Path]:
    """Give the place at which to write, which appears under its own name when it is whole."""
    with replacing_folder(place, sums=False) if layout.is_folder else replacing(place, sums=False) as temporary:
        yield temporary
