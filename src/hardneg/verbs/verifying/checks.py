"""One thing that was checked, and what came of it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["fine", "wrong", "not checked"]


@dataclass(frozen=True)
class Checked:
    """What was checked, where, and how it stands."""

    what: str
    where: str  # from the folder of the run on
    state: State
    detail: str

    def __str__(self) -> str:
        return f"{self.state}: {self.what} of {self.where}: {self.detail}"
