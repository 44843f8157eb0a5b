"""What a dataset holds and what may be wrong with it: read to its end, whatever is in it, then counted and examined."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardneg.arguments import check_whole
from hardneg.data.checks import UnreadableError, check_dataset
from hardneg.data.dataset import Dataset
from hardneg.data.findings import Check
from hardneg.data.layout import Layout
from hardneg.data.reading import read_reporting
from hardneg.data.rejections import Rejections
from hardneg.data.token_lengths import token_lengths
from hardneg.errors import DatasetError
from hardneg.models.given import resolve_model


def check(
    dataset: Dataset | str | Path | object,
    *,
    mapping: Layout | Mapping[str, Any] | None = None,
    model: str | Path | None = None,
    max_tokens: int = 256,
    skip_invalid: bool = False,
) -> Check:
    """Count what a dataset holds, and look for everything that may spoil training or evaluation.

    Args:
        dataset: A dataset, or what `read_dataset` takes. Rows of it that cannot be used do not stop the check.
        mapping: What is said of its layout, as for `read_dataset`.
        model: Count lengths in the tokens of this model; None counts words.
        max_tokens: Length beyond which a text counts as long, at least 1.
        skip_invalid: Whether rows that cannot be used are only warnings.

    Returns:
        Counts, lengths, and findings, errors first.

    Raises:
        UnreadableError: It cannot be read even without the rows that cannot be used; its `findings` say why.
        ModelError: There is no such model, or it has no tokenizer.
    """
    check_whole("check", least=1, max_tokens=max_tokens)
    place = None if model is None else resolve_model(model)
    rejections = Rejections(skip=True, counts=dict(dataset.skipped) if isinstance(dataset, Dataset) else {})
    try:
        data = read_reporting(dataset, rejections, layout=Layout.of(mapping))
    except DatasetError as error:
        raise UnreadableError(error, rejections, tolerate=skip_invalid) from error
    lengths = None
    if place is not None:
        lengths = token_lengths(data.query_texts, place), token_lengths(data.document_texts, place)
    return check_dataset(
        data,
        rejections=rejections,
        tolerate_skipped=skip_invalid,
        lengths=lengths,
        unit="words" if model is None else f"tokens of {model}",
        max_tokens=max_tokens,
    )
