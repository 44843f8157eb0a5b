"""What a query of a conversation looks like as one text: its last turn, or its history too.

A question such as "Are their rooms clean?" is about something that an earlier turn named. Whoever encodes it, or looks
its words up, must see those turns, and in training and in use alike. So the form is applied to the dataset, once, and
written down: in the dataset's column `query_form`, and in the config of each model that is trained on it.
"""

import re
from dataclasses import dataclass
from typing import Literal, cast

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError

Kind = Literal["last", "last_turns", "history", "rewrite"]

FORMS = "last, last_turns(k=3), history or rewrite"
BETWEEN = " | "
_WRITTEN = re.compile(r"last|history|rewrite|last_turns\((?:k=)?([1-9]\d*)\)")
_N_EXAMPLES = 3


@dataclass(frozen=True)
class QueryForm:
    """One way to write the turns of a conversation as one query.

    The current turn comes first, then the turns before it, **the latest first**: encoders cut texts at the end, so
    what a limit takes away are the oldest turns, never the question itself. Each earlier turn keeps its speaker
    ("user: …") and ` | ` stands between two turns. A conversation's first turn is written the same in every form but
    `rewrite`.
    """

    kind: Kind
    k: int | None = None

    @classmethod
    def parse(cls, text: str) -> "QueryForm":
        """Read a form as it is written on the command line, in a dataset and in a model's config.

        >>> str(QueryForm.parse("last_turns(3)"))
        'last_turns(k=3)'
        """
        written = _WRITTEN.fullmatch(text.strip())
        if written is None:
            raise DatasetError(f"there is no query form {text!r}; write {FORMS}")
        return cls(cast("Kind", written[0].partition("(")[0]), int(written[1]) if written[1] else None)

    def __str__(self) -> str:
        return self.kind if self.k is None else f"{self.kind}(k={self.k})"

    def write(self, turn: pl.Expr, history: pl.Expr) -> pl.Expr:
        """Join turns to queries."""
        earlier = history.list.reverse().list.eval(pl.element().drop_nulls())
        if self.kind != "history":
            earlier = earlier.list.head((self.k or 1) - 1)
        return pl.concat_list(turn, earlier.fill_null([])).list.join(BETWEEN)


def form_of(dataset: Dataset) -> str | None:
    """Name the form of a dataset's queries."""
    if "query_form" not in dataset.queries.columns:
        return "last" if "history" in dataset.queries.columns else None
    forms = dataset.queries["query_form"].unique().to_list()
    if len(forms) > 1 or forms[0] is None:
        raise DatasetError(
            f"the queries of {dataset.name} are in several forms: {forms}; write all in one (`query_form`)"
        )
    return str(QueryForm.parse(str(forms[0])))


def query_texts_in(dataset: Dataset, form: str | None) -> pl.Series:
    """Write the queries of a dataset in a form, whatever the form they are in."""
    if form is None or form == (form_of(dataset) or "last"):
        return dataset.query_texts
    queries, wanted = dataset.queries, QueryForm.parse(form)
    column = "rewrite" if wanted.kind == "rewrite" else "history"
    if column not in queries.columns:
        columns = ", ".join(name for name in queries.columns if name not in ("id", "text")) or "no metadata"
        raise DatasetError(
            f"the form {form!r} needs the column {column!r}, which the queries of {dataset.name} lack (they have: "
            f"{columns}); `hardneg data conversations` makes it, and for single questions an empty list will do"
        )
    if wanted.kind == "rewrite":
        return _rewrites(dataset)
    if not isinstance(queries.schema["history"], pl.List):
        raise DatasetError(
            f"the column 'history' of {dataset.name} holds {queries.schema['history']}, not lists of texts"
        )
    turn = "turn_text" if "turn_text" in queries.columns else "text"
    history = pl.col("history").cast(pl.List(pl.String))
    return queries.select(wanted.write(pl.col(turn).fill_null(""), history).alias("text"))["text"]


def in_form(dataset: Dataset, form: str) -> Dataset:
    """Give a dataset whose queries are in a form, and say so in its column `query_form`."""
    written = str(QueryForm.parse(form))
    texts = query_texts_in(dataset, written)
    turn = dataset.queries["turn_text" if "turn_text" in dataset.queries.columns else "text"]
    queries = dataset.queries.with_columns(texts.alias("text"), turn.alias("turn_text"), query_form=pl.lit(written))
    return Dataset(queries, dataset.documents, dataset.qrels, dataset.name, dataset.skipped)


def _rewrites(dataset: Dataset) -> pl.Series:
    rewrites = dataset.queries["rewrite"].cast(pl.String)
    missing = dataset.queries["id"].filter(rewrites.fill_null("").str.strip_chars() == "")
    if len(missing):
        shown = ", ".join(map(repr, missing.head(_N_EXAMPLES)))
        raise DatasetError(
            f"the form 'rewrite' needs a text in the column 'rewrite' for each query of {dataset.name}; "
            f"{len(missing):,} have none, such as {shown}"
        )
    return rewrites.alias("text")
