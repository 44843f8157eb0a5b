"""Finding columns by the names that people give them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardneg.data.headers import plain_name
from hardneg.errors import DatasetError


@dataclass
class Columns:
    """The columns of a table, and which of them have a role already."""

    names: Sequence[str]
    place: Path
    taken: set[str] = field(default_factory=set)

    @property
    def rest(self) -> list[str]:
        """Those without a role, in order."""
        return [name for name in self.names if name not in self.taken]

    def given(self, name: str, *, option: str) -> str:
        """Take the column that the user names."""
        if name in self.names:
            return self._take(name)
        alike = [each for each in self.names if plain_name(each) == plain_name(name)]
        if len(alike) != 1:
            what = f"no column {name!r}" if not alike else f"{' and '.join(map(repr, alike))} may be meant by {name!r}"
            raise DatasetError(f"{what}; it has: {', '.join(self.names)}; name it with --{option}", path=self.place)
        return self._take(alike[0])

    def common(
        self, tiers: Sequence[Collection[str]], *, option: str, among: Collection[str] | None = None
    ) -> str | None:
        """Take the column with a common name: the first tier of which there is one counts."""
        usable = [name for name in self.rest if among is None or name in among]
        for tier in tiers:
            found = [name for name in usable if plain_name(name) in tier]
            if len(found) > 1:
                shown = " and ".join(map(repr, found))
                raise DatasetError(
                    f"the columns {shown} may each be the {option}; name the right one with --{option}", path=self.place
                )
            if found:
                return self._take(found[0])
        return None

    def _take(self, name: str) -> str:
        self.taken.add(name)
        return name


def looked_for(tiers: Sequence[Collection[str]]) -> str:
    """List common names for a message."""
    return ", ".join(name for tier in tiers for name in tier)
