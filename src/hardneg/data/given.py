"""Whether what was given as a dataset is one."""

from typing import Any

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError


def check_dataset(dataset: Any, *, purpose: str) -> None:  # noqa: ANN401 - whatever a user gave
    """Make sure that a dataset was given, and not the place where one lies."""
    if isinstance(dataset, Dataset):
        return
    named = (
        f": hardneg.read_dataset({str(dataset)!r})"
        if hasattr(dataset, "__fspath__") or isinstance(dataset, str)
        else ""
    )
    raise DatasetError(
        f"{purpose}: a {type(dataset).__name__} is no Dataset; read it first{named or ' (read_dataset)'}"
    )
